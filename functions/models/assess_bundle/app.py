"""Put a bundle that arrived finished through its quality gate."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.bundles import S3Archives
from bellwether.models.usecases.assess_bundle import BundleRequest, assess_bundle
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of AssessBundleFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the decision, where its evidence lies, and the mail about it."""
    bucket = load(Settings).data_bucket
    assessment = assess_bundle(
        parse(BundleRequest, event),
        bucket=bucket,
        archives=S3Archives(bucket),
        objects=S3ObjectStore(bucket),
        clock=SystemClock(),
    )
    metrics.add_dimension("model", assessment.model)
    metrics.add_dimension("verdict", assessment.decision.verdict.value)
    metrics.add_metric("CandidateAssessed", MetricUnit.Count, 1)
    logger.info("bundle assessed", extra={"job_name": assessment.job_name, "accepted": assessment.accepted})
    return assessment.model_dump(mode="json")
