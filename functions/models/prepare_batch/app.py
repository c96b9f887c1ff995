"""Look at a batch's lines, and name the transform job that is to answer them."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.sagemaker import SageMakerTransformJobs
from bellwether.models.adapters.ssm import SsmCurrentVersions
from bellwether.models.usecases.prepare_batch import BatchRequest, prepare_batch
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, EnvironmentSettings, load, parse


class Settings(DataBucketSettings, EnvironmentSettings):
    """Environment of PrepareBatchFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with everything that createTransformJob needs, or that there is nothing left to do."""
    settings = load(Settings)
    order = prepare_batch(
        parse(BatchRequest, event),
        bucket=settings.data_bucket,
        objects=S3ObjectStore(settings.data_bucket),
        current=SsmCurrentVersions(settings.environment),
        jobs=SageMakerTransformJobs(),
    )
    logger.info("batch prepared", extra={"job_name": order.job_name, "state": order.state, "lines": order.lines})
    return order.model_dump(mode="json")
