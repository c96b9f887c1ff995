"""The daily report on one model: what was asked and answered, what has moved, what came true, and what follows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.models.domain.bundle import VersionFacts
from bellwether.models.domain.capture import Actual, CaptureRecord, Status
from bellwether.models.domain.catalogue import ModelSpec, TrainedSpec
from bellwether.monitoring.domain.accuracy import (
    PREDICTION,
    Accuracy,
    AccuracyState,
    Estimate,
    KindAccuracy,
    estimate,
    figures_of,
    measure,
    promises,
    rmse_by_week,
)
from bellwether.monitoring.domain.drift import (
    Aspect,
    ColumnDrift,
    Drift,
    DriftState,
    bin_labels,
    columns_of,
    kappa,
    learned,
    look,
)
from bellwether.monitoring.domain.joined import JoinedPoint, join
from bellwether.shared.domain.decisions import Decision, Gate, Kind, decide

ACTOR = "bellwether:measure_drift"
SUBJECT_LIMIT = 99  # SNS takes no longer ones
MESSAGE_FINDINGS = 20


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


# --- report.json -----------------------------------------------------------------------------------------------------


class ComparisonReport(_Fact):
    """One aspect of a column; `psi` is without its bias."""

    aspect: Aspect
    p_value: float
    psi: float
    then: float | None = None
    now: float | None = None
    moved: bool = False


class ColumnReport(_Fact):
    """One column of what was asked or answered. `then` and `now` are counts by the bins that `labels` name."""

    name: str
    is_prediction: bool
    state: DriftState
    rows: int
    independent_rows: float
    rows_missing: int
    comparisons: tuple[ComparisonReport, ...]
    labels: tuple[str, ...]
    then: tuple[int, ...]
    now: tuple[int, ...]
    missing_then: int
    missing_now: int

    @property
    def p_value(self) -> float | None:
        """The smallest of its comparisons."""
        return min((each.p_value for each in self.comparisons), default=None)

    @property
    def psi(self) -> float | None:
        """The largest of its comparisons."""
        return max((each.psi for each in self.comparisons), default=None)


class DriftReport(_Fact):
    """All columns. A comparison had to show p at most `p_value_max`, and a PSI above `psi_floor`."""

    state: DriftState
    comparisons: int
    p_value_max: float
    psi_floor: float
    columns: tuple[ColumnReport, ...]


class AccuracyReport(_Fact):
    """Errors of one kind of prediction, beside those that the version was accepted on."""

    kind: str
    state: AccuracyState
    truths: int
    truths_missing: int
    rmse: float | None
    rmse_ratio: float | None
    p_value: float | None
    bias: float | None
    mape: float | None
    coverage: float | None
    promised_rmse: float | None
    baselines: dict[str, float]


class EstimateReport(_Fact):
    """What the answers say of their own accuracy, before anything has come true."""

    answers: int
    mean_absolute_error: float | None
    mean_confidence: float | None


class WeekReport(_Fact):
    """Errors by the week in which the predictions were asked for."""

    week: str
    predictions: int
    rmse: float


class MonitorReport(_Fact):
    """One look at one model. Times are UTC; `since` and `until` bound the requests that drift was measured on."""

    schema_version: int = 1
    model: str
    target: str
    version: int
    model_version: str
    measured_at: AwareDatetime
    since: AwareDatetime
    until: AwareDatetime
    accuracy_since: AwareDatetime
    answered: int
    refused: int
    failed: int
    predictions: int
    shadowed: int
    rmse_ratio_max: float
    interval_level: float | None
    drift: DriftReport
    accuracy_state: AccuracyState
    accuracy: tuple[AccuracyReport, ...]
    estimate: EstimateReport | None
    weeks: tuple[WeekReport, ...]
    findings: tuple[str, ...]
    remarks: tuple[str, ...] = Field(description="What could not be said, and what it would take")

    @property
    def is_drifted(self) -> bool:
        """Whether any column moved."""
        return self.drift.state is DriftState.DRIFTED

    @property
    def is_inaccurate(self) -> bool:
        """Whether errors are above what was promised, surely."""
        return self.accuracy_state is AccuracyState.INACCURATE

    @property
    def drifted(self) -> tuple[ColumnReport, ...]:
        """Columns that moved."""
        return tuple(each for each in self.drift.columns if each.state is DriftState.DRIFTED)

    @property
    def rmse_ratio(self) -> float | None:
        """The largest that had truths enough; None before that."""
        judged = (AccuracyState.AS_PROMISED, AccuracyState.INACCURATE)
        ratios = [each.rmse_ratio for each in self.accuracy if each.state in judged and each.rmse_ratio is not None]
        return max(ratios, default=None)


# --- one look --------------------------------------------------------------------------------------------------------


class Window(_Fact):
    """From when on requests, and from when on errors, are looked at."""

    now: AwareDatetime
    since: AwareDatetime
    accuracy_since: AwareDatetime


class Recorded:
    """What of the records one look needs: taken in one pass, inputs by their reference's columns only."""

    def __init__(self, spec: ModelSpec, window: Window, model_version: str) -> None:
        self._spec, self._window, self._version = spec, window, model_version
        self._statuses: Counter[Status] = Counter()
        self._shadowed = 0
        self._rows: list[tuple[datetime, CaptureRecord]] = []
        self._joinable: list[CaptureRecord] = []

    def take(self, records: Iterable[CaptureRecord]) -> None:
        """Add records, in any order; a shadow's answer is counted and otherwise left to the experiment."""
        for record in records:
            recent = record.received_at >= self._window.since
            if not record.returned:
                self._shadowed += recent
                continue
            self._statuses[record.status] += recent
            if record.status is not Status.ANSWERED:
                continue
            if recent:
                self._rows.append((record.received_at, record))
            if record.points and record.model_version == self._version:
                self._joinable.append(record)
        self._rows.sort(key=lambda each: (each[0], each[1].key))

    def report(self, facts: VersionFacts, actuals: Mapping[str, Actual], version: int) -> MonitorReport:
        """Compare and judge."""
        spec, policy = self._spec, self._spec.monitor
        records = [record for _, record in self._rows]
        inputs = [record.input for record in records if record.input]
        own = [record for record in records if record.model_version == self._version]
        columns = columns_of(
            facts.drift_reference,
            inputs,
            [figures_of(record.output) for record in own],
            redacted=spec.capture.redacted,
        )
        drift = look(columns, policy, row_kappa=kappa([_row_key(each) for each in inputs]))
        joined = list(join(self._joinable, actuals))
        accuracy = measure(joined, promises(facts.metrics), policy)
        estimated = estimate(record.output for record in own if record.output)
        return MonitorReport(
            model=spec.name,
            target=spec.target,
            version=version,
            model_version=self._version,
            measured_at=self._window.now,
            since=self._window.since,
            until=self._window.now,
            accuracy_since=self._window.accuracy_since,
            answered=self._statuses[Status.ANSWERED],
            refused=self._statuses[Status.REFUSED],
            failed=self._statuses[Status.FAILED],
            predictions=len(own),
            shadowed=self._shadowed,
            rmse_ratio_max=policy.rmse_ratio_max,
            interval_level=_interval_level(own),
            drift=_drift_report(drift, policy.psi_floor),
            accuracy_state=accuracy.state,
            accuracy=tuple(map(_accuracy_report, accuracy.kinds)),
            estimate=_estimate_report(estimated),
            weeks=_weeks(joined),
            findings=(*_drift_findings(drift), *_accuracy_findings(accuracy, policy.rmse_ratio_max)),
            remarks=tuple(_remarks(spec, drift, accuracy, estimated, len(records) - len(inputs))),
        )


