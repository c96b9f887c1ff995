"""Migrations on a real database: what the roles may do, what a crash leaves, what two at once do."""

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from bellwether.operations.adapters.migration_files import PackagedMigrations
from bellwether.operations.adapters.postgres_schema import PostgresSchema
from bellwether.operations.usecases.migrate_database import MigrationResult, migrate_database
from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.adapters.postgres_ledger import PostgresLedger
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import ConflictError, InvalidInputError, UpstreamError
from bellwether.shared.ports.database import DecisionLedger
from tests.fakes.ledger_suite import LedgerSuite, a_decision, an_outcome
from tests.fakes.secrets import InMemorySecrets
from tests.integration.conftest import APPLICATION_SECRET, Server
from tests.waiting import wait_for

_MIGRATOR = """
import sys
from pathlib import Path
from bellwether.operations.adapters.migration_files import PackagedMigrations
from bellwether.operations.adapters.postgres_schema import PostgresSchema
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.migrations import in_order

schema = PostgresSchema(DatabaseLogin.model_validate_json(sys.argv[1]), sslmode="prefer", seconds_left=lambda: 100)
with schema.exclusively():
    for migration in in_order(PackagedMigrations(Path(sys.argv[2])).migrations()):
        schema.apply(migration)
"""


def migrate(
    owner: DatabaseLogin,
    application: DatabaseLogin,
    *,
    folder: Path | None = None,
    secrets: InMemorySecrets | None = None,
    seconds: float = 30,
) -> MigrationResult:
    deadline = time.monotonic() + seconds
    return migrate_database(
        schema=PostgresSchema(owner, sslmode="prefer", seconds_left=lambda: deadline - time.monotonic()),
        files=PackagedMigrations(folder),
        secrets=secrets or InMemorySecrets(empty=(APPLICATION_SECRET,)),
        application=application,
        application_secret_id=APPLICATION_SECRET,
    )


def run_as(login: DatabaseLogin, statement: str, *parameters: str) -> list[tuple[object, ...]]:
    with connect(login, sslmode="prefer") as connection:
        return connection.execute(statement.encode(), parameters or None).fetchall()


@pytest.fixture
def migrated(owner: DatabaseLogin, application: DatabaseLogin) -> DatabaseLogin:
    """The application's login to a migrated database with a decision and an outcome in it."""
    migrate(owner, application)
    database = Database(lambda: application, sslmode="prefer")
    ledger = PostgresLedger(database)
    ledger.add_decision(a_decision())
    ledger.add_outcome(an_outcome(a_decision()))
    database.close()
    return application


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of db/migrations that a test may change."""
    for item in files("db.migrations").iterdir():
        if item.name.endswith(".sql"):
            (tmp_path / item.name).write_text(item.read_text("utf-8"))
    return tmp_path


class TestPostgresLedger(LedgerSuite):
    """The adapter, with the rights of the application's role."""

    @pytest.fixture
    def ledger(self, owner: DatabaseLogin, application: DatabaseLogin) -> Iterator[DecisionLedger]:
        migrate(owner, application)
        database = Database(lambda: application, sslmode="prefer")
        yield PostgresLedger(database)
        database.close()

    @pytest.mark.parametrize("evidence", [{"rmse": float("nan")}, {"limit": float("inf")}, {"text": "nul \x00 inside"}])
    def test_evidence_that_json_cannot_hold_is_refused(
        self, ledger: DecisionLedger, evidence: dict[str, object]
    ) -> None:
        with pytest.raises(InvalidInputError):
            ledger.add_decision(a_decision(evidence=evidence))


def test_migrating_twice_applies_once(owner: DatabaseLogin, application: DatabaseLogin) -> None:
    # Given an empty database
    secrets = InMemorySecrets(empty=(APPLICATION_SECRET,))
    # When it is migrated twice
    first = migrate(owner, application, secrets=secrets)
    second = migrate(owner, application, secrets=secrets)
    # Then the second run applied nothing and left the password alone
    assert first.applied == tuple(f"{number:04d}" for number in range(1, len(first.applied) + 1))
    assert second == MigrationResult(applied=(), version=first.version)
    assert secrets.puts == [APPLICATION_SECRET]


def test_an_edited_migration_is_refused(owner: DatabaseLogin, application: DatabaseLogin, shipped: Path) -> None:
    # Given a migrated database, and a migration changed afterwards
    migrate(owner, application, folder=shipped)
    with (shipped / "0001_decisions.sql").open("a") as edited:
        edited.write("CREATE TABLE smuggled ();\n")
    # When it is migrated again, then the edit is refused by file name and nothing was done
    with pytest.raises(InvalidInputError, match=r"0001_decisions\.sql"):
        migrate(owner, application, folder=shipped)
    assert run_as(owner, "SELECT to_regclass('smuggled')") == [(None,)]


