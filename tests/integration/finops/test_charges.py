"""Charges in Postgres: what the fake does too, and what only a database can break."""

import pytest

from bellwether.finops.adapters.postgres_charges import PostgresCharges
from bellwether.finops.domain.charges import ChargeCategory
from bellwether.finops.domain.reconciliation import Reconciliation, Totals
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from tests.fakes.charges_suite import MAY, ChargeStoreSuite, at, charge, delivery


@pytest.fixture
def charges(database: Database) -> PostgresCharges:
    return PostgresCharges(database)


class TestPostgresCharges(ChargeStoreSuite):
    pass


class Killed(BaseException):
    """The process ends here."""


def test_a_refresh_killed_between_staging_and_commit_leaves_nothing(
    migrated: DatabaseLogin, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a delivery that is stored, and a second one
    stored = PostgresCharges(database)
    stored.load(delivery(1, at(5)), [charge()], [], [])
    before = _counts(database)
    # When its process is killed after everything is written and before the commit: the connection is gone
    other = Database(lambda: migrated, sslmode="prefer")
    killed = PostgresCharges(other)

    def kill(*_: object) -> None:
        other.close()
        raise Killed

    monkeypatch.setattr(killed, "_keep_rejected", kill)
    totals = Totals()
    reconciliation = Reconciliation("USD", totals, {ChargeCategory.USAGE: totals}, totals.billed)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - psycopg may see the closed connection first
        killed.load(delivery(2, at(6)), [charge(effective="9.00")], [reconciliation], [])
    # Then nothing of it is there, and the retry stores it whole
    assert _counts(database) == before
    assert stored.as_known_at(at(9), MAY, MAY.replace(day=31)) == [charge()]
    assert stored.load(delivery(2, at(6)), [charge(effective="9.00")], [reconciliation], []) is not None
    assert stored.as_known_at(at(9), MAY, MAY.replace(day=31)) == [charge(effective="9.00")]


def _counts(database: Database) -> list[tuple[object, ...]]:
    tables = ("cost_deliveries", "cost_charges", "cost_reconciliations", "cost_quarantine")
    with database.transaction() as connection:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0] for table in tables]  # noqa: S608
