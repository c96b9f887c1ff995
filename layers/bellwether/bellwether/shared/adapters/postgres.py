"""The way into PostgreSQL: one connection for each warm process, and psycopg's errors as ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)

SslMode = Literal["prefer", "require", "verify-ca", "verify-full"]

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 20
"""Default limit of one statement; for a connection that dies inside a transaction the server waits as long."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into ours, once, without the DETAIL line: it may quote the row."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise ConflictError(_headline(error)) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise TransientUpstreamError(_headline(error)) from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise NotFoundError(_headline(error), field=error.diag.constraint_name) from error
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError(_headline(error)) from error
    except (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation, psycopg.DataError) as error:
        field = error.diag.constraint_name or error.diag.column_name
        raise InvalidInputError(_headline(error), field=field) from error
    except psycopg.Error as error:
        raise UpstreamError(_headline(error)) from error


def _headline(error: psycopg.Error) -> str:
    return error.diag.message_primary or (str(error) or type(error).__name__).splitlines()[0]


def connect(
    login: DatabaseLogin, *, sslmode: SslMode, statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS
) -> Connection[TupleRow]:
    """Open a connection in autocommit mode (transactions are explicit), speaking UTC.

    Raises TransientUpstreamError when the server is away or refuses the login.
    """
    limit_ms = int(statement_timeout_seconds * 1000)
    settings = {
        "timezone": "UTC",
        "statement_timeout": limit_ms,
        "idle_in_transaction_session_timeout": limit_ms,
        "client_connection_check_interval": 2000,  # ms; a statement whose process was killed ends soon after it
    }
    with translated():
        return psycopg.connect(
            host=login.host,
            port=login.port,
            dbname=login.dbname,
            user=login.username,
            password=login.password,
            sslmode=sslmode,
            gssencmode="disable",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            keepalives_idle=30,
            tcp_user_timeout=10_000,  # ms; a host that vanished is noticed before the function's own limit
            application_name="bellwether",
            options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
            autocommit=True,
        )


class Database:
    """A connection kept between warm invocations; opened when first needed and again when it has died.

    `login` is asked at each opening, so that a rotated password is picked up without a cold start.
    """

    def __init__(
        self,
        login: Callable[[], DatabaseLogin],
        *,
        sslmode: SslMode,
        statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
    ) -> None:
        self._login = login
        self._sslmode = sslmode
        self._statement_timeout_seconds = statement_timeout_seconds
        self._kept: Connection[TupleRow] | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection[TupleRow]]:
        """Everything inside is committed together or not at all; raises errors of our own tree."""
        connection = self._alive()
        with translated(), connection.transaction():
            yield connection

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        if self._kept is not None:
            with suppress(psycopg.Error):
                self._kept.close()
        self._kept = None

    def _alive(self) -> Connection[TupleRow]:
        if self._kept is not None and not self._answers(self._kept):
            self.close()
        if self._kept is None:
            self._kept = connect(
                self._login(), sslmode=self._sslmode, statement_timeout_seconds=self._statement_timeout_seconds
            )
        return self._kept

    @staticmethod
    def _answers(connection: Connection[TupleRow]) -> bool:
        """One round trip, well under 1 ms within a zone: a frozen process can't know what happened meanwhile."""
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True
