"""The database's ports in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.decisions import Decision, Outcome
from bellwether.shared.domain.errors import NotFoundError, UpstreamError
from bellwether.shared.domain.migrations import AppliedMigration, Migration


class InMemoryMigrations:
    """MigrationFiles from a list."""

    def __init__(self, *migrations: Migration, grants: str = "GRANT") -> None:
        self._migrations = migrations
        self._grants = grants

    def migrations(self) -> tuple[Migration, ...]:
        return self._migrations

    def grants(self) -> str:
        return self._grants


class InMemorySchema:
    """DatabaseSchema that notes what was asked of it; `breaks_at` is the version whose SQL the database refuses."""

    def __init__(self, *applied: AppliedMigration, breaks_at: str | None = None) -> None:
        self.journal = list(applied)
        self.passwords: dict[str, str] = {}
        self.granted: list[tuple[str, str]] = []
        self.locked = False
        self._breaks_at = breaks_at

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        self.locked = True
        try:
            yield
        finally:
            self.locked = False

    def applied(self) -> tuple[AppliedMigration, ...]:
        return tuple(self.journal)

    def apply(self, migration: Migration) -> None:
        assert self.locked
        if migration.version == self._breaks_at:
            raise UpstreamError("syntax error")
        self.journal.append(AppliedMigration(migration.version, migration.name, migration.sha256))

    def set_password(self, role: str, password: str) -> None:
        assert self.locked
        self.passwords[role] = password

    def grant(self, statements: str, role: str) -> None:
        assert self.locked
        self.granted.append((statements, role))

    def accepts(self, login: DatabaseLogin) -> bool:
        return self.passwords.get(login.username) == login.password


class InMemoryLedger:
    """DecisionLedger in two dictionaries."""

    def __init__(self) -> None:
        self._decisions: dict[UUID, Decision] = {}
        self._outcomes: dict[tuple[UUID, str, datetime], Outcome] = {}

    def add_decision(self, decision: Decision) -> bool:
        return self._decisions.setdefault(decision.decision_id, decision) is decision

    def add_outcome(self, outcome: Outcome) -> bool:
        self.decision(outcome.decision_id)
        key = (outcome.decision_id, outcome.status, outcome.observed_at.astimezone(UTC))
        return self._outcomes.setdefault(key, outcome) is outcome

    def decision(self, decision_id: UUID) -> Decision:
        if decision_id not in self._decisions:
            raise NotFoundError(f"no decision {decision_id} is recorded", field="decision_id")
        return self._decisions[decision_id]

    def outcomes(self, decision_id: UUID) -> tuple[Outcome, ...]:
        seen = (outcome for outcome in self._outcomes.values() if outcome.decision_id == decision_id)
        return tuple(sorted(seen, key=lambda outcome: (outcome.observed_at, outcome.status)))
