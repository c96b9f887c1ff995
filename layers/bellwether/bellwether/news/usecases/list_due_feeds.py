"""Synchronise the configured feeds with the database and claim the due ones."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bellwether.news.domain.feed_list import FeedList, FeedProblem, read_feed_list, stored_list_key
from bellwether.news.domain.feeds import DueFeed, ListedFeed
from bellwether.news.ports.feed_access import FeedStore
from bellwether.shared.domain.errors import BellwetherError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore

EARLY_SECONDS = 15
"""Feeds due within this time are fetched now: scheduled runs are about a minute apart, not to the second."""


def configured_feeds(content: str | Sequence[Any] | None, objects: ObjectStore) -> FeedList:
    """Read the configured list, from the data bucket when the content is `{"s3_key": KEY}`.

    A list that can't be read is a problem, and its feeds are None: the feeds stay as they are.
    """
    if content is None:
        return FeedList(None)
    try:
        key = stored_list_key(content)
        return read_feed_list(content if key is None else objects.get(key).content.decode())
    except (BellwetherError, UnicodeDecodeError) as error:
        return FeedList(None, (FeedProblem("list", str(error)),))


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
