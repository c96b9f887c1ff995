"""Store fetched entries: each entry once, its edits as versions, and the state of each feed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from bellwether.news.domain.entry_identity import FeedIdentity, identify
from bellwether.news.domain.feeds import Entry, FeedUpdate, FetchResult, after
from bellwether.news.domain.stories import as_batch
from bellwether.news.ports.feed_access import FeedStore, Stored
from bellwether.shared.domain.errors import BellwetherError, TransientUpstreamError
from bellwether.shared.ports.clock import Clock

DELETED_AT_ONCE = 500
ERROR_CHARACTERS = 1000
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
    """Store the results, each feed in one transaction, then delete some entries past the retention period.

    A feed that can't be stored is a failed feed; the others are stored. Raises TransientUpstreamError when the
    database is away.
    """
    now = clock.now()
    results, identities = _identified(results, store)
    storage = _Storage(store, now, identities)
    results = [each for some in _portions(results) for each in storage.store(some)]
    updates = [after(each) for each in results]
    done = storage.stored
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


def _identified(results: Sequence[FetchResult], store: FeedStore) -> tuple[Sequence[FetchResult], Mapping[str, str]]:
    """Give the entries of each feed their identity; also return what to record of each feed, as JSON."""
    changed = [each.feed_id for each in results if each.status == "changed"]
    known = store.identities(changed) if changed else {}
    found, record = [], {}
    for result in results:
        if result.status == "changed":
            identified = identify(result.entries, known.get(result.feed_id, FeedIdentity()))
            record[result.feed_id] = identified.identity.model_dump_json()
            result = result.model_copy(update={"entries": identified.entries})
        found.append(result)
    return found, record


@dataclass
class _Storage:
    """Stores portions of results. What a portion's transaction refuses is stored feed by feed, entry by entry."""

    feeds: FeedStore
    now: datetime
    identities: Mapping[str, str]
    stored: Stored = field(default_factory=Stored, init=False)

    def store(self, results: Sequence[FetchResult]) -> list[FetchResult]:
        """Return the results as stored: a feed that is refused has failed."""
        try:
            self._write(results, updates=True)
        except BellwetherError as error:
            if len(results) == 1 and isinstance(error, TransientUpstreamError):
                return [self._fail(results[0], error)]
            if len(results) == 1:
                return [self._store_without_refused_entries(results[0], error)]
            return [stored for each in results for stored in self.store([each])]
        return list(results)

    def _write(self, results: Sequence[FetchResult], *, updates: bool) -> None:
        batch = as_batch((each.feed_id, each.fetched_at, each.entries) for each in results)
        self.stored += self.feeds.store(
            batch, [self._update(each) for each in results] if updates else [], now=self.now
        )

    def _update(self, result: FetchResult) -> FeedUpdate:
        identity = self.identities.get(result.feed_id) if result.status == "changed" else None
        return replace(after(result), identity=identity)

    def _store_without_refused_entries(self, result: FetchResult, error: BellwetherError) -> FetchResult:
        refused = self._refused(result)
        if len(refused) == len(result.entries):
            return self._fail(result, error)
        reason = f"{len(refused)} entries not stored: {error}"[:ERROR_CHARACTERS]
        rest = tuple(each for each in result.entries if each not in refused)
        stored = result.model_copy(update={"entries": rest, "error": reason})
        try:
            self._write([stored], updates=True)
        except BellwetherError as fault:
            return self._fail(result, fault)
        return stored

    def _refused(self, result: FetchResult) -> list[Entry]:
        """Find the refused entries by halving; the others are stored on the way."""
        try:
            self._write([result], updates=False)
        except TransientUpstreamError:
            raise
        except BellwetherError:
            entries = result.entries
            if len(entries) <= 1:
                return list(entries)
            middle = len(entries) // 2
            halves = (result.model_copy(update={"entries": half}) for half in (entries[:middle], entries[middle:]))
            return [each for half in halves for each in self._refused(half)]
        return []

    def _fail(self, result: FetchResult, error: BellwetherError) -> FetchResult:
        """Book the failure to the feed. Raises when even that is impossible: then the database is away."""
        failed = FetchResult(
            feed_id=result.feed_id,
            claim_token=result.claim_token,
            status="failed",
            fetched_at=result.fetched_at,
            interval_seconds=result.interval_seconds,
            failures=result.failures,
            http_status=result.http_status,
            error=f"not stored: {error}"[:ERROR_CHARACTERS],
        )
        self._write([failed], updates=True)
        return failed


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
