"""Claim stories that wait for their label."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.news.adapters.listings import packaged_listings
from bellwether.news.adapters.postgres_stories import PostgresStories
from bellwether.news.usecases.claim_stories import ClaimRequest, claim_stories
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DataBucketSettings, DatabaseSettings):
    """Environment of ClaimStoriesFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer how many stories were claimed, and which way they go to the model."""
    settings = load(Settings)
    claim = claim_stories(
        parse(ClaimRequest, event),
        queue=PostgresStories(application_database(settings)),
        objects=S3ObjectStore(settings.data_bucket),
        packaged_listings=packaged_listings,
    )
    metrics.add_metric("StoriesWaiting", MetricUnit.Count, claim.backlog)
    if claim.set_aside:
        metrics.add_metric("StoriesSetAside", MetricUnit.Count, claim.set_aside)
    logger.info("stories claimed", extra=claim.model_dump(mode="json"))
    return claim.model_dump(mode="json")
