"""The gate of a valuation: on later sales it errs clearly less than its baselines, unbiased, or it stays out."""

import math
from collections.abc import Iterator

from bellwether.models.domain.forecast_gate import MODEL, RATIO_TOLERANCE, check_subject, coverage_gate, gate_of
from bellwether.models.domain.specs import ValuationPolicy, ValuationSpec
from bellwether.models.domain.valuation_evaluation import ValuationMetrics, ValuationReport, ValuationSlice
from bellwether.shared.domain.decisions import Gate, scope
from bellwether.shared.domain.errors import InvalidInputError


def gates(report: ValuationReport, policy: ValuationPolicy) -> tuple[Gate, ...]:
    """Every check with what was seen in the holdout and what is allowed; what the report lacks has failed."""
    return tuple(_of_holdout(report.holdout, policy))


def check_consistent(report: ValuationReport, spec: ValuationSpec) -> None:
    """Refuse a report that is about something else or contradicts itself.

    Raises InvalidInputError that names the field.
    """
    check_subject(report, spec)
    parts = {"holdout": report.holdout, "holdout_online": report.holdout_online, "eval": report.eval}
    for name, metrics in parts.items():
        if metrics is not None:
            _check_part(f"evaluation.json {name}", metrics)
    said = report.split.get("n_holdout", report.holdout.n)
    if said != report.holdout.n:
        raise InvalidInputError(f"says {said}, the holdout has {report.holdout.n}", field="evaluation.json split")


def _check_part(where: str, metrics: ValuationMetrics) -> None:
    if MODEL not in metrics.mape:
        raise InvalidInputError("the model's own error is missing", field=f"{where} mape")
    for baseline, comparison in metrics.versus.items():
        other = metrics.mape.get(baseline)
        if not other:
            raise InvalidInputError(f"there is no error of {baseline} to compare with", field=f"{where} mape")
        ratio = metrics.mape[MODEL] / other
        if not math.isclose(ratio, comparison.mape_ratio, abs_tol=RATIO_TOLERANCE):
            message = f"says {comparison.mape_ratio:.4f}, its own errors say {ratio:.4f}"
            raise InvalidInputError(message, field=f"{where} versus {baseline} mape_ratio")
    for part in metrics.slices:
        if part.n > metrics.n:
            message = f"'{part.slice[:60]}' has {part.n} of {metrics.n} sales"
            raise InvalidInputError(message, field=f"{where} slices")


def _of_holdout(holdout: ValuationMetrics, policy: ValuationPolicy) -> Iterator[Gate]:
    rows, least = holdout.n, policy.holdout_rows_min
    reason = f"only {rows} sales in the holdout, at least {least} are needed"
    yield gate_of("holdout_rows", rows, least, rows >= least, reason)
    for baseline in policy.baselines:
        yield from _skill(holdout, baseline, policy)
    bias, most = holdout.bias, policy.bias_max
    reason = f"mean relative error (bias) is {bias:+.1%}, the limit is {most:.1%} in either direction"
    yield gate_of("bias", bias, f"-{most:g} to {most:g}", abs(bias) <= most, reason)
    yield coverage_gate("interval_coverage", "", holdout.intervals, policy, holdout.n)
    for part in holdout.slices:
        if part.n >= policy.slice_rows_min:
            yield _slice(part, policy)


def _skill(holdout: ValuationMetrics, baseline: str, policy: ValuationPolicy) -> Iterator[Gate]:
    comparison, title = holdout.versus.get(baseline), baseline.replace("_", " ")
    below, most = policy.mape_ratio_below, policy.p_value_max
    if comparison is None:
        missing = f"the report has no comparison with {title}"
        yield gate_of(f"mape_ratio.{baseline}", None, below, False, missing)
        return
    ratio, p_value = comparison.mape_ratio, comparison.p_value
    reason = f"error is {ratio:.3f} of {title}'s, has to be below {below:.3f}"
    yield gate_of(f"mape_ratio.{baseline}", ratio, below, ratio < below, reason)
    reason = f"the improvement over {title} is not significant (p = {p_value:.3f}, limit {most:.3f})"
    yield gate_of(f"p_value.{baseline}", p_value, most, p_value <= most, reason)


def _slice(part: ValuationSlice, policy: ValuationPolicy) -> Gate:
    label, most, baseline = part.slice[:60], policy.slice_mape_ratio_max, policy.baselines[0]
    own, other = part.mape.get(MODEL), part.mape.get(baseline)
    if own is None or not other:
        return gate_of(f"slice.{scope(label)}", None, most, False, f"no errors to compare on '{label}'")
    ratio, title = own / other, baseline.replace("_", " ")
    reason = f"on '{label}' error is {ratio:.2f} of {title}'s, at most {most:.2f} is tolerated"
    return gate_of(f"slice.{scope(label)}", ratio, most, ratio <= most, reason)
