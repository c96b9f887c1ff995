"""Feeds and stories as they are in the database, and the companies that ship with the code."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from pydantic import BaseModel

from bellwether.news.adapters.listings import packaged_listings
from bellwether.news.domain.tickers import TickerFinder, parse_listings


class FeedView(BaseModel, frozen=True):
    """A feed after its last attempt. `undated` of its stories have an unknown age."""

    feed_id: str
    http_status: int | None
    stories: int
    undated: int
    failures: int
    error: str | None
    moved_to: str | None
    retired: bool
    next_attempt_at: datetime


class StoryView(BaseModel, frozen=True):
    """A story with its label; `sentiment` is the probability of positive minus that of negative.

    `tones`: the sentiment for each company. Asked for one company, label and sentiment are that company's.
    """

    event_uid: str
    story_uid: str
    feed_id: str
    published_at: datetime
    title: str
    label: str | None
    sentiment: float | None
    tickers: tuple[str, ...]
    tones: Mapping[str, float]
    model_version: str | None


class NewsViews:
    """Reads the news tables over one connection; raises psycopg.Error."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection

    def feeds(self, feed_ids: Sequence[str]) -> list[FeedView]:
        """The named feeds, by id."""
        with self._connection.cursor(row_factory=class_row(FeedView)) as cursor:
            return cursor.execute(
                """
                SELECT feed_id, last_http_status AS http_status, failures, last_error AS error, moved_to,
                    retired_at IS NOT NULL AS retired, next_attempt_at, stories, undated
                FROM feed_state AS feed CROSS JOIN LATERAL (
                    SELECT count(*) AS stories, count(*) FILTER (WHERE dated_at IS NULL) AS undated
                    FROM inbound_events_raw AS raw WHERE raw.feed_id = feed.feed_id
                ) AS counted
                WHERE feed_id = ANY(%s) ORDER BY feed_id
                """,
                (list(feed_ids),),
            ).fetchall()

    def stories(
        self, *, ticker: str | None = None, before: StoryView | None = None, limit: int = 1000
    ) -> list[StoryView]:
        """Stories, newest first, of one company where it is named; `before` is the last story of the page before."""
        with self._connection.cursor(row_factory=class_row(StoryView)) as cursor:
            return cursor.execute(
                """
                SELECT raw.event_uid, story_uid, feed_id, coalesce(published_at, first_seen_at) AS published_at, title,
                    coalesce(own.tone->>'label', label) AS label,
                    (coalesce(own.tone->'scores', scores)->>'positive')::float8
                        - (coalesce(own.tone->'scores', scores)->>'negative')::float8 AS sentiment,
                    coalesce(tickers, '{}') AS tickers, model_version, (
                        SELECT coalesce(jsonb_object_agg(
                            company, (tone->'scores'->>'positive')::float8 - (tone->'scores'->>'negative')::float8
                        ), '{}') FROM jsonb_each(tones) AS each_tone (company, tone)
                    ) AS tones
                FROM inbound_events_raw AS raw LEFT JOIN inbound_events_classified USING (event_uid)
                CROSS JOIN LATERAL (SELECT tones->%(ticker)s::text AS tone) AS own
                WHERE (%(ticker)s::text IS NULL OR tickers @> ARRAY[%(ticker)s::text])
                    AND (%(event_uid)s::text IS NULL
                        OR (coalesce(published_at, first_seen_at), raw.event_uid)
                            < (%(published_at)s::timestamptz, %(event_uid)s))
                ORDER BY 4 DESC, raw.event_uid DESC LIMIT %(limit)s
                """,
                {
                    "ticker": ticker,
                    "event_uid": before and before.event_uid,
                    "published_at": before and before.published_at,
                    "limit": limit,
                },
            ).fetchall()

    def labels(self) -> Mapping[str, int]:
        """How many stories have which label; those without one count as `waiting` or `set aside`."""
        rows = self._connection.execute(
            """
            SELECT coalesce(label, CASE WHEN set_aside_at IS NULL THEN 'waiting' ELSE 'set aside' END), count(*)
            FROM inbound_events_raw LEFT JOIN inbound_events_classified USING (event_uid) GROUP BY 1 ORDER BY 1
            """
        ).fetchall()
        return {str(label): int(count) for label, count in rows}

    def newest_story_at(self, feed_ids: Sequence[str]) -> datetime | None:
        """When the newest story of these feeds was first seen."""
        row = self._connection.execute(
            "SELECT max(first_seen_at) FROM inbound_events_raw WHERE feed_id = ANY(%s)", (list(feed_ids),)
        ).fetchone()
        return row[0] if row else None


def packaged_companies() -> Mapping[str, str]:
    """Name of each company of the packaged list, by symbol."""
    listings = parse_listings(packaged_listings())
    return {each.symbol: next(iter((*each.aliases, *each.guarded)), each.symbol) for each in listings}


def packaged_finder() -> TickerFinder:
    """Finds the companies of the packaged list in headlines."""
    return TickerFinder(parse_listings(packaged_listings()))
