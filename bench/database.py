"""An embedded PostgreSQL with the shipped schema, for as long as a benchmark runs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bellwether.adapters.migration_files import PackagedMigrations
from bellwether.adapters.postgres_schema import PostgresSchema
from bellwether.domain.database import DatabaseLogin
from localcloud import ports
from localcloud.home import Home
from localcloud.postgres import Postgres


@contextmanager
def embedded_database() -> Iterator[tuple[DatabaseLogin, DatabaseLogin]]:
    """A migrated database of its own; logins of the owner and of the functions' role."""
    with tempfile.TemporaryDirectory(prefix="bellwether-bench-") as folder:
        home = Home(Path(folder))
        home.create()
        postgres, port = Postgres(home), ports.choose()
        postgres.initialise("superuser")
        postgres.start(port, "superuser")
        try:
            found = postgres.create_owner(port, "superuser", "owner")
            owner = DatabaseLogin(
                host=found.host, port=found.port, dbname=found.dbname, username=found.username, password=found.password
            )
            application = owner.model_copy(update={"username": "bellwether_app", "password": "application"})
            schema, files = PostgresSchema(owner, sslmode="prefer", seconds_left=lambda: 60), PackagedMigrations()
            with schema.exclusively():
                for migration in sorted(files.migrations(), key=lambda each: each.version):
                    schema.apply(migration)
                schema.set_password(application.username, application.password)
                schema.grant(files.grants(), application.username)
            yield owner, application
        finally:
            postgres.stop()
