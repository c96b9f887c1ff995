"""Feeds: requests, results, and the schedule of the next attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool

MIN_INTERVAL_SECONDS = 60
"""Default and shortest polling interval."""
MAX_LISTED_INTERVAL_SECONDS = 86_400
"""Longest interval that the feed list may set for a feed."""
MAX_INTERVAL_SECONDS = 3600
"""Longest polling interval, even if a publisher asks for more: older news has no value here."""
MAX_BACKOFF_SECONDS = 6 * 3600
"""Longest backoff of a failing feed, before jitter of a quarter; a feed is never given up."""
FAILURES_OF_A_MOVE = 5
"""After this many consecutive failures at a redirected address, the configured address is used again."""
MAX_RETRY_AFTER_SECONDS = 24 * 3600
FIRST_YEAR = 1990
OLD_AFTER = timedelta(days=1)
FUTURE_SKEW = timedelta(minutes=15)
"""A publisher's clock may be ahead by this much. A date further ahead is wrong: a zone or a day is misread."""

FeedId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
FeedUrl = Annotated[str, Field(max_length=2000, pattern=r"^[hH][tT][tT][pP][sS]?://[^\s\x00-\x1f]+$")]
Basis = Literal["id", "link", "words"]
FetchStatus = Literal["changed", "unchanged", "failed", "gone", "untried"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListedFeed(_Fact):
    """A configured feed. The id is part of the identity of stories and must not change with the address.

    `interval_seconds`: polling interval instead of the publisher's. `identity`: what identifies the entries instead of
    a decision by what the feed does.
    """

    feed_id: FeedId
    url: FeedUrl
    interval_seconds: Annotated[int, Field(ge=MIN_INTERVAL_SECONDS, le=MAX_LISTED_INTERVAL_SECONDS)] | None = None
    identity: Basis | None = None


class DueFeed(_Fact):
    """A claimed feed that is due, with the validators of a conditional request."""

    feed_id: FeedId
    url: FeedUrl
    claim_token: UUID
    etag: str | None = None
    last_modified: str | None = None
    body_sha256: str | None = None
    interval_seconds: Annotated[int, Field(gt=0)] = MIN_INTERVAL_SECONDS
    failures: Annotated[int, Field(ge=0)] = 0
    listed_interval_seconds: Annotated[int, Field(gt=0)] | None = None


class FeedState(_Fact):
    """A feed after its last attempt. `basis`: what identifies its entries, and `basis_reason` why."""

    feed_id: str
    url: str
    moved_to: str | None
    listed: bool
    retired: bool
    stories: int
    failures: int
    http_status: int | None
    error: str | None
    last_success_at: AwareDatetime | None
    last_entries_at: AwareDatetime | None
    newest_story_at: AwareDatetime | None
    next_attempt_at: AwareDatetime
    interval_seconds: int
    basis: str
    basis_reason: str


class Entry(_Fact):
    """One entry as text. `entry_id` is its identity in the feed; `link_name` and `words_name` are names that may become
    its identity, see `entry_identity`.

    `is_old`: the date is not exact, but in any case before yesterday.
    """

    entry_id: str
    url: str | None = None
    title: str
    summary: str
    published_at: AwareDatetime | None = None
    is_old: StrictBool = False
    link_name: str = ""
    words_name: str = ""


class FetchResult(_Fact):
    """Result of fetching a feed.

    changed: a document with entries; unchanged: 304, or the same bytes as last time; gone: 410; untried: no time was
    left. `quarantine_key`: key of an unreadable document.
    """

    feed_id: FeedId
    claim_token: UUID
    status: FetchStatus
    fetched_at: AwareDatetime
    interval_seconds: Annotated[int, Field(gt=0)]
    failures: Annotated[int, Field(ge=0)]
    http_status: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_sha256: str | None = None
    moved_to: FeedUrl | None = None
    retry_after_seconds: Annotated[int, Field(ge=0)] | None = None
    entries: tuple[Entry, ...] = ()
    empty_entries: Annotated[int, Field(ge=0)] = 0
    error: str | None = None
    quarantine_key: str | None = None


@dataclass(frozen=True, slots=True)
class FeedUpdate:
    """New state of a feed. With `keep_validators`, `etag` to `body_sha256` stay unchanged."""

    feed_id: str
    claim_token: UUID
    attempted_at: datetime
    next_attempt_at: datetime
    interval_seconds: int
    failures: int
    http_status: int | None
    error: str | None
    moved_to: str | None
    etag: str | None
    last_modified: str | None
    body_sha256: str | None
    keep_validators: bool
    tried: bool
    succeeded: bool
    changed: bool
    retired: bool
    forget_move: bool
    identity: str | None = None  # JSON of a FeedIdentity; None: unchanged


def credible_date(published_at: datetime | None, *, now: datetime) -> datetime | None:
    """The publication date, or None (unknown) for a placeholder such as 1970 and for a date in the future."""
    if published_at is None or published_at.year < FIRST_YEAR or published_at > now + FUTURE_SKEW:
        return None
    return published_at


def is_old(latest_at: datetime | None, *, now: datetime) -> bool:
    """Whether an inexact date is too far back for the entry to be new. A placeholder such as 1970 says nothing."""
    return latest_at is not None and latest_at.year >= FIRST_YEAR and latest_at < now - OLD_AFTER


def interval_seconds(*hints_seconds: int | None) -> int:
    """Polling interval from the publisher's ttl, updatePeriod and Cache-Control."""
    requested = max((hint for hint in hints_seconds if hint is not None), default=MIN_INTERVAL_SECONDS)
    return min(max(requested, MIN_INTERVAL_SECONDS), MAX_INTERVAL_SECONDS)


def update_period_seconds(period: str | None, frequency: str | None) -> int | None:
    """The syndication module's `updatePeriod` divided by `updateFrequency`; None for an unknown period."""
    periods = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
    length = periods.get((period or "").strip().lower())
    if length is None:
        return None
    times = (frequency or "1").strip()
    return length // max(int(times), 1) if times.isascii() and times.isdecimal() and len(times) < 9 else length


def backoff_seconds(feed_id: str, failures: int, interval: int) -> float:
    """Backoff after consecutive failures: doubles from the feed's interval, with jitter of a quarter.

    The jitter derives from feed and count, so that feeds of one failing host are retried at different times.
    """
    spread = int.from_bytes(sha256(f"{feed_id}:{failures}".encode()).digest()[:4]) / 2**32
    return min(interval * 2.0 ** min(failures, 30), MAX_BACKOFF_SECONDS) * (0.75 + 0.5 * spread)


def after(result: FetchResult) -> FeedUpdate:
    """New state of a feed after a result. Only 410 retires a feed; an untried feed has no failure."""
    succeeded = result.status in {"changed", "unchanged"}
    failures = result.failures + 1 if result.status == "failed" else 0 if succeeded else result.failures
    if result.status == "untried":
        wait = 0.0
    elif result.status == "failed":
        wait = backoff_seconds(result.feed_id, failures, result.interval_seconds)
    else:
        wait = float(result.interval_seconds)
    if result.retry_after_seconds and not succeeded:  # Retry-After counts only with a failure
        wait = max(wait, min(result.retry_after_seconds, MAX_RETRY_AFTER_SECONDS))
    return FeedUpdate(
        feed_id=result.feed_id,
        claim_token=result.claim_token,
        attempted_at=result.fetched_at,
        next_attempt_at=result.fetched_at + timedelta(seconds=wait),
        interval_seconds=result.interval_seconds,
        failures=failures,
        http_status=result.http_status,
        error=result.error,
        moved_to=result.moved_to,
        etag=result.etag,
        last_modified=result.last_modified,
        body_sha256=result.body_sha256,
        keep_validators=not succeeded,
        tried=result.status != "untried",
        succeeded=succeeded,
        changed=result.status == "changed",
        retired=result.status == "gone",
        forget_move=failures >= FAILURES_OF_A_MOVE,
    )
