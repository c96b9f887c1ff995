"""A migrated PostgreSQL, its feeds, a data bucket, and a server for feeds."""

from collections.abc import Iterator

import pytest

from bellwether.adapters.postgres import Database
from bellwether.adapters.postgres_feeds import PostgresFeeds
from tests.integration.feeds.feed_server import FeedServer, feed_server
from tests.integration.ingest.conftest import bucket
from tests.integration.telemetry.conftest import (
    application,
    database,
    environment,
    migrated,
    moto_server,
    owner,
    server,
)

__all__ = ["application", "bucket", "database", "environment", "migrated", "moto_server", "owner", "server"]


@pytest.fixture
def store(database: Database) -> PostgresFeeds:
    """The adapter, with the rights of the functions' role."""
    return PostgresFeeds(database)


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    """A server whose answers the test writes, byte by byte."""
    with feed_server() as started:
        yield started
