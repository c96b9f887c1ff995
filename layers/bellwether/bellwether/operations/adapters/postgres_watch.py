"""What the watchdog sees in PostgreSQL, and its incidents."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, dict_row
from psycopg.types.json import Jsonb

from bellwether.operations.domain.watch import Incident, Sighting, Stage, Table
from bellwether.shared.adapters.postgres import Database
from bellwether.trading.domain.book import RUNNING, Control

MANY_FAILURES = 5  # of a feed, in a row
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('bellwether:watch', 0))"

# Each figure from the head of an index that other work has anyway: a look costs the same however much lies there.
_LOOK = """
SELECT
    (SELECT min(applied_at) FROM schema_migrations WHERE version >= '0002') AS watched_since,
    (SELECT max(last_success_at) FROM feed_state WHERE listed AND retired_at IS NULL) AS feeds_newest,
    (SELECT count(*) FROM feed_state WHERE listed AND retired_at IS NULL) AS feeds,
    (SELECT count(*) FROM feed_state WHERE listed AND retired_at IS NULL AND failures >= %(many)s) AS feeds_failing,
    (SELECT first_seen_at FROM inbound_events_raw ORDER BY first_seen_at DESC LIMIT 1) AS stories_newest,
    (
        SELECT min(content_seen_at) FROM inbound_events_raw WHERE processed_at IS NULL AND set_aside_at IS NULL
    ) AS labels_oldest, -- of its present text: an old story that was edited waits anew
    (SELECT count(*) FROM inbound_events_raw WHERE processed_at IS NULL AND set_aside_at IS NULL) AS labels_waiting,
    (SELECT count(*) FROM inbound_events_raw WHERE set_aside_at >= %(since)s) AS stories_set_aside,
    (SELECT ts FROM lane_telemetry ORDER BY ts DESC LIMIT 1) AS bars_newest,
    (
        SELECT made_at FROM dispatch_recommendations WHERE status = 'PENDING' ORDER BY made_at LIMIT 1
    ) AS recommendations_oldest,
    (SELECT count(*) FROM dispatch_recommendations WHERE status = 'PENDING') AS recommendations_waiting,
    (SELECT approved_at FROM dispatch_executions WHERE settled_at IS NULL ORDER BY approved_at LIMIT 1)
        AS executions_oldest,
    (SELECT count(*) FROM dispatch_executions WHERE settled_at IS NULL) AS executions_waiting,
    (SELECT count(*) FROM dispatch_executions WHERE last_error_at >= %(since)s) AS orders_in_trouble,
    (
        SELECT ticker || ': ' || coalesce(last_error, 'no reason was given') FROM dispatch_executions
        WHERE last_error_at >= %(since)s ORDER BY last_error_at DESC LIMIT 1
    ) AS last_trouble,
    now() AS seen_at
"""
_CONTROL = "SELECT halted, actor, reason, changed_at FROM dispatch_controls ORDER BY control_id DESC LIMIT 1"


class PostgresWatchtower:
    """Watchtower over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Connection[TupleRow] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keeps other watchdogs out; what is saved in it holds altogether or not at all."""
        with self._database.transaction() as connection:
            connection.execute(_LOCK)
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    def look(self, *, failures_since: datetime) -> Sighting:
        """How old, how far behind, how broken everything is."""
        seen = self._row(_LOOK, {"since": failures_since, "many": MANY_FAILURES}) or {}
        control = self._row(_CONTROL, {})
        return Sighting(
            watched_since=seen["watched_since"] or seen["seen_at"],
            newest=_there(
                {
                    Table.FEEDS: seen["feeds_newest"],
                    Table.STORIES: seen["stories_newest"],
                    Table.BARS: seen["bars_newest"],
                }
            ),
            oldest=_there(
                {
                    Table.LABELS: seen["labels_oldest"],
                    Table.RECOMMENDATIONS: seen["recommendations_oldest"],
                    Table.EXECUTIONS: seen["executions_oldest"],
                }
            ),
            waiting={
                Table.LABELS: seen["labels_waiting"],
                Table.RECOMMENDATIONS: seen["recommendations_waiting"],
                Table.EXECUTIONS: seen["executions_waiting"],
            },
            feeds=seen["feeds"],
            feeds_failing=seen["feeds_failing"],
            stories_set_aside=seen["stories_set_aside"],
            orders_in_trouble=seen["orders_in_trouble"],
            last_trouble=seen["last_trouble"] or "",
            control=Control(**control) if control else RUNNING,
        )

    def incidents(self) -> tuple[Incident, ...]:
        """Those that are open, or whose end nobody was told."""
        rows = self._connection.execute(
            """
            SELECT incident_key, opened_at, last_seen_at, details ->> 'subject', details ->> 'message', escalated_at,
                closed_at, told
            FROM incidents WHERE told IS DISTINCT FROM 'closed' ORDER BY opened_at, incident_key
            """
        ).fetchall()
        return tuple(
            Incident(key, opened, seen, subject or key, message or "", escalated, closed, Stage(told) if told else None)
            for key, opened, seen, subject, message, escalated, closed, told in rows
        )

    def save(self, incidents: Sequence[Incident]) -> None:
        """Keep new ones, and changes of those that are there."""
        with self._connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO incidents AS kept (
                    incident_key, opened_at, last_seen_at, escalated_at, closed_at, told, details
                )
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (incident_key, opened_at) DO UPDATE SET
                    last_seen_at = excluded.last_seen_at, escalated_at = excluded.escalated_at,
                    closed_at = excluded.closed_at, told = excluded.told, details = excluded.details
                WHERE (kept.last_seen_at, kept.escalated_at, kept.closed_at, kept.told, kept.details) IS DISTINCT FROM
                    (excluded.last_seen_at, excluded.escalated_at, excluded.closed_at, excluded.told, excluded.details)
                """,
                [_columns(each) for each in incidents],
            )

    def _row(self, query: str, parameters: dict[str, Any]) -> DictRow | None:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchone()

    @property
    def _connection(self) -> Connection[TupleRow]:
        if self._open is None:
            raise RuntimeError("called outside of transaction()")
        return self._open


def _columns(incident: Incident) -> tuple[object, ...]:
    return (
        incident.incident_key,
        incident.opened_at,
        incident.last_seen_at,
        incident.escalated_at,
        incident.closed_at,
        incident.told.value if incident.told else None,
        Jsonb({"subject": incident.subject, "message": incident.message}),
    )


def _there(instants: dict[Table, datetime | None]) -> dict[Table, datetime]:
    return {table: instant for table, instant in instants.items() if instant is not None}
