"""Synchronise the configured feeds with the database and claim the due ones."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from bellwether.news.domain.feeds import DueFeed, ListedFeed
from bellwether.news.ports.feed_access import FeedStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.clock import Clock

EARLY_SECONDS = 15
"""Feeds due within this time are fetched now: scheduled runs are about a minute apart, not to the second."""


def list_due_feeds(
    store: FeedStore, clock: Clock, feeds: Sequence[ListedFeed] | None, *, lease_seconds: int, limit: int
) -> tuple[DueFeed, ...]:
    """Claim up to `limit` due feeds for `lease_seconds`. Without `feeds` the list stays as it is.

    Raises InvalidInputError when two feeds have one id.
    """
    now = clock.now()
    if feeds is not None:
        duplicates = [feed_id for feed_id, count in Counter(each.feed_id for each in feeds).items() if count > 1]
        if duplicates:
            raise InvalidInputError(f"two feeds have the id {duplicates[0]}", field="feeds")
        store.list_feeds(feeds, now=now)
    return store.claim_due(
        now=now,
        due_by=now + timedelta(seconds=EARLY_SECONDS),
        claimed_until=now + timedelta(seconds=lease_seconds),
        limit=limit,
    )
