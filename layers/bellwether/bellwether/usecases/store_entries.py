"""Store what feeds told: each entry once, its edits as versions, and the state of each feed."""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bellwether.domain.feeds import FetchResult, after
from bellwether.domain.stories import as_batch
from bellwether.ports.clock import Clock
from bellwether.ports.feeds import FeedStore

FORGOTTEN_AT_ONCE = 500


class FailedFeed(BaseModel):
    """A feed that gave nothing, and when it is asked again."""

    model_config = ConfigDict(frozen=True)

    feed_id: str
    error: str
    failures: int
    next_attempt_at: str
    quarantine_key: str | None


class StoredEntries(BaseModel):
    """What a run stored. `known`: entries that were there already; `linked`: new ones of a story told before."""

    model_config = ConfigDict(frozen=True)

    stored: int
    known: int
    versions: int
    linked: int
    forgotten: int
    feeds: int
    unchanged_feeds: int
    retired_feeds: tuple[str, ...]
    failed_feeds: tuple[FailedFeed, ...]


def store_entries(
    store: FeedStore, clock: Clock, results: Sequence[FetchResult], *, retention_days: int
) -> StoredEntries:
    """Store a round's results in one transaction, then forget some of what no feed has shown for `retention_days`."""
    updates = [after(each) for each in results]
    batch = as_batch((each.feed_id, each.fetched_at, each.entries) for each in results)
    now = clock.now()
    done = store.store(batch, updates, now=now)
    forgotten = store.forget(unseen_since=now - timedelta(days=retention_days), limit=FORGOTTEN_AT_ONCE)
    failed = tuple(
        FailedFeed(
            feed_id=result.feed_id,
            error=result.error or "",
            failures=update.failures,
            next_attempt_at=update.next_attempt_at.isoformat(timespec="seconds"),
            quarantine_key=result.quarantine_key,
        )
        for result, update in zip(results, updates, strict=True)
        if result.status == "failed"
    )
    return StoredEntries(
        stored=done.stored,
        known=done.known,
        versions=done.versions,
        linked=done.linked,
        forgotten=forgotten,
        feeds=done.feeds,
        unchanged_feeds=sum(each.status == "unchanged" for each in results),
        retired_feeds=tuple(each.feed_id for each in results if each.status == "gone"),
        failed_feeds=failed,
    )
