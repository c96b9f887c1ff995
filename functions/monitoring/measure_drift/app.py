"""Measure drift and accuracy of one model's recent predictions, and decide what follows."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.bundles import S3Archives
from bellwether.models.adapters.sagemaker import SageMakerRegisteredVersions
from bellwether.models.adapters.ssm import SsmCurrentVersions
from bellwether.monitoring.adapters.captures_s3 import S3Actuals, S3CaptureLog
from bellwether.monitoring.adapters.monitor_pages import JinjaMonitorPages
from bellwether.monitoring.domain.drift import DriftState
from bellwether.monitoring.domain.monitor_report import MonitorReport
from bellwether.monitoring.usecases.measure_drift import Monitor, MonitorRequest
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, EnvironmentSettings, load, parse


class Settings(DataBucketSettings, EnvironmentSettings):
    """Environment of MeasureDriftFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the decision, the key of the report, and the text of the notification."""
    settings = load(Settings)
    captures = S3CaptureLog(settings.data_bucket)
    actuals = S3Actuals(settings.data_bucket)
    monitor = Monitor(
        bucket=settings.data_bucket,
        objects=S3ObjectStore(settings.data_bucket),
        captures=captures,
        actuals=actuals,
        current_versions=SsmCurrentVersions(settings.environment),
        versions=SageMakerRegisteredVersions(),
        archives=S3Archives(settings.data_bucket),
        pages=JinjaMonitorPages(),
        clock=SystemClock(),
    )
    result, report = monitor.run(parse(MonitorRequest, event))
    for fault in (*captures.unreadable, *actuals.unreadable):
        logger.warning("entry left out", extra={"model": result.model, "fault": fault})
    if report is not None:
        _measure(report)
    logger.info("model monitored", extra=result.model_dump(include={"model", "measured", "found", "trigger"}))
    return result.model_dump(mode="json")


def _measure(report: MonitorReport) -> None:
    """Findings of all models together, for the alarm; the rest by model, and only what could be measured."""
    if report.findings:
        metrics.add_metric("ModelFindings", MetricUnit.Count, len(report.findings))
        metrics.flush_metrics()
    metrics.add_dimension("model", report.model)
    metrics.add_metric("PredictionsMonitored", MetricUnit.Count, report.predictions)
    if report.drift.state in (DriftState.STABLE, DriftState.DRIFTED):
        metrics.add_metric("DriftedFeatures", MetricUnit.Count, len(report.drifted))
    if report.rmse_ratio is not None:
        metrics.add_metric("RmseRatio", MetricUnit.NoUnit, report.rmse_ratio)
    for finding in report.findings:
        logger.warning("finding", extra={"model": report.model, "finding": finding})
