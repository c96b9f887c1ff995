"""The ledger of decisions in PostgreSQL (tables `decisions` and `decision_outcomes`)."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import BaseModel
from pydantic_core import to_json

from bellwether.adapters.postgres import Database
from bellwether.domain.decisions import Decision, Outcome
from bellwether.domain.errors import NotFoundError


class PostgresLedger:
    """DecisionLedger over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_decision(self, decision: Decision) -> bool:
        """Insert; False when its id is there already."""
        row = _columns(decision, json_columns=("gates", "evidence"))
        with self._database.transaction() as connection:
            inserted = connection.execute(
                """
                INSERT INTO decisions (decision_id, kind, subject, verdict, actor, made_at, gates, evidence)
                VALUES (
                    %(decision_id)s, %(kind)s, %(subject)s, %(verdict)s, %(actor)s, %(made_at)s, %(gates)s, %(evidence)s
                )
                ON CONFLICT (decision_id) DO NOTHING
                """,
                row,
            )
            return inserted.rowcount == 1

    def add_outcome(self, outcome: Outcome) -> bool:
        """Insert; False when decision, status and instant are there already. NotFoundError without the decision."""
        row = _columns(outcome, json_columns=("details",))
        try:
            with self._database.transaction() as connection:
                inserted = connection.execute(
                    """
                    INSERT INTO decision_outcomes (decision_id, status, observed_at, details)
                    VALUES (%(decision_id)s, %(status)s, %(observed_at)s, %(details)s)
                    ON CONFLICT (decision_id, status, observed_at) DO NOTHING
                    """,
                    row,
                )
                return inserted.rowcount == 1
        except NotFoundError as error:
            raise NotFoundError(
                f"no decision {outcome.decision_id} is recorded", field="outcome.decision_id"
            ) from error

    def decision(self, decision_id: UUID) -> Decision:
        """The recorded decision; raises NotFoundError."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT decision_id, kind, subject, verdict, actor, made_at, gates, evidence
                FROM decisions WHERE decision_id = %s
                """,
                (decision_id,),
            ).fetchone()
        if found is None:
            raise NotFoundError(f"no decision {decision_id} is recorded", field="decision_id")
        fields = ("decision_id", "kind", "subject", "verdict", "actor", "made_at", "gates", "evidence")
        return Decision.model_validate(dict(zip(fields, found, strict=True)))

    def outcomes(self, decision_id: UUID) -> tuple[Outcome, ...]:
        """What was seen of a decision, oldest first; empty for an unknown one."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                """
                SELECT decision_id, status, observed_at, details FROM decision_outcomes
                WHERE decision_id = %s ORDER BY observed_at, status
                """,
                (decision_id,),
            ).fetchall()
        fields = ("decision_id", "status", "observed_at", "details")
        return tuple(Outcome.model_validate(dict(zip(fields, row, strict=True))) for row in rows)


def _columns(entry: BaseModel, *, json_columns: tuple[str, ...]) -> dict[str, Any]:
    """A model's fields as query parameters. NaN stays NaN: Postgres refuses it, where null would be a lie."""
    row = entry.model_dump()
    for column in json_columns:
        row[column] = Jsonb(row[column], dumps=_to_json)
    return row


def _to_json(value: object) -> bytes:
    return to_json(value, inf_nan_mode="constants")
