"""Build the monitoring report of one model version from its capture records and actuals."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from bellwether.models.domain.bundle import VersionFacts
from bellwether.models.domain.capture import Actual, CaptureRecord, Status
from bellwether.models.domain.specs import ModelSpec
from bellwether.monitoring.domain.accuracy import (
    Estimate,
    KindAccuracy,
    estimate,
    expected_errors,
    figures_of,
    measure,
    rmse_by_week,
)
from bellwether.monitoring.domain.drift import (
    ColumnDrift,
    Drift,
    bin_labels,
    columns_of,
    detect_drift,
    kappa,
    reference_counts,
)
from bellwether.monitoring.domain.evaluated_predictions import EvaluatedPrediction, join_actuals
from bellwether.monitoring.domain.monitor_findings import accuracy_findings, drift_findings, remarks_of
from bellwether.monitoring.domain.monitor_report import (
    AccuracyReport,
    ColumnReport,
    ComparisonReport,
    DriftReport,
    EstimateReport,
    MonitorReport,
    ReportPart,
    WeekReport,
)


class Window(ReportPart):
    """From when on requests, and from when on errors, are looked at."""

    now: AwareDatetime
    since: AwareDatetime
    accuracy_since: AwareDatetime


class ReportBuilder:
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
        drift = detect_drift(columns, policy, row_kappa=kappa([_row_key(each) for each in inputs]))
        joined = list(join_actuals(self._joinable, actuals))
        accuracy = measure(joined, expected_errors(facts.metrics), policy)
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
            findings=(*drift_findings(drift), *accuracy_findings(accuracy, policy.rmse_ratio_max)),
            remarks=tuple(remarks_of(spec, drift, accuracy, estimated, len(records) - len(inputs))),
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
    past = reference_counts(found.column.reference)
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
    expected = found.expected
    return AccuracyReport(
        kind=found.kind,
        state=found.state,
        actuals=found.actuals,
        actuals_missing=found.actuals_missing,
        rmse=found.rmse,
        rmse_ratio=found.rmse_ratio,
        p_value=found.p_value,
        bias=found.bias,
        mape=found.mape,
        coverage=found.coverage,
        expected_rmse=expected.rmse if expected else None,
        baselines=dict(expected.baselines) if expected else {},
    )


def _estimate_report(found: Estimate | None) -> EstimateReport | None:
    if found is None:
        return None
    return EstimateReport(
        answers=found.answers,
        mean_absolute_error=found.mean_absolute_error,
        mean_confidence=found.mean_confidence,
    )


def _weeks(joined: Sequence[EvaluatedPrediction]) -> tuple[WeekReport, ...]:
    return tuple(
        WeekReport(week=week, predictions=count, rmse=rmse) for week, (count, rmse) in rmse_by_week(joined).items()
    )
