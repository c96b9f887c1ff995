"""Ports of feeds: fetcher, parser and store."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bellwether.news.domain.entry_identity import FeedIdentity
from bellwether.news.domain.feeds import DueFeed, FeedState, FeedUpdate, ListedFeed
from bellwether.news.domain.stories import Batch


@dataclass(frozen=True, slots=True)
class FeedResponse:
    """Response of a feed's server.

    `error`: why there is no response; `unreadable`: why the received bytes (`content`) are not a document.
    `tried` is false when there was no time left for the request.
    """

    feed: DueFeed
    fetched_at: datetime
    url: str
    http_status: int | None = None
    content: bytes = b""
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    max_age_seconds: int | None = None
    retry_after_seconds: int | None = None
    moved_to: str | None = None
    error: str | None = None
    unreadable: str | None = None
    tried: bool = True


class FeedFetcher(Protocol):
    """Fetches feeds over the network."""

    def fetch(self, feeds: Sequence[DueFeed], *, seconds_left: float) -> Iterator[FeedResponse]:
        """Yield one response for each feed as it arrives, within the given time; a failure is a response too."""


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """An entry of a feed document; texts without markup. `latest_at`: the end of what an inexact date allows."""

    entry_id: str
    url: str
    title: str
    summary: str
    published_at: datetime | None
    updated_at: datetime | None
    latest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FeedDocument:
    """A parsed feed: its entries, its own ids and links, and the polling interval that its publisher requests."""

    entries: tuple[DocumentEntry, ...]
    names: tuple[str, ...]
    ttl_seconds: int | None = None
    update_period_seconds: int | None = None


class FeedParser(Protocol):
    """Parses RSS, Atom and JSON Feed."""

    def parse(
        self, content: bytes, *, url: str, content_type: str | None, seconds_left: float = math.inf
    ) -> FeedDocument:
        """Parse a document. Raises InvalidInputError if it is not a feed, is malicious, or exceeds its processor time.

        Raises TimeoutError after `seconds_left`: the document may be fine.
        """


@dataclass(frozen=True, slots=True)
class Stored:
    """Counts of stored items: new and known events, versions of texts, events linked to an older story, feed states.

    `requeued`: classified events whose text has changed, so that they are classified again.
    """

    stored: int = 0
    known: int = 0
    versions: int = 0
    linked: int = 0
    feeds: int = 0
    requeued: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class FeedStore(Protocol):
    """The state of feeds, and their events."""

    def list_feeds(self, feeds: Sequence[ListedFeed], *, now: datetime) -> None:
        """Set the configured feeds: new ones are due at once, missing ones pause, a changed address resets state."""

    def claim_due(self, *, now: datetime, due_by: datetime, claimed_until: datetime, limit: int) -> tuple[DueFeed, ...]:
        """Claim unclaimed feeds due by `due_by`, the longest overdue first."""

    def states(self) -> tuple[FeedState, ...]:
        """Return the state of every feed that is listed, by id."""

    def identities(self, feed_ids: Sequence[str]) -> Mapping[str, FeedIdentity]:
        """Return what identifies the entries of these feeds."""

    def store(self, batch: Batch, updates: Sequence[FeedUpdate], *, now: datetime) -> Stored:
        """Store events and states in one transaction. Idempotent; only the holder of the claim updates a state."""

    def delete_unseen(self, *, unseen_since: datetime, limit: int) -> int:
        """Delete up to `limit` events not seen in a feed since then, oldest first; return the number."""
