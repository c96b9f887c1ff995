"""Store fetched entries: each entry once, its edits as versions, and the state of each feed."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bellwether.news.domain.feeds import FetchResult, after
from bellwether.news.domain.stories import as_batch
from bellwether.news.ports.feed_access import FeedStore, Stored
from bellwether.shared.ports.clock import Clock

DELETED_AT_ONCE = 500
ENTRIES_AT_ONCE = 5_000
"""Approximate number of entries in one transaction, so that one large feed does not roll back the others."""


class FailedFeed(BaseModel):
    """A failed feed and its next attempt."""

    model_config = ConfigDict(frozen=True)

    feed_id: str
    error: str
    failures: int
    next_attempt_at: str
    quarantine_key: str | None


class StoredEntries(BaseModel):
    """Counts of a run. `known`: entries stored before; `linked`: new entries of an older story; `requeued`: entries
    whose text has changed since they were classified."""

    model_config = ConfigDict(frozen=True)

    stored: int
    known: int
    versions: int
    linked: int
    requeued: int
    deleted: int
    feeds: int
    unchanged_feeds: int
    retired_feeds: tuple[str, ...]
    failed_feeds: tuple[FailedFeed, ...]


def store_entries(
    store: FeedStore, clock: Clock, results: Sequence[FetchResult], *, retention_days: int
) -> StoredEntries:
    """Store the results, each feed in one transaction, then delete some entries past the retention period."""
    updates = [after(each) for each in results]
    now = clock.now()
    done = Stored()
    for some in _portions(results):
        batch = as_batch((each.feed_id, each.fetched_at, each.entries) for each in some)
        done += store.store(batch, [after(each) for each in some], now=now)
    deleted = store.delete_unseen(unseen_since=now - timedelta(days=retention_days), limit=DELETED_AT_ONCE)
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
        requeued=done.requeued,
        deleted=deleted,
        feeds=done.feeds,
        unchanged_feeds=sum(each.status == "unchanged" for each in results),
        retired_feeds=tuple(each.feed_id for each in results if each.status == "gone"),
        failed_feeds=failed,
    )


def _portions(results: Sequence[FetchResult]) -> Iterator[list[FetchResult]]:
    """Split the results, in order, into portions of at most `ENTRIES_AT_ONCE` entries, at least one result each."""
    portion: list[FetchResult] = []
    entries = 0
    for result in results:
        if portion and entries + len(result.entries) > ENTRIES_AT_ONCE:
            yield portion
            portion, entries = [], 0
        portion.append(result)
        entries += len(result.entries)
    if portion:
        yield portion
