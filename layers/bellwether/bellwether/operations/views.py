"""Open incidents as they are in the database."""

from datetime import datetime

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from pydantic import BaseModel


class IncidentView(BaseModel, frozen=True):
    """An incident that the watchdog has opened and not closed; `notified_stage` is the stage of its last alert."""

    incident_key: str
    opened_at: datetime
    notified_stage: str | None


class OperationsViews:
    """Reads the operations tables over one connection; raises psycopg.Error."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection

    def incidents(self) -> list[IncidentView]:
        """Open incidents, oldest first."""
        with self._connection.cursor(row_factory=class_row(IncidentView)) as cursor:
            return cursor.execute(
                "SELECT incident_key, opened_at, notified_stage FROM incidents"
                " WHERE closed_at IS NULL ORDER BY opened_at"
            ).fetchall()