def _row_key(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in row.items()))


def _interval_level(records: Sequence[CaptureRecord]) -> float | None:
    for record in records:
        interval = (record.output or {}).get("interval")
        if isinstance(interval, Mapping) and isinstance(interval.get("level"), float):
            return float(interval["level"])
    return None


def _drift_report(drift: Drift, psi_floor: float) -> DriftReport:
    return DriftReport(
        state=drift.state,
        comparisons=drift.comparisons,
        p_value_max=drift.p_value_max,
        psi_floor=psi_floor,
        columns=tuple(map(_column_report, drift.columns)),
    )


def _column_report(found: ColumnDrift) -> ColumnReport:
    past = learned(found.column.reference)
    return ColumnReport(
        name=found.column.name,
        is_prediction=found.column.is_prediction,
        state=found.state,
        rows=found.current.rows,
        independent_rows=round(found.independent_rows, 1),
        rows_missing=max(0, found.rows_missing),
        comparisons=tuple(
            ComparisonReport(
                aspect=each.aspect,
                p_value=each.p_value,
                psi=each.psi,
                then=each.then,
                now=each.now,
                moved=each.aspect in found.drifted,
            )
            for each in found.comparisons
        ),
        labels=bin_labels(found.column.reference),
        then=past.counts,
        now=found.current.counts,
        missing_then=past.missing,
        missing_now=found.current.missing,
    )


