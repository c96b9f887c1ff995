"""The watchdog's incidents in PostgreSQL, and the rows of its probes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, dict_row
from psycopg.types.json import Jsonb

from bellwether.operations.domain.incidents import Incident, Stage
from bellwether.shared.adapters.postgres import Database, translated
from bellwether.shared.domain.probes import Probe

PROBE_TIMEOUT = "5s"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('bellwether:watch', 0))"


class PostgresIncidents:
    """IncidentStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Connection[TupleRow] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Lock out other runs of the watchdog; commit everything at the end, or nothing."""
        with self._database.transaction() as connection:
            connection.execute(_LOCK)
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    def watched_since(self) -> datetime:
        """When the watched tables were created."""
        rows = self._connection.execute(
            "SELECT coalesce(min(applied_at), now()) FROM schema_migrations WHERE version >= '0002'"
        ).fetchall()
        since: datetime = rows[0][0]
        return since

    def rows(self, probe: Probe, *, failures_since: datetime) -> list[DictRow]:
        """Run the probe's query in a savepoint, so that the transaction goes on when it fails."""
        connection = self._connection
        with translated(), connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (PROBE_TIMEOUT,))
            return cursor.execute(probe.query.encode(), {"failures_since": failures_since}).fetchall()

    def incidents(self) -> tuple[Incident, ...]:
        """Open incidents, and closed ones whose all-clear is not confirmed yet."""
        rows = self._connection.execute(
            """
            SELECT incident_key, opened_at, last_seen_at, details ->> 'subject', details ->> 'message', escalated_at,
                closed_at, notified_stage
            FROM incidents WHERE notified_stage IS DISTINCT FROM 'closed' ORDER BY opened_at, incident_key
            """
        ).fetchall()
        return tuple(
            Incident(
                key,
                opened,
                seen,
                subject or key,
                message or "",
                escalated,
                closed,
                Stage(stage) if stage else None,
            )
            for key, opened, seen, subject, message, escalated, closed, stage in rows
        )

    def save(self, incidents: Sequence[Incident]) -> None:
        """Insert new incidents and update known ones."""
        with self._connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO incidents AS kept (
                    incident_key, opened_at, last_seen_at, escalated_at, closed_at, notified_stage, details
                )
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (incident_key, opened_at) DO UPDATE SET
                    last_seen_at = excluded.last_seen_at, escalated_at = excluded.escalated_at,
                    closed_at = excluded.closed_at, notified_stage = excluded.notified_stage, details = excluded.details
                WHERE (
                    kept.last_seen_at, kept.escalated_at, kept.closed_at, kept.notified_stage, kept.details
                ) IS DISTINCT FROM (
                    excluded.last_seen_at, excluded.escalated_at, excluded.closed_at, excluded.notified_stage,
                    excluded.details
                )
                """,
                [_columns(each) for each in incidents],
            )

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
        incident.notified_stage.value if incident.notified_stage else None,
        Jsonb({"subject": incident.subject, "message": incident.message}),
    )
