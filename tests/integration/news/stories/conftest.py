"""A migrated PostgreSQL with stories in it, and the functions' environment."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from bellwether.news.adapters.postgres_stories import PostgresStories
from bellwether.news.domain.sentiment import Classification, Story
from bellwether.shared.adapters.postgres import Database
from tests.fakes.stories import Row


def insert(connection: Connection[TupleRow], stories: Iterable[Story]) -> None:
    """Stories as ingestion leaves them, as old as their numbers are small."""
    connection.execute("INSERT INTO feed_state (feed_id, url) VALUES ('wire', 'http://x/') ON CONFLICT DO NOTHING")
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO inbound_events_raw (
                event_uid, feed_id, entry_id, title, summary, content_sha256, story_uid, first_seen_at
            ) VALUES (%(uid)s, 'wire', %(uid)s, %(title)s, %(summary)s, %(sha)s, %(uid)s, to_timestamp(%(second)s))
            """,
            [
                {
                    "uid": each.event_uid,
                    "title": each.title,
                    "summary": each.summary,
                    "sha": each.content_sha256,
                    "second": 1_800_000_000 + int(each.event_uid, 16),
                }
                for each in stories
            ],
        )


@dataclass
class PostgresWorld:
    """Stories in a real database, reached with the functions' rights."""

    database: Database

    @property
    def queue(self) -> PostgresStories:
        return PostgresStories(self.database)

    def add(self, stories: Iterable[Story]) -> None:
        with self.database.transaction() as connection:
            insert(connection, stories)

    def expire(self) -> None:
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE inbound_events_raw SET claimed_until = now() - interval '1 s' WHERE claim_token IS NOT NULL"
            )

    def edit(self, event_uid: str, title: str) -> None:
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE inbound_events_raw SET title = %s, content_sha256 = encode(sha256(%s), 'hex') "
                "WHERE event_uid = %s",
                (title, title.encode(), event_uid),
            )

    def row(self, event_uid: str) -> Row:
        with self.database.transaction() as connection:
            found = connection.execute(
                """
                SELECT title, summary, content_sha256, attempts, claim_token, claimed_until < now(),
                    processed_at IS NOT NULL, set_aside_reason, label, scores, model_version, tickers, tones
                FROM inbound_events_raw LEFT JOIN inbound_events_classified USING (event_uid) WHERE event_uid = %s
                """,
                (event_uid,),
            ).fetchone()
        assert found is not None
        title, summary, sha256, attempts, token, expired, processed, reason, *labelled = found
        story = Story(event_uid, title, summary, sha256)
        names = ("label", "scores", "model_version", "tickers", "tones")
        kept = {"event_uid": event_uid, "content_sha256": sha256, **dict(zip(names, labelled, strict=True))}
        label = Classification.model_validate(kept) if labelled[0] else None
        holder: UUID | None = token
        return Row(story, attempts, holder, bool(expired), processed, reason, label)


@pytest.fixture
def world(database: Database) -> PostgresWorld:
    return PostgresWorld(database)
