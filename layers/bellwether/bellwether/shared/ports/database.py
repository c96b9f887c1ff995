"""The schema and the ledger of decisions."""

from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.decisions import Decision, Outcome
from bellwether.shared.domain.migrations import AppliedMigration, Migration


class MigrationFiles(Protocol):
    """The schema's steps as shipped with the code."""

    def migrations(self) -> tuple[Migration, ...]:
        """All of them, in no promised order; raises InvalidInputError for a file that is no migration."""

    def grants(self) -> str:
        """The statements that give the application's role its rights; repeatable."""


class DatabaseSchema(Protocol):
    """The database as its owner sees it. All but `accepts` is called inside `exclusively`."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep other migrators out; raises ConflictError when one is at it for longer than there is time."""

    def applied(self) -> tuple[AppliedMigration, ...]:
        """What was applied so far; nothing for a new database."""

    def apply(self, migration: Migration) -> None:
        """Run a migration and note it, both or neither; raises UpstreamError when the database refuses it."""

    def set_password(self, role: str, password: str) -> None:
        """Make the role with this password, or give it this one; InvalidInputError for the owner or a superuser."""

    def grant(self, statements: str, role: str) -> None:
        """Run the grants for this role in one transaction."""

    def accepts(self, login: DatabaseLogin) -> bool:
        """Whether one can log in so."""


class DecisionLedger(Protocol):
    """The append-only record of decisions and outcomes."""

    def add_decision(self, decision: Decision) -> bool:
        """Insert; False when its id is there already."""

    def add_outcome(self, outcome: Outcome) -> bool:
        """Insert; False when decision, status and instant are there already. NotFoundError without the decision."""

    def decision(self, decision_id: UUID) -> Decision:
        """The recorded decision; raises NotFoundError."""

    def outcomes(self, decision_id: UUID) -> tuple[Outcome, ...]:
        """What was seen of a decision, oldest first; empty for an unknown one."""
