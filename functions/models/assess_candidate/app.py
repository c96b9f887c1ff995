"""Put a trained candidate through its quality gate."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.bundles import S3Archives
from bellwether.models.usecases.assess_candidate import AssessmentRequest, assess_candidate
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of AssessCandidateFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the decision, where its evidence lies, and the mail about it."""
    bucket = load(Settings).data_bucket
    assessment = assess_candidate(
        parse(AssessmentRequest, event),
        bucket=bucket,
        archives=S3Archives(bucket),
        objects=S3ObjectStore(bucket),
        clock=SystemClock(),
    )
    _measure(assessment)
    logger.info("candidate assessed", extra={"job_name": assessment.job_name, "accepted": assessment.accepted})
    return assessment.model_dump(mode="json")


def _measure(assessment: Assessment) -> None:
    """What the training came to, by model; then the verdict, which has a dimension of its own."""
    metrics.add_dimension("model", assessment.model)
    if assessment.training_seconds is not None:
        metrics.add_metric("TrainingSeconds", MetricUnit.Seconds, assessment.training_seconds)
    if assessment.validation_loss is not None:
        metrics.add_metric("ValidationLoss", MetricUnit.NoUnit, assessment.validation_loss)
    for point in assessment.loss_curve:
        logger.info("loss", extra={"model": assessment.model, "job_name": assessment.job_name, **point.model_dump()})
    if metrics.provider.metric_set:
        metrics.flush_metrics()
        metrics.add_dimension("model", assessment.model)
    metrics.add_dimension("verdict", assessment.decision.verdict.value)
    metrics.add_metric("CandidateAssessed", MetricUnit.Count, 1)
