"""Feeds on the network and what is kept of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bellwether.news.domain.feeds import DueFeed, FeedUpdate, ListedFeed
from bellwether.news.domain.stories import Batch


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """What a feed's server said.

    `error`: why there is no answer at all; `unreadable`: why its bytes (`content`, as they came) are no document.
    `tried` is false when there was no time left to ask.
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
    """Feeds' servers."""

    def fetch(self, feeds: Sequence[DueFeed], *, seconds_left: float) -> Iterator[FeedAnswer]:
        """One answer a feed, as they come in, within the time given; of a feed that fails the answer says so."""


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """An entry as its document has it; texts without markup."""

    entry_id: str
    url: str
    title: str
    summary: str
    published_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class FeedDocument:
    """A feed's document: its entries, its own names, and how often its publisher wants to be asked."""

    entries: tuple[DocumentEntry, ...]
    names: tuple[str, ...]
    ttl_seconds: int | None = None
    update_period_seconds: int | None = None


class FeedParser(Protocol):
    """Who reads RSS and Atom in all their states."""

    def parse(self, content: bytes, *, url: str, content_type: str | None) -> FeedDocument:
        """Raises InvalidInputError for what is no feed, is out to harm, or takes too long to read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of storing: new events, known ones, texts kept beside, new ones linked to an older story, states.

    `asked_again`: events that had a label, and have other words now.
    """

    stored: int = 0
    known: int = 0
    versions: int = 0
    linked: int = 0
    feeds: int = 0
    asked_again: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class FeedStore(Protocol):
    """The state of the feeds, and the events that came from them."""

    def list_feeds(self, feeds: Sequence[ListedFeed], *, now: datetime) -> None:
        """Make these the configured feeds: new ones are due at once, others rest, a new address starts afresh."""

    def claim_due(self, *, now: datetime, due_by: datetime, claimed_until: datetime, limit: int) -> tuple[DueFeed, ...]:
        """Claim feeds that are due by then and that nobody else holds, longest due first."""

    def store(self, batch: Batch, updates: Sequence[FeedUpdate], *, now: datetime) -> Stored:
        """Events and states, all or none. Repeated, nothing happens; a state is written by who holds the claim only."""

    def forget(self, *, unseen_since: datetime, limit: int) -> int:
        """Delete some of the events that no feed has shown since then, longest unseen first; how many they were."""
