"""A migrated PostgreSQL, its feeds, a data bucket, and a server for feeds."""

from collections.abc import Iterator

import pytest

from bellwether.news.adapters.postgres_feeds import PostgresFeeds
from bellwether.shared.adapters.postgres import Database
from tests.integration.news.feeds.feed_server import FeedServer, feed_server


@pytest.fixture
def store(database: Database) -> PostgresFeeds:
    """The adapter, with the rights of the functions' role."""
    return PostgresFeeds(database)


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    """A server whose answers the test writes, byte by byte."""
    with feed_server() as started:
        yield started