def _accuracy_report(found: KindAccuracy) -> AccuracyReport:
    promise = found.promise
    return AccuracyReport(
        kind=found.kind,
        state=found.state,
        truths=found.truths,
        truths_missing=found.truths_missing,
        rmse=found.rmse,
        rmse_ratio=found.rmse_ratio,
        p_value=found.p_value,
        bias=found.bias,
        mape=found.mape,
        coverage=found.coverage,
        promised_rmse=promise.rmse if promise else None,
        baselines=dict(promise.baselines) if promise else {},
    )


def _estimate_report(found: Estimate | None) -> EstimateReport | None:
    if found is None:
        return None
    return EstimateReport(
        answers=found.answers,
        mean_absolute_error=found.mean_absolute_error,
        mean_confidence=found.mean_confidence,
    )


def _weeks(joined: Sequence[JoinedPoint]) -> tuple[WeekReport, ...]:
    return tuple(
        WeekReport(week=week, predictions=count, rmse=rmse) for week, (count, rmse) in rmse_by_week(joined).items()
    )


# --- in words --------------------------------------------------------------------------------------------------------

_MOVED = {
    Aspect.DISTRIBUTION: "its values are others than in training",
    Aspect.MISSING: "missing in {now:.1%}, in training in {then:.1%}",
    Aspect.UNSEEN: "levels that its reference does not name in {now:.1%}, in training in {then:.1%}",
}


def _drift_findings(drift: Drift) -> Iterable[str]:
    for found in drift.drifted:
        what = "prediction " if found.column.is_prediction and found.column.name != PREDICTION else ""
        for each in found.comparisons:
            if each.aspect in found.drifted:
                moved = _MOVED[each.aspect].format(then=each.then, now=each.now)
                yield f"{what}{found.column.name}: {moved} (PSI {each.psi:.2f}, p = {each.p_value:.1g})"


def _accuracy_findings(accuracy: Accuracy, limit: float) -> Iterable[str]:
    for found in accuracy.kinds:
        if found.state is AccuracyState.INACCURATE and found.rmse_ratio is not None:
            yield (
                f"{found.kind}: error is {found.rmse_ratio:.2f} times the backtest's over {found.truths} truths, "
                f"at most {limit:.2f} is tolerated (p = {found.p_value:.1g})"
            )


def _remarks(
    spec: ModelSpec, drift: Drift, accuracy: Accuracy, estimated: Estimate | None, without_input: int
) -> Iterable[str]:
    if not drift.columns:
        yield "drift is not measured: the bundle holds no reference"
    lacking = [each for each in drift.columns if each.state is DriftState.NOT_ENOUGH_DATA]
    if lacking:
        least = min(each.rows_missing for each in lacking)
        yield f"{len(lacking)} of {len(drift.columns)} columns have not enough rows: at least {least} more are needed"
    if spec.capture.redacted:
        yield f"not recorded, so not measured: {', '.join(sorted(spec.capture.redacted))}"
    if without_input:
        yield f"{without_input} requests were recorded without their input, which was too large"
    if not accuracy.kinds:
        yield "accuracy is not measured: nothing that this model says comes true under a key"
    for found in accuracy.kinds:
        if found.state is AccuracyState.NOT_ENOUGH_DATA:
            yield f"{found.kind}: {found.truths} truths so far, {found.truths_missing} more are needed"
        elif found.state is AccuracyState.NOT_MEASURED:
            yield f"{found.kind}: nothing was promised that its errors could be held against"
    if estimated is None:
        yield "accuracy can't be estimated before truths come: answers hold neither an interval nor probabilities"


