"""Keep what came of a claim, or give its stories back."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.news.adapters.postgres_stories import PostgresStories
from bellwether.news.usecases.store_classifications import (
    ReleaseRequest,
    StoreRequest,
    release_stories,
    store_classifications,
)
from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import FunctionSettings, load, parse

object_store = cache(S3ObjectStore)  # one client for each process


class Settings(FunctionSettings):
    """Environment of StoreClassificationsFunction."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode
    data_bucket: Annotated[str, Field(min_length=3)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer what became of the claim's stories."""
    if "counted" in event:
        outcome = release_stories(parse(ReleaseRequest, event), queue=_queue())
    else:
        objects = object_store(load(Settings).data_bucket)
        outcome = store_classifications(parse(StoreRequest, event), queue=_queue(), objects=objects)
    metrics.add_metric("StoriesClassified", MetricUnit.Count, outcome.stored)
    if outcome.set_aside:
        metrics.add_metric("StoriesSetAside", MetricUnit.Count, outcome.set_aside)
    logger.info("claim settled", extra={"claim_token": event["claim_token"], **outcome.model_dump()})
    return outcome.model_dump(mode="json")


@cache
def _queue() -> PostgresStories:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresStories(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
