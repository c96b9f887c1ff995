"""Feeds' servers and their state in memory."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from bellwether.news.domain.entry_identity import FeedIdentity
from bellwether.news.domain.feeds import DueFeed, FeedState, FeedUpdate, ListedFeed
from bellwether.news.domain.stories import Batch
from bellwether.news.ports.feed_access import FeedResponse, Stored


class ScriptedFetcher:
    """FeedFetcher that gives these answers, whatever it is asked."""

    def __init__(self, *answers: FeedResponse) -> None:
        self._answers = answers
        self.asked: list[tuple[Sequence[DueFeed], float]] = []

    def fetch(self, feeds: Sequence[DueFeed], *, seconds_left: float) -> Iterator[FeedResponse]:
        self.asked.append((feeds, seconds_left))
        yield from self._answers


class NotedFeeds:
    """FeedStore that notes what was asked of it; `due` is what can be claimed."""

    def __init__(self, *due: DueFeed) -> None:
        self.due = due
        self.listed: list[tuple[ListedFeed, ...]] = []
        self.claims: list[tuple[datetime, datetime, datetime, int]] = []
        self.stored: list[tuple[Batch, tuple[FeedUpdate, ...]]] = []
        self.deleted: list[datetime] = []

    def list_feeds(self, feeds: Sequence[ListedFeed], *, now: datetime) -> None:
        self.listed.append(tuple(feeds))

    def claim_due(self, *, now: datetime, due_by: datetime, claimed_until: datetime, limit: int) -> tuple[DueFeed, ...]:
        self.claims.append((now, due_by, claimed_until, limit))
        return self.due[:limit]

    def states(self) -> tuple[FeedState, ...]:
        return ()

    def identities(self, feed_ids: Sequence[str]) -> Mapping[str, FeedIdentity]:
        return {each: FeedIdentity() for each in feed_ids}

    def store(self, batch: Batch, updates: Sequence[FeedUpdate], *, now: datetime) -> Stored:
        self.stored.append((batch, tuple(updates)))
        return Stored(len(batch.stories), 0, len(batch.other_texts), 0, len(updates))

    def delete_unseen(self, *, unseen_since: datetime, limit: int) -> int:
        self.deleted.append(unseen_since)
        return 0
