"""Claim stories that wait for their label."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.news.adapters.postgres_stories import PostgresStories
from bellwether.news.usecases.claim_stories import ClaimRequest, claim_stories
from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import FunctionSettings, load, parse

object_store = cache(S3ObjectStore)  # one client for each process


class Settings(FunctionSettings):
    """Environment of ClaimStoriesFunction."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode
    data_bucket: Annotated[str, Field(min_length=3)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer how many stories were claimed, and which way they go to the model."""
    claim = claim_stories(parse(ClaimRequest, event), queue=_queue(), objects=object_store(load(Settings).data_bucket))
    metrics.add_metric("StoriesWaiting", MetricUnit.Count, claim.backlog)
    if claim.set_aside:
        metrics.add_metric("StoriesSetAside", MetricUnit.Count, claim.set_aside)
    logger.info("stories claimed", extra=claim.model_dump(mode="json"))
    return claim.model_dump(mode="json")


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
