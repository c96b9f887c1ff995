"""An embedded PostgreSQL with the shipped schema, for as long as a benchmark runs, near or as far as over a network."""

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from bellwether.operations.adapters.migration_files import PackagedMigrations
from bellwether.operations.adapters.postgres_schema import PostgresSchema
from bellwether.shared.domain.database import DatabaseLogin
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


@contextmanager
def at_a_distance(login: DatabaseLogin, round_trip_seconds: float) -> Iterator[DatabaseLogin]:
    """The same database behind a relay that holds back what goes either way for half of a round trip."""
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        Thread(target=_relay, args=(listener, login, round_trip_seconds / 2), daemon=True).start()
        yield login.model_copy(update={"host": ports.LOOPBACK, "port": listener.getsockname()[1]})


def _relay(listener: socket.socket, login: DatabaseLogin, delay_seconds: float) -> None:
    with suppress(OSError):  # closed when nobody needs it any more
        while True:
            near, _ = listener.accept()
            far = socket.create_connection((login.host, login.port))
            for source, target in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Thread(target=_pass_on, args=(source, target, delay_seconds), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, delay_seconds: float) -> None:
    with suppress(OSError):
        while content := source.recv(1 << 20):
            time.sleep(delay_seconds)
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
