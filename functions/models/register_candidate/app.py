"""Register a candidate: an accepted one waits for approval, a refused one is rejected."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.sagemaker import SageMakerRegistry
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.models.usecases.register_candidate import register_candidate
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.domain.field_types import NonEmptyText
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of RegisterCandidateFunction."""

    inference_image: NonEmptyText


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the registered version and the mail about it."""
    settings = load(Settings)
    registered = register_candidate(
        parse(Assessment, event),
        bucket=settings.data_bucket,
        image_uri=settings.inference_image,
        registry=SageMakerRegistry(),
        objects=S3ObjectStore(settings.data_bucket),
    )
    logger.info("candidate registered", extra={"model": registered.model, "version": registered.version})
    return registered.model_dump(mode="json")
