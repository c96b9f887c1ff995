"""The gate of a spend forecast: month totals beside weekly naive and OptScale's rule, coverage, bias, slices, floor."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bellwether.models.domain.bundle_manifest import BundleManifest
from bellwether.models.domain.forecast_gate import MODEL, RATIO_TOLERANCE, check_subject, coverage_gate, gate_of
from bellwether.models.domain.specs import SpendGatePolicy, SpendSpec
from bellwether.models.domain.spend_evaluation import SpendReport, SpendSlice
from bellwether.shared.domain.decisions import Gate, scope
from bellwether.shared.domain.errors import InvalidInputError

POLICY_PART = "spend.json"


@dataclass(frozen=True)
class _Limit:
    interval_level: float
    interval_tolerance: float


def gates(report: SpendReport, policy: SpendGatePolicy) -> tuple[Gate, ...]:
    """Every check with what was seen and what is allowed; what the report lacks has failed."""
    return tuple(_checks(report, policy))


def check_consistent(report: SpendReport, spec: SpendSpec) -> None:
    """Refuse a report that is about something else or contradicts itself.

    Raises InvalidInputError that names the field.
    """
    check_subject(report, spec)
    if MODEL not in report.errors:
        raise InvalidInputError("the model's own error is missing", field="evaluation.json errors")
    for name, errors in report.errors.items():
        if not math.isclose(errors.mse, errors.rmse**2, rel_tol=RATIO_TOLERANCE, abs_tol=1e-9):
            message = f"mse is {errors.mse:.6g}, rmse says {errors.rmse**2:.6g}"
            raise InvalidInputError(message, field=f"evaluation.json errors {name}")
    if sum(part.n for part in report.by_day) != report.n:
        raise InvalidInputError(f"do not add up to {report.n} forecasts", field="evaluation.json by_day")


def check_bundle(_report: SpendReport, bundle: BundleManifest) -> None:
    """Refuse a bundle without the policy that the daily forecast reads; raises InvalidInputError."""
    if POLICY_PART not in bundle.parts:
        raise InvalidInputError(f"has no {POLICY_PART}", field="bundle.json parts")


def fidelity(report: SpendReport, policy: SpendGatePolicy) -> tuple[Gate, ...]:
    """RMSE and MAPE beside each baseline's: what continuous integration holds a change to."""
    return tuple(gate for baseline in policy.baselines for gate in _beside(report, baseline, policy))


def _checks(report: SpendReport, policy: SpendGatePolicy) -> Iterator[Gate]:
    least = policy.forecasts_min
    reason = f"only {report.n} month totals were forecast, at least {least} are needed"
    yield gate_of("forecasts", report.n, least, report.n >= least, reason)
    share = policy.scored_share_min
    reason = f"only {report.scored_share:.1%} of the spend is large enough to forecast, at least {share:.1%} is needed"
    yield gate_of("scored_share", report.scored_share, share, report.scored_share >= share, reason)
    yield from fidelity(report, policy)
    for part in report.by_day:
        if part.day in policy.days:
            yield _of_part(f"mape_ratio.day_{part.day}", f"made on day {part.day}", part.mape, policy)
    for wanted in sorted(set(policy.days) - {part.day for part in report.by_day}):
        yield gate_of(f"mape_ratio.day_{wanted}", None, policy.slice_mape_ratio_max, False, "the report lacks the day")
    bias, most = report.errors[MODEL].bias if MODEL in report.errors else math.inf, policy.bias_max
    reason = f"mean relative error (bias) is {bias:+.1%}, the limit is {most:.1%} in either direction"
    yield gate_of("bias", bias, f"-{most:g} to {most:g}", abs(bias) <= most, reason)
    independent = max(1.0, report.n / len(report.by_day)) if report.by_day else 1.0
    for level, tolerance in policy.intervals:
        name = f"interval_coverage.p{level * 100:.0f}"
        yield coverage_gate(name, "", report.intervals, _Limit(level, tolerance), independent)
    for each in report.slices:
        if each.n >= policy.slice_forecasts_min:
            yield _slice(each, policy)


def _beside(report: SpendReport, baseline: str, policy: SpendGatePolicy) -> Iterator[Gate]:
    own, other, title = report.errors.get(MODEL), report.errors.get(baseline), baseline.replace("_", " ")
    for measure, most in (("rmse", policy.rmse_ratio_max), ("mape", policy.mape_ratio_max)):
        name = f"{measure}_ratio.{baseline}"
        reference = getattr(other, measure, 0.0)
        if own is None or not reference:
            yield gate_of(name, None, most, False, f"the report has no {measure.upper()} to compare with {title}")
            continue
        ratio = getattr(own, measure) / reference
        reason = f"{measure.upper()} is {ratio:.3f} of {title}'s, at most {most:.3f} is allowed"
        yield gate_of(name, ratio, most, ratio <= most, reason)


def _slice(part: SpendSlice, policy: SpendGatePolicy) -> Gate:
    label = part.slice[:60]
    return _of_part(f"slice.{scope(label)}", f"on '{label}'", part.mape, policy)


def _of_part(name: str, where: str, mape: dict[str, float], policy: SpendGatePolicy) -> Gate:
    """A part may err more than the baseline as long as it does not err much more."""
    most, baseline = policy.slice_mape_ratio_max, policy.baselines[0]
    own, other = mape.get(MODEL), mape.get(baseline)
    if own is None or not other:
        return gate_of(name, None, most, False, f"no errors to compare {where}")
    ratio = own / other
    reason = f"{where} error is {ratio:.2f} of {baseline.replace('_', ' ')}'s, at most {most:.2f} is tolerated"
    return gate_of(name, ratio, most, ratio <= most, reason)
