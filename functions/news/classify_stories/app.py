"""Ask the sentiment model about claimed stories."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.models.adapters.sagemaker_runtime import SageMakerPredictor
from bellwether.news.adapters.listings import packaged_listings
from bellwether.news.usecases.classify_stories import ClassificationRequest, classify_stories
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import FunctionSettings, load, parse

object_store = cache(S3ObjectStore)  # one client for each process


class Settings(FunctionSettings):
    """Environment of ClassifyStoriesFunction."""

    data_bucket: Annotated[str, Field(min_length=3)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer where the results lie."""
    report = classify_stories(
        parse(ClassificationRequest, event),
        objects=object_store(load(Settings).data_bucket),
        predictor=SageMakerPredictor(),
        packaged_listings=packaged_listings(),
    )
    metrics.add_metric("StoriesFailed", MetricUnit.Count, report.failed)
    logger.info("stories classified", extra=report.model_dump(mode="json"))
    return report.model_dump(mode="json")
