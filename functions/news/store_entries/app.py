"""Store what feeds told."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.news.adapters.postgres_feeds import PostgresFeeds
from bellwether.news.usecases.fetch_feeds import Handover, take_over
from bellwether.news.usecases.store_entries import store_entries
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse


class Settings(FunctionSettings):
    """Environment of StoreEntriesFunction."""

    data_bucket: Annotated[str, Field(min_length=3)]
    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode
    retention_days: Annotated[int, Field(ge=7)] = 180


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Store each entry once, however often it arrives."""
    results = take_over(_objects(), parse(Handover, event))
    stored = store_entries(_store(), SystemClock(), results, retention_days=load(Settings).retention_days)
    logger.info("entries stored", extra=stored.model_dump(mode="json"))
    return stored.model_dump(mode="json")


@cache
def _objects() -> S3ObjectStore:
    return S3ObjectStore(load(Settings).data_bucket)


@cache
def _store() -> PostgresFeeds:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresFeeds(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
