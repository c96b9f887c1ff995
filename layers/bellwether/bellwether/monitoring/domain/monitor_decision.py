"""The decision that follows from a monitoring report, and whether the model is retrained."""

from collections.abc import Iterable

from bellwether.models.domain.specs import ModelSpec, TrainedSpec
from bellwether.monitoring.domain.accuracy import AccuracyState
from bellwether.monitoring.domain.drift import DriftState
from bellwether.monitoring.domain.monitor_report import MonitorReport
from bellwether.shared.domain.decisions import Decision, Gate, Kind, decide

ACTOR = "bellwether:measure_drift"


def retraining_trigger(spec: ModelSpec, report: MonitorReport) -> str | None:
    """Why the model is to be trained anew; None when it is not, or is not trained here."""
    if not isinstance(spec, TrainedSpec):
        return None
    if report.is_inaccurate:
        return "accuracy"
    return "drift" if report.is_drifted else None


def decision_of(report: MonitorReport, *, key: str, report_key: str) -> Decision:
    """The monitoring decision: refused when a column drifted or errors exceed the expected errors."""
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
        reason = f"drifted from training data: {names}" if names else ""
        yield Gate(name="drifted_columns", observed=len(report.drifted), limit=0, passed=not names, reason=reason)
    for each in report.accuracy:
        if each.state in (AccuracyState.AS_EXPECTED, AccuracyState.INACCURATE):
            passed = each.state is AccuracyState.AS_EXPECTED
            reason = "" if passed else next(f for f in report.findings if f.startswith(f"{each.kind}:"))
            yield Gate(
                name=f"rmse_ratio.{each.kind}",
                observed=each.rmse_ratio,
                limit=report.rmse_ratio_max,
                passed=passed,
                reason=reason,
            )
