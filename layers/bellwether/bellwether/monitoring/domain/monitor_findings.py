"""Findings and remarks of the monitoring report as text."""

from collections.abc import Iterable

from bellwether.models.domain.specs import ModelSpec
from bellwether.monitoring.domain.accuracy import PREDICTION, Accuracy, AccuracyState, Estimate
from bellwether.monitoring.domain.drift import Aspect, Drift, DriftState

_MOVED = {
    Aspect.DISTRIBUTION: "distribution differs from training data",
    Aspect.MISSING: "missing in {now:.1%} of rows, {then:.1%} in training",
    Aspect.UNSEEN: "unknown levels in {now:.1%} of rows, {then:.1%} in training",
}


def drift_findings(drift: Drift) -> Iterable[str]:
    """One line for each drifted aspect of a column."""
    for found in drift.drifted:
        what = "prediction " if found.column.is_prediction and found.column.name != PREDICTION else ""
        for each in found.comparisons:
            if each.aspect in found.drifted:
                moved = _MOVED[each.aspect].format(then=each.then, now=each.now)
                yield f"{what}{found.column.name}: {moved} (PSI {each.psi:.2f}, p = {each.p_value:.1g})"


def accuracy_findings(accuracy: Accuracy, limit: float) -> Iterable[str]:
    """One line for each kind of prediction whose error exceeds the limit."""
    for found in accuracy.kinds:
        if found.state is AccuracyState.INACCURATE and found.rmse_ratio is not None:
            yield (
                f"{found.kind}: error is {found.rmse_ratio:.2f} times the backtest's over {found.actuals} actuals, "
                f"at most {limit:.2f} is tolerated (p = {found.p_value:.1g})"
            )


def remarks_of(
    spec: ModelSpec, drift: Drift, accuracy: Accuracy, estimated: Estimate | None, without_input: int
) -> Iterable[str]:
    """What could not be measured, and why."""
    if not drift.columns:
        yield "drift is not measured: the bundle has no drift reference"
    lacking = [each for each in drift.columns if each.state is DriftState.NOT_ENOUGH_DATA]
    if lacking:
        least = min(each.rows_missing for each in lacking)
        yield f"{len(lacking)} of {len(drift.columns)} columns have too few rows: at least {least} more are needed"
    if spec.capture.redacted:
        yield f"not measured because not recorded: {', '.join(sorted(spec.capture.redacted))}"
    if without_input:
        yield f"{without_input} requests were recorded without their input, which was too large"
    if not accuracy.kinds:
        yield "accuracy is not measured: this model's predictions have no join key for actuals"
    for found in accuracy.kinds:
        if found.state is AccuracyState.NOT_ENOUGH_DATA:
            yield f"{found.kind}: {found.actuals} actuals so far, {found.actuals_missing} more are needed"
        elif found.state is AccuracyState.NOT_MEASURED:
            yield f"{found.kind}: the bundle has no backtest error to compare with"
    if estimated is None:
        yield "accuracy can't be estimated without actuals: predictions have neither intervals nor probabilities"
