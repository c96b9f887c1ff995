"""The use case: what is applied, and how the application gets its login."""

import pytest

from bellwether.operations.usecases.migrate_database import MigrationResult, migrate_database
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import ConflictError, InvalidInputError, UpstreamError
from bellwether.shared.domain.migrations import AppliedMigration, Migration
from tests.fakes.database import InMemoryMigrations, InMemorySchema
from tests.fakes.secrets import InMemorySecrets

SECRET = "ops-pipeline/db-application"
LOGIN = DatabaseLogin(host="db.internal", port=5432, dbname="bellwether", username="bellwether_app", password="fresh")
ONE = Migration("0001", "one", "SELECT 1;")
TWO = Migration("0002", "two", "SELECT 2;")


def migrate(
    schema: InMemorySchema, secrets: InMemorySecrets, *shipped: Migration, tolerate_newer: bool = False
) -> MigrationResult:
    return migrate_database(
        schema=schema,
        files=InMemoryMigrations(*shipped),
        secrets=secrets,
        application=LOGIN,
        application_secret_id=SECRET,
        tolerate_newer=tolerate_newer,
    )


def no_value_yet() -> InMemorySecrets:
    return InMemorySecrets(empty=(SECRET,))


def test_a_new_database_gets_everything() -> None:
    # Given an empty database and a secret without a value
    schema, secrets = InMemorySchema(), no_value_yet()
    # When it is migrated
    result = migrate(schema, secrets, TWO, ONE)
    # Then all was applied in order, and the application has a login that works and its rights
    assert result == MigrationResult(applied=("0001", "0002"), version="0002")
    assert schema.accepts(DatabaseLogin.model_validate(secrets.values[SECRET]))
    assert secrets.values[SECRET] == LOGIN.model_dump()
    assert schema.granted == [("GRANT", "bellwether_app")]


def test_a_second_run_changes_no_password() -> None:
    # Given a migrated database
    schema, secrets = InMemorySchema(), no_value_yet()
    migrate(schema, secrets, ONE)
    # When it is migrated again
    result = migrate(schema, secrets, ONE)
    # Then nothing was applied and the secret was not touched, but the rights are stated anew
    assert result == MigrationResult(applied=(), version="0001")
    assert secrets.puts == [SECRET]
    assert len(schema.granted) == 2


@pytest.mark.parametrize("stored", [{"password": "lost"}, {"nonsense": True}, LOGIN.model_dump() | {"password": "old"}])
def test_a_login_that_does_not_work_is_replaced(stored: dict[str, object]) -> None:
    schema, secrets = InMemorySchema(), InMemorySecrets({SECRET: stored})
    migrate(schema, secrets, ONE)
    assert secrets.values[SECRET] == LOGIN.model_dump()
    assert schema.passwords == {"bellwether_app": "fresh"}


def test_a_moved_database_keeps_the_password() -> None:
    # Given a working password stored with the host that the database had before
    schema = InMemorySchema()
    schema.passwords["bellwether_app"] = "kept"
    secrets = InMemorySecrets({SECRET: LOGIN.model_dump() | {"host": "before.internal", "password": "kept"}})
    # When it is migrated
    migrate(schema, secrets, ONE)
    # Then only the host is new
    assert secrets.values[SECRET] == LOGIN.model_dump() | {"password": "kept"}
    assert schema.passwords["bellwether_app"] == "kept"


def test_a_broken_migration_stops_the_run_and_keeps_what_was_before() -> None:
    schema, secrets = InMemorySchema(breaks_at="0002"), no_value_yet()
    with pytest.raises(UpstreamError):
        migrate(schema, secrets, ONE, TWO)
    assert [row.version for row in schema.journal] == ["0001"]
    assert not schema.locked
    assert not secrets.values


def test_an_edited_migration_is_refused_before_anything_is_done() -> None:
    schema = InMemorySchema(AppliedMigration("0001", "one", "0" * 64))
    with pytest.raises(InvalidInputError, match="edited"):
        migrate(schema, no_value_yet(), ONE, TWO)
    assert len(schema.journal) == 1


def test_a_newer_database_is_refused_by_older_code() -> None:
    newer = AppliedMigration("0002", "two", TWO.sha256)
    schema = InMemorySchema(AppliedMigration("0001", "one", ONE.sha256), newer)
    with pytest.raises(ConflictError, match="0002"):
        migrate(schema, no_value_yet(), ONE)


def test_going_back_leaves_a_newer_database_as_it_is() -> None:
    newer = AppliedMigration("0002", "two", TWO.sha256)
    schema = InMemorySchema(AppliedMigration("0001", "one", ONE.sha256), newer)
    result = migrate(schema, no_value_yet(), ONE, tolerate_newer=True)
    assert result == MigrationResult(applied=(), version="0002")
    assert schema.granted == []
