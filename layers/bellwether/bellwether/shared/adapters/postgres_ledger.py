"""The ledger of decisions in PostgreSQL (tables `decisions` and `decision_outcomes`)."""

from collections.abc import Sequence
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb
from pydantic_core import to_json

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.decisions import READ_BACK, Decision, Outcome
from bellwether.shared.domain.errors import NotFoundError


class PostgresLedger:
    """DecisionLedger over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_decision(self, decision: Decision) -> bool:
        """Insert; False when its id is there already."""
        with self._database.transaction() as connection:
            return insert_decisions(connection, (decision,)).rowcount == 1

    def add_outcome(self, outcome: Outcome) -> bool:
        """Insert; False when decision, status and instant are there already. NotFoundError without the decision."""
        try:
            with self._database.transaction() as connection:
                return insert_outcome(connection, outcome)
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
        return Decision.model_validate(dict(zip(fields, found, strict=True)), context=READ_BACK)

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


def insert_decisions(connection: Connection[TupleRow], decisions: Sequence[Decision]) -> Cursor[TupleRow]:
    """Insert them in one statement of the caller's transaction; `rowcount` says how many were not there already."""
    rows = [decision.model_dump() for decision in decisions]
    return connection.execute(
        """
        INSERT INTO decisions (decision_id, kind, subject, verdict, actor, made_at, gates, evidence)
        SELECT decision_id, kind, subject, verdict, actor, made_at, gates, evidence
        FROM jsonb_to_recordset(%s) AS decision (
            decision_id uuid, kind text, subject text, verdict text, actor text, made_at timestamptz, gates jsonb,
            evidence jsonb
        )
        ON CONFLICT (decision_id) DO NOTHING
        """,
        (Jsonb(rows, dumps=_to_json),),
    )


def insert_outcome(connection: Connection[TupleRow], outcome: Outcome) -> bool:
    """Insert it in the caller's transaction; False when decision, status and instant are there already."""
    inserted = connection.execute(
        """
        INSERT INTO decision_outcomes (decision_id, status, observed_at, details)
        VALUES (%(decision_id)s, %(status)s, %(observed_at)s, %(details)s)
        ON CONFLICT (decision_id, status, observed_at) DO NOTHING
        """,
        outcome.model_dump() | {"details": Jsonb(outcome.details, dumps=_to_json)},
    )
    return inserted.rowcount == 1


def _to_json(value: object) -> bytes:
    """NaN stays NaN: Postgres refuses it, where null would be a lie."""
    return to_json(value, inf_nan_mode="constants")
