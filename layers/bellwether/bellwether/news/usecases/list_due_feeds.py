"""Synchronise the configured feeds with the database and claim the due ones."""

from collections.abc import Sequence
from datetime import timedelta

from bellwether.news.domain.feeds import DueFeed, ListedFeed
from bellwether.news.ports.feed_access import FeedStore
from bellwether.shared.ports.clock import Clock

EARLY_SECONDS = 15
"""Feeds due within this time are fetched now: scheduled runs are about a minute apart, not to the second."""


def list_due_feeds(
    store: FeedStore, clock: Clock, feeds: Sequence[ListedFeed] | None, *, lease_seconds: int, limit: int
) -> tuple[DueFeed, ...]:
    """Claim up to `limit` due feeds for `lease_seconds`. Without `feeds` the list stays as it is."""
    now = clock.now()
    if feeds is not None:
        store.list_feeds(feeds, now=now)
    return store.claim_due(
        now=now,
        due_by=now + timedelta(seconds=EARLY_SECONDS),
        claimed_until=now + timedelta(seconds=lease_seconds),
        limit=limit,
    )
