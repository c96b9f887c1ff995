"""Freeze dataset and code for a training job, and name it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.job_code import PackagedJobCode
from bellwether.models.adapters.sagemaker import SageMakerTrainingJobs
from bellwether.models.usecases.prepare_training import TrainingRequest, prepare_training
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.domain.field_types import NonEmptyText
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of PrepareTrainingFunction; the region is the runtime's own variable."""

    aws_region: NonEmptyText


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with everything that createTrainingJob needs, or that the same training is under way."""
    settings = load(Settings)
    order = prepare_training(
        parse(TrainingRequest, event),
        bucket=settings.data_bucket,
        region=settings.aws_region,
        objects=S3ObjectStore(settings.data_bucket),
        jobs=SageMakerTrainingJobs(),
        code=PackagedJobCode(),
    )
    logger.info("training prepared", extra={"job_name": order.job_name, "already_running": order.already_running})
    return order.model_dump(mode="json")
