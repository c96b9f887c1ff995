"""Ask feeds for what is new."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.adapters.feed_http import HttpFeedFetcher, Limits
from bellwether.news.domain.feeds import DueFeed, FetchResult
from bellwether.news.usecases.fetch_feeds import fetch_feeds, pack_results
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.per_process import once_per_process
from bellwether.shared.settings import DataBucketSettings, load, parse

RESERVE_SECONDS = 20
"""Kept back of the function's time for reading the last document and handing the results over."""


class Settings(DataBucketSettings):
    """Environment of FetchFeedsFunction. `allow_private_hosts` is for feeds that are replayed on a laptop."""

    allow_private_hosts: bool
    feed_contact: Annotated[str, Field(max_length=200, pattern=r"^[!-'*-~]*$")] = ""  # goes into a header's comment
    feed_seconds: Annotated[float, Field(gt=0, le=60)] = 15.0
    parse_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    feeds_at_once: Annotated[int, Field(ge=1, le=200)] = 32


class Request(BaseModel):
    """Feeds as they were claimed. A `trial` of an address counts in no metric."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    feeds: tuple[DueFeed, ...]
    trial: StrictBool = False


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ask all of them at once; what comes back is small, or lies in the data bucket."""
    request = parse(Request, event)
    objects = S3ObjectStore(load(Settings).data_bucket)
    results = []
    for result in fetch_feeds(
        _fetcher(),
        _parser(),
        objects,
        request.feeds,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS,
    ):
        results.append(result)
        _log_result(result)
    if not request.trial:
        _emit_metrics(results)
    return pack_results(objects, results).model_dump(mode="json", exclude_none=True)


def _log_result(result: FetchResult) -> None:
    facts = {"feed_id": result.feed_id, "status": result.status, "http_status": result.http_status}
    if result.status in {"failed", "gone"}:
        logger.warning("feed failed", extra=facts | {"error": result.error, "quarantine_key": result.quarantine_key})
    else:
        logger.info("feed asked", extra=facts | {"entries": len(result.entries), "empty": result.empty_entries})


def _emit_metrics(results: list[FetchResult]) -> None:
    """Only what happened: a metric costs by the hour in which it is told."""
    failed = sum(result.status == "failed" for result in results)
    if failed:
        metrics.add_metric("FeedsFailed", MetricUnit.Count, failed)
    quarantined = sum(result.quarantine_key is not None for result in results)
    if quarantined:
        metrics.add_metric("DocumentsQuarantined", MetricUnit.Count, quarantined)


@once_per_process
def _fetcher() -> HttpFeedFetcher:
    settings = load(Settings)
    limits = Limits(at_once=settings.feeds_at_once, total_seconds=settings.feed_seconds)
    return HttpFeedFetcher(allow_private=settings.allow_private_hosts, contact=settings.feed_contact, limits=limits)


@once_per_process
def _parser() -> FeedparserReader:
    return FeedparserReader(seconds=load(Settings).parse_seconds)
