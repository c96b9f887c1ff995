"""Keep what came of a claim, or give its stories back."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.news.adapters.postgres_stories import PostgresStories
from bellwether.news.usecases.store_classifications import (
    ReleaseRequest,
    StoreRequest,
    release_stories,
    store_classifications,
)
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DataBucketSettings, DatabaseSettings):
    """Environment of StoreClassificationsFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer what became of the claim's stories."""
    settings = load(Settings)
    queue = PostgresStories(application_database(settings))
    if "counted" in event:
        outcome = release_stories(parse(ReleaseRequest, event), queue=queue)
    else:
        objects = S3ObjectStore(settings.data_bucket)
        outcome = store_classifications(parse(StoreRequest, event), queue=queue, objects=objects)
    metrics.add_metric("StoriesClassified", MetricUnit.Count, outcome.stored)
    if outcome.set_aside:
        metrics.add_metric("StoriesSetAside", MetricUnit.Count, outcome.set_aside)
    logger.info("claim settled", extra={"claim_token": event["claim_token"], **outcome.model_dump()})
    return outcome.model_dump(mode="json")
