"""The schema of the PostgreSQL database, its roles and grants, as its owner changes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from bellwether.shared.adapters.postgres import SslMode, connect, translated
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import InvalidInputError, TransientUpstreamError
from bellwether.shared.domain.migrations import AppliedMigration, Migration

_LOCK = "bellwether:migrations"

_JOURNAL = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    text PRIMARY KEY CHECK (version ~ '^[0-9]{4}$'),
    name       text NOT NULL,
    sha256     text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class PostgresSchema:
    """DatabaseSchema over one connection that lives as long as the migrators' lock.

    The lock belongs to the session: should the connection die, the lock is gone and no further step can run.
    `seconds_left` says how long the whole run may still take; it limits the wait for the lock and each statement.
    """

    def __init__(self, owner: DatabaseLogin, *, sslmode: SslMode, seconds_left: Callable[[], float]) -> None:
        self._owner = owner
        self._sslmode: SslMode = sslmode
        self._seconds_left = seconds_left
        self._connection: Connection[TupleRow] | None = None

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Keep other migrators out; raises ConflictError when one is at it for longer than there is time."""
        with connect(self._owner, sslmode=self._sslmode) as connection:
            with translated():
                self._limit(connection, "lock_timeout")
                connection.execute("SET statement_timeout = 0")  # of the two the lock's own limit names the cause
                connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (_LOCK,))
                connection.execute("SET client_min_messages = warning")
                connection.execute(_JOURNAL)
            self._connection = connection
            try:
                yield
            finally:
                self._connection = None

    def applied(self) -> tuple[AppliedMigration, ...]:
        """What was applied so far; nothing for a new database."""
        with self._step() as connection:
            rows = connection.execute("SELECT version, name, sha256 FROM schema_migrations ORDER BY version").fetchall()
        return tuple(AppliedMigration(*row) for row in rows)

    def apply(self, migration: Migration) -> None:
        """Run a migration and note it, both or neither; raises UpstreamError when the database refuses it."""
        with self._step() as connection:
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.sha256),
            )

    def set_password(self, role: str, password: str) -> None:
        """Make the role with this password, or give it this one; raises InvalidInputError for the owner or a superuser.

        The server gets the SCRAM verifier, so that no statement log ever holds the password.
        """
        with self._step() as connection:
            found = connection.execute(
                "SELECT rolsuper OR rolname = current_user FROM pg_roles WHERE rolname = %s", (role,)
            ).fetchone()
            if found is not None and found[0]:
                raise InvalidInputError("the application's role may not be the owner or a superuser", field=role)
            verb = "CREATE" if found is None else "ALTER"
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
            )

    def grant(self, statements: str, role: str) -> None:
        """Run the grants for this role in one transaction."""
        with self._step() as connection:
            connection.execute("SELECT set_config('bellwether.application_role', %s, true)", (role,))
            connection.execute(statements.encode())

    def accepts(self, login: DatabaseLogin) -> bool:
        """Whether one can log in so."""
        try:
            connect(login, sslmode=self._sslmode).close()
        except TransientUpstreamError:
            return False
        return True

    @contextmanager
    def _step(self) -> Iterator[Connection[TupleRow]]:
        if self._connection is None:
            raise RuntimeError("called outside of exclusively()")
        with translated(), self._connection.transaction():
            self._limit(self._connection, "statement_timeout")
            yield self._connection

    def _limit(self, connection: Connection[TupleRow], setting: str) -> None:
        milliseconds = max(1, int(self._seconds_left() * 1000))
        connection.execute("SELECT set_config(%s, %s, false)", (setting, str(milliseconds)))
