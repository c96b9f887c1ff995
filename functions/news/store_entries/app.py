"""Store what feeds told."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.news.adapters.postgres_feeds import PostgresFeeds
from bellwether.news.usecases.fetch_feeds import FetchPayload, unpack_results
from bellwether.news.usecases.store_entries import store_entries
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DataBucketSettings, DatabaseSettings):
    """Environment of StoreEntriesFunction."""

    retention_days: Annotated[int, Field(ge=7)] = 180


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Store each entry once, however often it arrives."""
    settings = load(Settings)
    results = unpack_results(S3ObjectStore(settings.data_bucket), parse(FetchPayload, event))
    feeds = PostgresFeeds(application_database(settings))
    stored = store_entries(feeds, SystemClock(), results, retention_days=settings.retention_days)
    logger.info("entries stored", extra=stored.model_dump(mode="json"))
    return stored.model_dump(mode="json")
