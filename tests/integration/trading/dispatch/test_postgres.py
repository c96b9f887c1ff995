"""Dispatching over PostgreSQL, with the rights of the application's role."""

from datetime import timedelta
from decimal import Decimal
from threading import Thread
from uuid import uuid4

import pytest

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.trading.domain.gate_evaluation import evaluate
from bellwether.trading.domain.signals import Side
from bellwether.trading.usecases.claim_recommendations import Claimed
from tests.fakes.dispatch import NOW, OPENED, FakeBroker, ManualClock, a_recommendation, with_limits
from tests.fakes.dispatch_suite import EASY, DispatchSuite, claim, dispatch
from tests.integration.trading.dispatch.conftest import PostgresDispatchStores, wait_until_blocked


class TestPostgresDispatchStores(DispatchSuite):
    """The adapter."""


@pytest.fixture
def market(stores: PostgresDispatchStores) -> None:
    stores.add_bar("AAPL", Decimal(199), OPENED - timedelta(days=3))
    stores.add_bar("AAPL", Decimal(200), NOW - timedelta(minutes=2))


@pytest.mark.usefixtures("market")
def test_a_decision_says_what_each_gate_saw(stores: PostgresDispatchStores) -> None:
    stores.add(a_recommendation())
    claim(stores, ManualClock())
    (gates,) = stores.column("SELECT gates FROM decisions")
    assert isinstance(gates, list)
    assert {each["name"]: (each["observed"], each["limit"], each["passed"]) for each in gates} == {
        "manual_kill_switch": ("running", "running", True),
        "error_kill_switch": (0, 3, True),
        "market_hours": ("open", "open", True),
        "recommendation_age_seconds": (60, 900, True),
        "quote_age_seconds": (120, 900, True),
        "price_move_bps": ("0", "200", True),
        "trades_per_day": (1, 20, True),
        "trade_notional_usd": ("401", "1000", True),
        "position_notional_usd": ("401", "5000", True),
        "total_exposure_usd": ("401", "20000", True),
        "cash_usd": ("24599", 0, True),
        "shares_held": ("0", "any", True),
        "daily_loss_usd": ("0", "200", True),
        "cooldown_seconds": (None, 3600, True),
    }


def test_what_was_held_overnight_gains_and_loses_since_the_last_close(stores: PostgresDispatchStores) -> None:
    # Given two shares bought on Friday
    friday = ManualClock(NOW - timedelta(days=3))
    stores.add_bar("AAPL", Decimal(199), friday.now() - timedelta(minutes=1))
    stores.add(
        a_recommendation(1, made_at=friday.now() - timedelta(minutes=1), expires_at=friday.now() + timedelta(hours=1))
    )
    assert dispatch(stores, friday, FakeBroker(), EASY)[1].settled == 1
    # When it is Monday and they stand 1 USD higher than at Friday's last bar
    stores.add_bar("AAPL", Decimal(200), NOW - timedelta(minutes=2))
    stores.add(a_recommendation(2, side=Side.SELL))
    claim(stores, ManualClock(), EASY)
    # Then 2 USD are won, none of Friday's trades is today's, and the shares may be sold
    (gates,) = stores.column("SELECT gates FROM decisions ORDER BY made_at DESC LIMIT 1")
    assert isinstance(gates, list)
    seen = {each["name"]: each["observed"] for each in gates}
    assert (seen["daily_loss_usd"], seen["trades_per_day"], seen["shares_held"]) == ("-2", 1, "2")


@pytest.mark.usefixtures("market")
def test_a_dispatcher_waits_for_another_evaluation(
    stores: PostgresDispatchStores, other_stores: PostgresDispatchStores, migrated: DatabaseLogin
) -> None:
    """One trade a day: a second dispatcher sees the first one's order, though it claimed before that was committed."""
    # Given a dispatcher in the middle of its evaluation
    stores.add(*(a_recommendation(n, made_at=NOW - timedelta(seconds=60 - n)) for n in (1, 2)))
    policy = with_limits(EASY, max_trades_per_day=1)
    results: list[Claimed] = []
    second = Thread(target=lambda: results.append(claim(other_stores, ManualClock(), policy)))
    store = stores.recommendations
    with store.transaction():
        (waiting,) = store.lock_pending(1)
        book = store.book(["AAPL"], broker="dry-run", day_start=OPENED, failures_since=NOW)
        store.record(
            [evaluate(waiting, book, policy, now=NOW, actor="test")], uuid4(), claimed_until=NOW + timedelta(minutes=4)
        )
        # When a second one claims what is left; Then it waits
        second.start()
        wait_until_blocked(migrated)
    second.join()
    # And counts what the first one did
    assert [(each.count, each.refused[0].reasons) for each in results] == [(0, ("trades_per_day: 2 (limit 1)",))]


@pytest.mark.usefixtures("market")
def test_halting_waits_for_evaluations_and_stops_the_next(
    stores: PostgresDispatchStores, other_stores: PostgresDispatchStores, migrated: DatabaseLogin
) -> None:
    # Given a dispatcher that holds the book
    stores.add(a_recommendation())
    halting = Thread(target=lambda: other_stores.controls.change(halted=True, actor="me", reason="stop"))
    store = stores.recommendations
    with store.transaction():
        assert not store.book([], broker="dry-run", day_start=OPENED, failures_since=NOW).control.halted
        halting.start()
        wait_until_blocked(migrated)
    halting.join()
    # When it is through; Then nothing is approved any more
    assert claim(stores, ManualClock()).count == 0


@pytest.mark.usefixtures("market")
def test_no_limit_is_overrun_by_many_at_once(stores: PostgresDispatchStores, migrated: DatabaseLogin) -> None:
    # Given sixty recommendations, room for seven trades, and eight dispatchers
    stores.add(*(a_recommendation(n, quantity=Decimal("0.01")) for n in range(60)))
    policy = with_limits(EASY, max_trades_per_day=7)
    databases = [Database(lambda: migrated, sslmode="prefer") for _ in range(8)]
    claimed: list[Claimed] = []

    def work(database: Database) -> None:
        other = PostgresDispatchStores(database)
        while (one := claim(other, ManualClock(), policy, limit=3)) and (one.orders or one.refused):
            claimed.append(one)

    # When all of them are at it
    threads = [Thread(target=work, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    # Then seven were approved, and all others refused
    assert (sum(each.count for each in claimed), sum(len(each.refused) for each in claimed)) == (7, 53)
    assert len(stores.decisions()) == 60
