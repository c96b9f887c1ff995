"""Claim the feeds that are due, after the configured list was brought into the database."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, Json

from bellwether.news.adapters.postgres_feeds import PostgresFeeds
from bellwether.news.domain.feeds import DueFeed, ListedFeed
from bellwether.news.usecases.list_due_feeds import list_due_feeds
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DatabaseSettings):
    """Environment of ListDueFeedsFunction. The lease outlives the state machine that asks."""

    feeds_at_once: Annotated[int, Field(ge=1, le=500)] = 100
    lease_seconds: Annotated[int, Field(ge=60, le=3600)] = 330


class Request(BaseModel):
    """The configured feeds, as a list or as its JSON text (from SSM); without them the list stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feeds: Annotated[tuple[ListedFeed, ...], Field(max_length=5000)] | Json[tuple[ListedFeed, ...]] | None = None


class DueFeeds(BaseModel):
    """The feeds to be asked now."""

    model_config = ConfigDict(frozen=True)

    feeds: tuple[DueFeed, ...]
    count: int


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Claim what is due."""
    settings, request = load(Settings), parse(Request, event)
    due = list_due_feeds(
        PostgresFeeds(application_database(settings)),
        SystemClock(),
        request.feeds,
        lease_seconds=settings.lease_seconds,
        limit=settings.feeds_at_once,
    )
    logger.info(
        "feeds claimed", extra={"due": len(due), "listed": None if request.feeds is None else len(request.feeds)}
    )
    return DueFeeds(feeds=due, count=len(due)).model_dump(mode="json", exclude_none=True)
