"""Ask the sentiment model about claimed stories."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.sagemaker_runtime import SageMakerPredictor
from bellwether.news.usecases.classify_stories import ClassificationRequest, classify_stories
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of ClassifyStoriesFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer where the results lie."""
    report = classify_stories(
        parse(ClassificationRequest, event),
        objects=S3ObjectStore(load(Settings).data_bucket),
        predictor=SageMakerPredictor(),
    )
    metrics.add_metric("StoriesFailed", MetricUnit.Count, report.failed)
    logger.info("stories classified", extra=report.model_dump(mode="json"))
    return report.model_dump(mode="json")
