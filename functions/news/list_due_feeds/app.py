"""Claim the feeds that are due, after the configured list was brought into the database."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from bellwether.news.adapters.postgres_feeds import PostgresFeeds
from bellwether.news.domain.feed_list import FeedList
from bellwether.news.domain.feeds import DueFeed
from bellwether.news.usecases.list_due_feeds import configured_feeds, list_due_feeds
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database

REPORTED_PROBLEMS = 50


class Settings(DataBucketSettings, DatabaseSettings):
    """Environment of ListDueFeedsFunction. The lease outlives the state machine that asks."""

    feeds_at_once: Annotated[int, Field(ge=1, le=500)] = 100
    lease_seconds: Annotated[int, Field(ge=60, le=3600)] = 330


class Request(BaseModel):
    """The configured feeds, as a list or as the text of the parameter: JSON, or `{"s3_key"}` of the list in the bucket.

    Without them the list stays as it is.

    With `show` nothing is claimed: the answer is the state of the listed feeds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    feeds: list[Any] | str | None = None
    show: StrictBool = False


class DueFeeds(BaseModel):
    """The feeds to be asked now, and the faults of the list: `place: reason`."""

    model_config = ConfigDict(frozen=True)

    feeds: tuple[DueFeed, ...]
    count: int
    problems: tuple[str, ...] = ()


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Claim what is due."""
    settings, request = load(Settings), parse(Request, event)
    store = PostgresFeeds(application_database(settings))
    if request.show:
        return {"states": [each.model_dump(mode="json") for each in store.states()]}
    listed = configured_feeds(request.feeds, S3ObjectStore(settings.data_bucket))
    _report_problems(listed)
    due = list_due_feeds(
        store,
        SystemClock(),
        listed.feeds,
        lease_seconds=settings.lease_seconds,
        limit=settings.feeds_at_once,
    )
    logger.info("feeds claimed", extra={"due": len(due), "listed": None if listed.feeds is None else len(listed.feeds)})
    problems = tuple(f"{each.place}: {each.reason}" for each in listed.problems[:REPORTED_PROBLEMS])
    return DueFeeds(feeds=due, count=len(due), problems=problems).model_dump(mode="json", exclude_none=True)


def _report_problems(listed: FeedList) -> None:
    """One line for each fault of the list. The metric is sent only if there are faults: it costs by the hour."""
    for problem in listed.problems[:REPORTED_PROBLEMS]:
        logger.warning("feed list has a fault", extra={"place": problem.place, "reason": problem.reason})
    if listed.problems:
        metrics.add_metric("FeedListProblems", MetricUnit.Count, len(listed.problems))