def test_a_migration_that_fails_half_way_leaves_nothing_of_itself(
    owner: DatabaseLogin, application: DatabaseLogin, shipped: Path
) -> None:
    # Given a second migration that breaks at its second statement
    last = len(PackagedMigrations(shipped).migrations())
    broken = shipped / f"{last + 1:04d}_broken.sql"
    broken.write_text("CREATE TABLE half_way ();\nALTER TABLE nowhere ADD COLUMN x int;\n")
    # When it is migrated, then the error says why
    with pytest.raises(UpstreamError, match="nowhere"):
        migrate(owner, application, folder=shipped)
    # And the first is applied, the second not at all
    assert run_as(owner, "SELECT to_regclass('half_way')") == [(None,)]
    assert run_as(owner, "SELECT max(version) FROM schema_migrations") == [(f"{last:04d}",)]
    # When it is mended, then only it is left to do
    broken.write_text("CREATE TABLE half_way ();\n")
    assert migrate(owner, application, folder=shipped).applied == (f"{last + 1:04d}",)


def test_a_migrator_killed_half_way_leaves_nothing_of_the_step(
    owner: DatabaseLogin, application: DatabaseLogin, shipped: Path
) -> None:
    # Given a migrator that is killed inside a migration
    last = len(PackagedMigrations(shipped).migrations())
    slow = shipped / f"{last + 1:04d}_slow.sql"
    slow.write_text("CREATE TABLE half_way ();\nSELECT pg_sleep(60);\n")
    migrator = subprocess.Popen(
        [sys.executable, "-c", _MIGRATOR, owner.model_dump_json(), str(shipped)],
        env={"PYTHONPATH": ":".join(entry for entry in sys.path if entry)},
    )
    with migrator:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        wait_for(lambda: run_as(owner, sleeping) == [(1,)], "the step runs")
        migrator.kill()
    # When the next one comes with the step made quick
    slow.write_text("CREATE TABLE half_way ();\n")
    result = migrate(owner, application, folder=shipped)
    # Then the lock is free, the earlier steps stand, and the step is done from its beginning
    assert result.applied == (f"{last + 1:04d}",)
    assert run_as(owner, "SELECT to_regclass('half_way') IS NOT NULL") == [(True,)]


def test_a_migrator_gives_up_when_another_holds_the_lock(owner: DatabaseLogin, application: DatabaseLogin) -> None:
    held = PostgresSchema(owner, sslmode="prefer", seconds_left=lambda: 30)
    with held.exclusively(), pytest.raises(ConflictError, match="lock timeout"):
        migrate(owner, application, seconds=0.2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET verdict = 'refused'",
        "DELETE FROM decisions",
        "DELETE FROM decisions WHERE false",
        "TRUNCATE decisions CASCADE",
        "UPDATE decision_outcomes SET status = 'x'",
        "DELETE FROM decision_outcomes",
        "TRUNCATE decision_outcomes",
        "UPDATE dispatch_controls SET halted = false",
        "DELETE FROM dispatch_controls",
        "DELETE FROM dispatch_recommendations",
        "DELETE FROM dispatch_executions",
        "DROP TABLE decisions CASCADE",
        "ALTER TABLE decisions DISABLE TRIGGER append_only",
        "CREATE TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE OR REPLACE FUNCTION refuse_to_rewrite_history() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "INSERT INTO schema_migrations VALUES ('9999', 'x', repeat('0', 64))",
        "DELETE FROM schema_migrations",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_may_only_add(migrated: DatabaseLogin, statement: str) -> None:
    with (
        connect(migrated, sslmode="prefer") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET verdict = 'refused'",
        "UPDATE decisions SET verdict = 'refused' WHERE false",
        "DELETE FROM decision_outcomes",
        "TRUNCATE decisions CASCADE",
        "TRUNCATE decision_outcomes",
        "UPDATE dispatch_controls SET halted = false",
        "DELETE FROM dispatch_controls",
        "MERGE INTO decisions d USING decisions s ON d.decision_id = s.decision_id WHEN MATCHED THEN DELETE",
    ],
)
def test_history_is_rewritten_by_nobody(
    server: Server, owner: DatabaseLogin, migrated: DatabaseLogin, statement: str
) -> None:
    # Given a recorded decision, when the owner or a superuser rewrites it, even with ordinary triggers switched off
    with connect(owner, sslmode="prefer") as as_owner, pytest.raises(psycopg.errors.RestrictViolation):
        as_owner.execute(statement.encode())
    with server.as_superuser(owner.dbname) as as_superuser:
        as_superuser.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            as_superuser.execute(statement.encode())
    # Then it stands as it was
    assert run_as(migrated, "SELECT verdict, (SELECT count(*) FROM decision_outcomes) FROM decisions") == [
        ("accepted", 1)
    ]


