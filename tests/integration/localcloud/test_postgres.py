"""The laptop's PostgreSQL: starts anywhere, keeps its data, survives a kill."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from localcloud import ports, processes
from localcloud.home import Home
from localcloud.postgres import SERVICE, Connection, Postgres, new_password

pytestmark = pytest.mark.aws

SUPERUSER_PASSWORD = "superuser-secret"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    home = Home(tmp_path_factory.mktemp("postgres"))
    home.create()
    server = Postgres(home)
    server.initialise(SUPERUSER_PASSWORD)
    yield server
    server.stop()


@pytest.fixture
def connection(postgres: Postgres) -> Connection:
    if processes.leader(postgres.home.root, SERVICE) is None:
        postgres.start(ports.choose(), SUPERUSER_PASSWORD)
    return postgres.create_owner(_port(postgres), SUPERUSER_PASSWORD, new_password())


def _port(postgres: Postgres) -> int:
    return int((postgres.data / "postmaster.pid").read_text().splitlines()[3])


def test_the_owner_is_what_rds_gives_its_master_user(connection: Connection) -> None:
    # Given the owner's connection, when he asks who he is
    with psycopg.connect(connection.dsn) as session:
        row = session.execute(
            "SELECT rolsuper, rolcreaterole, current_database(), current_setting('server_version_num')::int / 10000 "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    # Then he may create roles in a database of his own, but is no superuser
    assert row == (False, True, "bellwether", 18)


def test_a_wrong_password_is_refused(connection: Connection) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host=connection.host, port=connection.port, user=connection.username, password="wrong", dbname="bellwether"
        )


def test_it_listens_on_loopback_only(connection: Connection) -> None:
    # Given an address of this machine that isn't loopback
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        address = probe.getsockname()[0]
    # When someone knocks there, then nobody answers
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as knock:
        knock.settimeout(2)
        assert knock.connect_ex((address, connection.port)) != 0


def test_data_survive_kill_9_of_the_server(postgres: Postgres, connection: Connection) -> None:
    # Given a committed row
    with psycopg.connect(connection.dsn) as session:
        session.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        session.execute("TRUNCATE kept")
        session.execute("INSERT INTO kept VALUES (42)")
    # When the server is killed, its pid file left behind, and it is started again
    server = processes.leader(postgres.home.root, SERVICE)
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    postgres.start(ports.choose(connection.port), SUPERUSER_PASSWORD)
    # Then the row is there
    with psycopg.connect(postgres.create_owner(_port(postgres), SUPERUSER_PASSWORD, "new").dsn) as session:
        assert session.execute("SELECT value FROM kept").fetchone() == (42,)


def test_a_pid_file_that_names_a_living_stranger_does_not_stop_it(postgres: Postgres, connection: Connection) -> None:
    # Given a stopped server and a pid file with the pid of a process that lives (ours)
    port = connection.port
    postgres.stop()
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n0\n{port}\n\n127.0.0.1\n")
    # When it is started, then it runs
    postgres.start(ports.choose(port), SUPERUSER_PASSWORD)
    assert processes.leader(postgres.home.root, SERVICE) is not None


def test_an_initdb_that_was_killed_halfway_is_done_again(tmp_path: Path) -> None:
    # Given the leftovers of an initialisation that did not end
    home = Home(tmp_path / "home")
    home.create()
    (home.postgres / "unfinished" / "base").mkdir(parents=True)
    # When it is initialised again, then the data folder is whole
    Postgres(home).initialise(SUPERUSER_PASSWORD)
    assert (home.postgres / "data" / "PG_VERSION").read_text().strip() == "18"
    assert not (home.postgres / "password").exists()
