"""Store what feeds told: each entry once, its edits as versions, and the state of each feed."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bellwether.news.domain.feeds import FetchResult, after
from bellwether.news.domain.stories import as_batch
from bellwether.news.ports.feeds import FeedStore, Stored
from bellwether.shared.ports.clock import Clock

FORGOTTEN_AT_ONCE = 500
ENTRIES_AT_ONCE = 5_000
"""About so many are stored in one transaction: a publisher who floods takes no other feed's state along."""


class FailedFeed(BaseModel):
    """A feed that gave nothing, and when it is asked again."""

    model_config = ConfigDict(frozen=True)

    feed_id: str
    error: str
    failures: int
    next_attempt_at: str
    quarantine_key: str | None


class StoredEntries(BaseModel):
    """What a run stored. `known`: entries that were there already; `linked`: new ones of a story told before;
    `asked_again`: those whose words have changed since they were classified."""

    model_config = ConfigDict(frozen=True)

    stored: int
    known: int
    versions: int
    linked: int
    asked_again: int
    forgotten: int
    feeds: int
    unchanged_feeds: int
    retired_feeds: tuple[str, ...]
    failed_feeds: tuple[FailedFeed, ...]


def store_entries(
    store: FeedStore, clock: Clock, results: Sequence[FetchResult], *, retention_days: int
) -> StoredEntries:
    """Store a round's results, each feed's in one transaction, then forget some of what none has shown for so long."""
    updates = [after(each) for each in results]
    now = clock.now()
    done = Stored()
    for some in _portions(results):
        batch = as_batch((each.feed_id, each.fetched_at, each.entries) for each in some)
        done += store.store(batch, [after(each) for each in some], now=now)
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
        asked_again=done.asked_again,
        forgotten=forgotten,
        feeds=done.feeds,
        unchanged_feeds=sum(each.status == "unchanged" for each in results),
        retired_feeds=tuple(each.feed_id for each in results if each.status == "gone"),
        failed_feeds=failed,
    )


def _portions(results: Sequence[FetchResult]) -> Iterator[list[FetchResult]]:
    """The results in their order, as many at once as come to `ENTRIES_AT_ONCE` entries, and one at least."""
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
