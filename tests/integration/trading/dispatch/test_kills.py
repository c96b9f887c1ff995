"""Sixteen dispatchers at once, killed at random, while Postgres dies too: every trade once, none lost."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from localcloud import ports, processes
from localcloud.home import Home
from localcloud.postgres import SERVICE, Postgres
from tests.fakes.dispatch import NOW, a_recommendation
from tests.integration.conftest import apply_migrations, grant_rights
from tests.integration.trading.dispatch.alpaca_server import Account, serving
from tests.integration.trading.dispatch.conftest import PostgresDispatchStores
from tests.waiting import wait_for

DISPATCHERS = 16
TRADES = 400
KILLS = 60
ORDERS_BETWEEN_KILLS = 5  # the last kill is among the last quarter of the trades
PASSWORD = "superuser-secret"
CHANCE = random.Random()  # noqa: S311 - no secret


@dataclass
class MortalPostgres:
    """A server that can be stopped or killed, and comes back at the same address."""

    postgres: Postgres
    port: int

    def restart(self) -> None:
        self.postgres.stop()
        self.postgres.start(self.port, PASSWORD)

    def crash(self) -> None:
        leader = processes.leader(self.postgres.home.root, SERVICE)
        assert leader is not None
        os.kill(leader.pid, signal.SIGKILL)
        self.postgres.start(self.port, PASSWORD)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[MortalPostgres]:
    home = Home(tmp_path)
    home.create()
    postgres, port = Postgres(home), ports.choose()
    postgres.initialise(PASSWORD)
    with (postgres.data / "postgresql.auto.conf").open("a") as settings:  # the machine itself stays up
        settings.write("fsync = off\nmax_connections = 60\n")
    postgres.start(port, PASSWORD)
    yield MortalPostgres(postgres, port)
    postgres.stop()


@pytest.fixture
def login(mortal: MortalPostgres) -> DatabaseLogin:
    """The functions' role in a migrated database."""
    made = mortal.postgres.create_owner(mortal.port, PASSWORD, "owner-secret")
    owner = DatabaseLogin(
        host=made.host, port=made.port, dbname=made.dbname, username=made.username, password=made.password
    )
    application = owner.model_copy(update={"username": "bellwether_app", "password": "application-secret"})
    apply_migrations(owner)
    grant_rights(owner, application)
    return application


@dataclass
class Dispatchers:
    """Processes that dispatch."""

    nursery: subprocess.Popen[str]
    alive: list[int] = field(default_factory=list)

    def spawn(self) -> None:
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write("\n")
        self.nursery.stdin.flush()
        self.alive.append(int(self.nursery.stdout.readline()))

    def kill_one(self) -> None:
        os.kill(self.alive.pop(CHANCE.randrange(len(self.alive))), signal.SIGKILL)


@pytest.fixture
def dispatchers(login: DatabaseLogin, broker_url: str) -> Iterator[Dispatchers]:
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.trading.dispatch.worker", login.model_dump_json(), broker_url],
        env={**os.environ, "PYTHONPATH": ":".join(entry for entry in sys.path if entry)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with nursery:
        try:
            yield Dispatchers(nursery)
        finally:
            os.killpg(nursery.pid, signal.SIGKILL)


@pytest.fixture
def account() -> Account:
    """Slow enough to be killed in the middle of, and not always there."""
    return Account(lost_answers=0.05, busy=0.05, slowest=0.02)


@pytest.fixture
def broker_url(account: Account) -> Iterator[str]:
    with serving(account) as url:
        yield url


def _prepare(login: DatabaseLogin) -> None:
    database = Database(lambda: login, sslmode="prefer")
    stores = PostgresDispatchStores(database)
    tickers = ("AAPL", "MSFT", "XOM", "KO")
    for ticker in tickers:
        stores.add_bar(ticker, Decimal(200), NOW)
    stores.add(
        *(
            a_recommendation(
                n,
                ticker=tickers[n % len(tickers)],
                made_at=NOW - timedelta(milliseconds=n),
                expires_at=NOW + timedelta(hours=4),
            )
            for n in range(TRADES)
        )
    )
    database.close()


def _statuses(login: DatabaseLogin) -> Counter[str]:
    """None at all while the server is away."""
    try:
        with psycopg.connect(
            host=login.host, port=login.port, dbname=login.dbname, user=login.username, password=login.password
        ) as connection:
            rows = connection.execute("SELECT status FROM dispatch_recommendations").fetchall()
    except psycopg.OperationalError:
        return Counter()
    return Counter(str(status) for (status,) in rows)


def _wait_for_orders(account: Account, count: int) -> None:
    wait_for(lambda: len(account.accepted) >= count, f"{count} orders at the broker")


def _wait_for_trades(login: DatabaseLogin, before: int) -> int:
    """The number of executed trades as soon as it is larger than before."""
    return before + wait_for(lambda: max(0, _statuses(login)["EXECUTED"] - before), f"more than {before} trades")


def test_every_trade_once_whoever_dies(
    mortal: MortalPostgres, login: DatabaseLogin, dispatchers: Dispatchers, account: Account
) -> None:
    # Given recommendations, and sixteen dispatchers at them
    _prepare(login)
    for _ in range(DISPATCHERS):
        dispatchers.spawn()
    # When a dispatcher is killed after every few orders, and the database is once killed and once stopped
    incidents = {KILLS // 3: mortal.crash, KILLS * 2 // 3: mortal.restart}
    for number in range(KILLS):
        _wait_for_orders(account, number * ORDERS_BETWEEN_KILLS)
        dispatchers.kill_one()
        dispatchers.spawn()
        incidents.get(number, lambda: None)()
    done_while_killing = _statuses(login)["EXECUTED"]
    # And the dispatchers that are left finish undisturbed
    executed = 0
    while executed < TRADES:
        executed = _wait_for_trades(login, executed)
    # Then none was lost
    assert _statuses(login) == {"EXECUTED": TRADES}
    # And none was done twice: by the broker's own books, and by ours
    assert len(account.accepted) == len(set(account.accepted)) == TRADES
    database = Database(lambda: login, sslmode="prefer")
    stores = PostgresDispatchStores(database)
    try:
        assert set(stores.column("SELECT client_order_id FROM dispatch_executions")) == set(account.accepted)
        assert stores.column("SELECT sum(filled_quantity) FROM dispatch_executions") == [2 * TRADES]
        assert Counter(stores.outcomes())["filled"] == TRADES
        assert len(stores.decisions()) == TRADES
        reclaimed = stores.column("SELECT count(*) FROM dispatch_recommendations WHERE attempts > 1")
    finally:
        database.close()
    print(
        f"\n{TRADES} trades, {DISPATCHERS} dispatchers, {KILLS} kills, 2 deaths of Postgres: 0 lost, "
        f"0 twice; {reclaimed[0]} taken over from the dead, {account.duplicates} refused by the broker as duplicates, "
        f"{done_while_killing} done while killing"
    )
