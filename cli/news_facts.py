"""What the news pipeline has in its database, as people want to see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import class_row, dict_row

from bellwether.shared.domain.decisions import READ_BACK, Gate


@dataclass(frozen=True)
class FeedFact:
    """A feed as its last attempt left it."""

    feed_id: str
    http_status: int | None
    stories: int
    failures: int
    error: str | None
    moved_to: str | None
    retired: bool
    next_attempt_at: datetime


@dataclass(frozen=True)
class StoryFact:
    """A story with its label; `sentiment` is the probability of positive less that of negative."""

    event_uid: str
    story_uid: str
    feed_id: str
    published_at: datetime
    title: str
    label: str | None
    sentiment: float | None
    tickers: Sequence[str]
    model_version: str | None


@dataclass(frozen=True)
class RecommendationFact:
    """A recommendation, what the gates said of it, and what the broker made of it."""

    recommendation_id: str
    ticker: str
    side: str
    status: str
    quantity: Decimal
    reference_price: Decimal
    sentiment: float
    sma: Decimal
    made_at: datetime
    gates: tuple[Gate, ...]
    broker: str | None
    execution: str | None
    filled_quantity: Decimal | None
    fill_price: Decimal | None
    fees: Decimal | None

    @property
    def refused_by(self) -> tuple[str, ...]:
        """Gates that did not let it through, each with what it saw."""
        return tuple(
            gate.reason or f"{gate.name}: {gate.observed} (limit {gate.limit})"
            for gate in self.gates
            if not gate.passed
        )


@dataclass(frozen=True)
class PriceFact:
    """A bar's start and close."""

    start: datetime
    close: Decimal


@dataclass(frozen=True)
class IncidentFact:
    """Something that the watchdog found and that is not over."""

    incident_key: str
    opened_at: datetime
    told: str | None


class NewsFacts:
    """Reads the database; changes nothing."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def feeds(self, feed_ids: Sequence[str]) -> list[FeedFact]:
        """The named feeds, by id."""
        with self._connected() as connection, connection.cursor(row_factory=class_row(FeedFact)) as cursor:
            return cursor.execute(
                """
                SELECT feed_id, last_http_status AS http_status, failures, last_error AS error, moved_to,
                    retired_at IS NOT NULL AS retired, next_attempt_at,
                    (SELECT count(*) FROM inbound_events_raw AS raw WHERE raw.feed_id = feed.feed_id) AS stories
                FROM feed_state AS feed WHERE feed_id = ANY(%s) ORDER BY feed_id
                """,
                (list(feed_ids),),
            ).fetchall()

    def stories(self, *, ticker: str | None = None, limit: int = 1000) -> list[StoryFact]:
        """The newest stories, of one company where it is named."""
        with self._connected() as connection, connection.cursor(row_factory=class_row(StoryFact)) as cursor:
            return cursor.execute(
                """
                SELECT raw.event_uid, story_uid, feed_id, coalesce(published_at, first_seen_at) AS published_at, title,
                    label, (scores->>'positive')::float8 - (scores->>'negative')::float8 AS sentiment,
                    coalesce(tickers, '{}') AS tickers, model_version
                FROM inbound_events_raw AS raw LEFT JOIN inbound_events_classified USING (event_uid)
                WHERE %(ticker)s::text IS NULL OR tickers @> ARRAY[%(ticker)s::text]
                ORDER BY 4 DESC, raw.event_uid LIMIT %(limit)s
                """,
                {"ticker": ticker, "limit": limit},
            ).fetchall()

    def labels(self) -> Mapping[str, int]:
        """How many stories have which label; those without one as `waiting`."""
        with self._connected() as connection:
            rows = connection.execute(
                """
                SELECT coalesce(label, CASE WHEN set_aside_at IS NULL THEN 'waiting' ELSE 'set aside' END), count(*)
                FROM inbound_events_raw LEFT JOIN inbound_events_classified USING (event_uid) GROUP BY 1 ORDER BY 1
                """
            ).fetchall()
        return {str(label): int(count) for label, count in rows}

    def recommendations(self, limit: int = 50) -> list[RecommendationFact]:
        """The newest, with verdict and fill."""
        with self._connected() as connection, connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                """
                SELECT recommendation_id::text, made.ticker, made.side, made.status, made.quantity, reference_price,
                    (made.evidence->>'sentiment')::float8 AS sentiment, (made.evidence->>'sma')::numeric AS sma,
                    made.made_at, coalesce(decision.gates, '[]') AS gates,
                    broker, execution.status AS execution, filled_quantity, fill_price, fees
                FROM dispatch_recommendations AS made
                LEFT JOIN decisions AS decision USING (decision_id)
                LEFT JOIN dispatch_executions AS execution USING (recommendation_id)
                ORDER BY made.made_at DESC, made.ticker LIMIT %s
                """,
                (limit,),
            ).fetchall()
        return [
            RecommendationFact(
                **{**row, "gates": tuple(Gate.model_validate(gate, context=READ_BACK) for gate in row["gates"])}
            )
            for row in rows
        ]

    def prices(self, ticker: str, since: datetime) -> list[PriceFact]:
        """A ticker's bars, oldest first."""
        with self._connected() as connection, connection.cursor(row_factory=class_row(PriceFact)) as cursor:
            return cursor.execute(
                """
                SELECT ts AS start, close FROM lane_telemetry
                WHERE ticker = %s AND timeframe = '5Min' AND ts >= %s ORDER BY ts
                """,
                (ticker, since),
            ).fetchall()

    def bars(self) -> tuple[int, int, datetime | None]:
        """How many bars of how many tickers there are, and the start of the newest."""
        with self._connected() as connection:
            row = connection.execute("SELECT count(*), count(DISTINCT ticker), max(ts) FROM lane_telemetry").fetchone()
        return row if row is not None else (0, 0, None)

    def incidents(self) -> list[IncidentFact]:
        """What is open."""
        with self._connected() as connection, connection.cursor(row_factory=class_row(IncidentFact)) as cursor:
            return cursor.execute(
                "SELECT incident_key, opened_at, told FROM incidents WHERE closed_at IS NULL ORDER BY opened_at"
            ).fetchall()

    def newest_story_of(self, feed_ids: Sequence[str]) -> datetime | None:
        """When a story of these feeds was last seen for the first time."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT max(first_seen_at) FROM inbound_events_raw WHERE feed_id = ANY(%s)", (list(feed_ids),)
            ).fetchone()
        return row[0] if row else None

    def _connected(self) -> Connection[tuple[Any, ...]]:
        return psycopg.connect(self._dsn, options="-c timezone=UTC -c default_transaction_read_only=on")