# --- what follows ----------------------------------------------------------------------------------------------------


def retraining_trigger(spec: ModelSpec, report: MonitorReport) -> str | None:
    """Why the model is to be trained anew; None when it is not, or is not trained here."""
    if not isinstance(spec, TrainedSpec):
        return None
    if report.is_inaccurate:
        return "accuracy"
    return "drift" if report.is_drifted else None


def decision_of(report: MonitorReport, *, key: str, report_key: str) -> Decision:
    """Whether the model may go on as it is: refused when something moved or errs more than promised."""
    return decide(
        kind=Kind.MONITOR_MODEL,
        subject=f"{report.model} version {report.version}",
        key=key,
        gates=tuple(_gates(report)),
        evidence={
            "model": report.model,
            "model_version": report.model_version,
            "report_key": report_key,
            "since": report.since.isoformat(),
            "until": report.until.isoformat(),
            "predictions": report.predictions,
            "drift": report.drift.state.value,
            "accuracy": report.accuracy_state.value,
            "drifted": [each.name for each in report.drifted],
        },
        actor=ACTOR,
        made_at=report.measured_at,
    )


def _gates(report: MonitorReport) -> Iterable[Gate]:
    if report.drift.state in (DriftState.STABLE, DriftState.DRIFTED):
        names = ", ".join(each.name for each in report.drifted)
        reason = f"moved away from what was learned: {names}" if names else ""
        yield Gate(name="drifted_columns", observed=len(report.drifted), limit=0, passed=not names, reason=reason)
    for each in report.accuracy:
        if each.state in (AccuracyState.AS_PROMISED, AccuracyState.INACCURATE):
            passed = each.state is AccuracyState.AS_PROMISED
            reason = "" if passed else next(f for f in report.findings if f.startswith(f"{each.kind}:"))
            yield Gate(
                name=f"rmse_ratio.{each.kind}",
                observed=each.rmse_ratio,
                limit=report.rmse_ratio_max,
                passed=passed,
                reason=reason,
            )


def subject_line(report: MonitorReport) -> str:
    """Subject of the mail about findings, as SNS takes it."""
    parts = [f"{len(report.drifted)} columns drifted"] if report.is_drifted else []
    parts += ["less accurate than promised"] if report.is_inaccurate else []
    text = f"Bellwether: {report.model} - {', '.join(parts) or 'nothing found'}"
    return text.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]


def message(report: MonitorReport, *, page_uri: str, trigger: str | None) -> str:
    """What people read: findings, what could not be said, what follows, where the pictures are."""
    shown = [f"  - {each}" for each in report.findings[:MESSAGE_FINDINGS]]
    left = len(report.findings) - len(shown)
    follows = (
        f"A training is asked for (trigger {trigger}); its policy may refuse it, and its result waits for approval."
        if trigger
        else "No training is asked for: this model is not trained here, or nothing was found."
    )
    return "\n".join(
        [
            f"{report.model} version {report.version}, requests since {report.since:%Y-%m-%d}: "
            f"{report.answered} answered, {report.refused} refused, {report.failed} failed.",
            "",
            *(shown or ["Nothing was found."]),
            *([f"  - and {left} more"] if left > 0 else []),
            *(["", "What could not be said:", *(f"  - {each}" for each in report.remarks)] if report.remarks else []),
            "",
            follows,
            "",
            f"Pictures: {page_uri}",
            f"  bellwether monitor {report.model} --open",
            "",
        ]
    )
