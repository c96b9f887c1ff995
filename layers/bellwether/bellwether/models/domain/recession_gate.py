"""The gate of a forecaster's second head: the chance of a recession beats the term-spread probit or stays out."""

import math
from collections.abc import Iterator

from bellwether.models.domain.forecast_evaluation import HeadLeftOut, RecessionEvaluation
from bellwether.models.domain.specs import RecessionPolicy
from bellwether.shared.domain.decisions import Gate
from bellwether.shared.domain.errors import InvalidInputError

MODEL, PROBIT = "model", "probit"
RATIO_TOLERANCE = 0.005  # between the report's ratio and that of its scores, both rounded


def recession_gates(found: RecessionEvaluation | HeadLeftOut | None, policy: RecessionPolicy) -> Iterator[Gate]:
    """Every check of the head; a candidate that says why it has none passes, one that says nothing does not."""
    if found is None:
        reason = "the report has no recession section and no reason for its absence"
        yield Gate(name="recession_head", observed=None, limit="evaluated or left out", passed=False, reason=reason)
    elif isinstance(found, HeadLeftOut):
        reason = f"no recession head: {found.left_out}"
        yield Gate(name="recession_head", observed="left out", limit=None, passed=True, reason=reason)
    else:
        yield from _of_head(found, policy)


def check_recession(found: RecessionEvaluation | HeadLeftOut | None) -> None:
    """Refuse figures that contradict each other; raises InvalidInputError that names the field."""
    if not isinstance(found, RecessionEvaluation):
        return
    own, other = found.brier.get(MODEL), found.brier.get(PROBIT)
    comparison = found.versus.get(PROBIT)
    if own is None or not other or comparison is None:
        raise InvalidInputError(f"{MODEL} and {PROBIT} are both needed", field="evaluation.json recession brier")
    if not math.isclose(own / other, comparison.brier_ratio, abs_tol=RATIO_TOLERANCE):
        message = f"says {comparison.brier_ratio:.4f}, its own scores say {own / other:.4f}"
        raise InvalidInputError(message, field=f"evaluation.json recession versus {PROBIT} brier_ratio")


def bias_limit(found: RecessionEvaluation, policy: RecessionPolicy) -> float:
    """How far the mean probability may be from the base rate: origins within the same year see the same recession."""
    independent = max(1.0, found.n / found.within_months)
    return policy.bias_sigmas * math.sqrt(found.base_rate * (1.0 - found.base_rate) / independent)


def _of_head(found: RecessionEvaluation, policy: RecessionPolicy) -> Iterator[Gate]:
    least = policy.origins_min
    reason = f"recession probability: only {found.n} backtest origins, at least {least} are needed"
    yield _gate("recession_origins", found.n, least, found.n >= least, reason)
    ratio, below = found.versus[PROBIT].brier_ratio, policy.brier_ratio_below
    reason = f"recession probability: Brier score is {ratio:.3f} of the probit's, has to be below {below:.3f}"
    yield _gate("recession_brier_ratio.probit", ratio, below, ratio < below, reason)
    most = bias_limit(found, policy)
    reason = (
        f"recession probability: mean probability is {found.bias:+.3f} from the base rate of {found.base_rate:.3f}, "
        f"the limit is {most:.3f} in either direction"
    )
    yield _gate("recession_bias", found.bias, f"-{most:.3f} to {most:.3f}", abs(found.bias) <= most, reason)


def _gate(name: str, observed: float, limit: float | str, passed: bool, reason: str) -> Gate:
    return Gate(name=name, observed=observed, limit=limit, passed=passed, reason="" if passed else reason)