def test_rights_are_stated_anew_by_each_run(owner: DatabaseLogin, migrated: DatabaseLogin) -> None:
    # Given rights that somebody widened by hand, and others lost
    with connect(owner, sslmode="prefer") as connection:
        connection.execute(f"GRANT ALL ON decisions TO {migrated.username}".encode())
        connection.execute(f"REVOKE ALL ON decision_outcomes FROM {migrated.username}".encode())
    # When the migrator runs
    migrate(owner, migrated)
    # Then they are what they should be
    rights = run_as(
        owner,
        """
        SELECT table_name, string_agg(privilege_type, ',' ORDER BY privilege_type)
        FROM information_schema.table_privileges WHERE grantee = %s GROUP BY table_name ORDER BY table_name
        """,
        migrated.username,
    )
    assert rights == [
        ("cost_alerts", "INSERT,SELECT"),
        ("cost_anomalies", "INSERT,SELECT,UPDATE"),
        ("cost_budgets", "INSERT,SELECT"),
        ("cost_charges", "INSERT,SELECT"),
        ("cost_deliveries", "INSERT,SELECT"),
        ("cost_envelopes", "INSERT,SELECT"),
        ("cost_forecasts", "INSERT,SELECT"),
        ("cost_mutes", "INSERT,SELECT"),
        ("cost_quarantine", "INSERT,SELECT"),
        ("cost_reconciliations", "INSERT,SELECT"),
        ("decision_outcomes", "INSERT,SELECT"),
        ("decisions", "INSERT,SELECT"),
        ("dispatch_controls", "INSERT,SELECT"),
        ("dispatch_executions", "INSERT,SELECT,UPDATE"),
        ("dispatch_recommendations", "INSERT,SELECT,UPDATE"),
        ("feed_state", "INSERT,SELECT,UPDATE"),
        ("inbound_event_versions", "INSERT,SELECT"),
        ("inbound_events_classified", "INSERT,SELECT,UPDATE"),
        ("inbound_events_raw", "DELETE,INSERT,SELECT,UPDATE"),
        ("incidents", "DELETE,INSERT,SELECT,UPDATE"),
        ("lane_telemetry", "DELETE,INSERT,SELECT,UPDATE"),
        ("price_gap_reviews", "INSERT,SELECT"),
        ("price_gaps", "INSERT,SELECT"),
        ("reviewed_price_gaps", "SELECT"),
        ("schema_migrations", "SELECT"),
        ("story_keys", "DELETE,INSERT,SELECT"),
        ("telemetry_coverage", "DELETE,INSERT,SELECT,UPDATE"),
    ]


def test_the_role_is_an_ordinary_one(owner: DatabaseLogin, migrated: DatabaseLogin) -> None:
    attributes = run_as(
        owner,
        """
        SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin
        FROM pg_roles WHERE rolname = %s
        """,
        migrated.username,
    )
    assert attributes == [(False, False, False, False, False, True)]


def test_neither_owner_nor_superuser_becomes_the_application(owner: DatabaseLogin) -> None:
    for role in (owner.username, "postgres"):
        with pytest.raises(InvalidInputError, match=role):
            migrate(owner, owner.model_copy(update={"username": role, "password": "hijacked"}))


def test_listing_by_subject_and_by_time_uses_the_indexes(owner: DatabaseLogin, migrated: DatabaseLogin) -> None:
    # Given a ledger of some size
    with connect(owner, sslmode="prefer") as connection:
        connection.execute(
            """
            INSERT INTO decisions SELECT gen_random_uuid(), 'deploy_model', 'subject ' || n % 500, 'accepted', 'a',
                timestamptz '2026-01-01' + n * interval '1 minute', '[]', '{}' FROM generate_series(1, 20000) n
            """
        )
        connection.execute("ANALYZE decisions")
    # When decisions are listed
    by_subject = run_as(
        migrated, "EXPLAIN SELECT * FROM decisions WHERE subject = 'subject 7' ORDER BY made_at DESC LIMIT 20"
    )
    by_time = run_as(migrated, "EXPLAIN SELECT * FROM decisions ORDER BY made_at DESC LIMIT 20")
    # Then no sort and no scan of the whole table is needed
    assert "decisions_by_subject" in str(by_subject)
    assert "decisions_by_time" in str(by_time)
    assert "Sort" not in str(by_subject) + str(by_time)
