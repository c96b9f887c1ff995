"""A migrated PostgreSQL, and the login of the functions' role."""

from collections.abc import Iterator

import pytest

from bellwether.adapters.migration_files import PackagedMigrations
from bellwether.adapters.postgres import Database
from bellwether.adapters.postgres_schema import PostgresSchema
from bellwether.domain.database import DatabaseLogin
from tests.integration.database.conftest import Server, application, environment, moto_server, owner, server

__all__ = ["Server", "application", "environment", "moto_server", "owner", "server"]  # fixtures of the database's tests


@pytest.fixture
def migrated(owner: DatabaseLogin, application: DatabaseLogin) -> DatabaseLogin:
    """The functions' login to a database with the shipped schema."""
    schema, files = PostgresSchema(owner, sslmode="prefer", seconds_left=lambda: 60), PackagedMigrations()
    with schema.exclusively():
        for migration in sorted(files.migrations(), key=lambda each: each.version):
            schema.apply(migration)
        schema.set_password(application.username, application.password)
        schema.grant(files.grants(), application.username)
    return application


@pytest.fixture
def database(migrated: DatabaseLogin) -> Iterator[Database]:
    """As a function holds it, with the functions' rights."""
    kept = Database(lambda: migrated, sslmode="prefer")
    yield kept
    kept.close()
