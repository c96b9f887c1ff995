"""The functions whole: from a recommendation to its fill, a halt, and the watchdog's alerts, by their events."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import boto3
import pytest

from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.observability import metrics
from bellwether.trading.adapters.postgres_telemetry import PostgresBars
from functions.operations.run_watchdog import app as watch_app
from functions.trading.claim_recommendations import app as claim_app
from functions.trading.execute_orders import app as execute_app
from functions.trading.list_positions import app as positions_app
from functions.trading.review_price_gap import app as gaps_app
from functions.trading.set_dispatch_control import app as control_app
from functions.trading.settle_executions import app as settle_app
from tests.containers.cases import DISPATCH, Case
from tests.containers.run import Invocation, differences
from tests.fakes.dispatch import a_recommendation
from tests.fakes.lambda_context import InvocationContext
from tests.integration.trading.dispatch.alpaca_server import Account, serving
from tests.integration.trading.dispatch.conftest import PostgresDispatchStores
from tests.places import sample_event
from tests.unit.trading.builders import bar

LIMITS = {
    "TRADING_MODE": "dry-run",
    "MARKET_HOURS": "always",
    "MAX_TRADES_PER_DAY": "20",
    "MAX_TRADE_NOTIONAL_USD": "1000",
    "MAX_POSITION_NOTIONAL_USD": "5000",
    "MAX_DAILY_LOSS_USD": "200",
    "TRADE_COOLDOWN_SECONDS": "3600",
}
APPS = {
    "claim_recommendations": claim_app,
    "execute_orders": execute_app,
    "settle_executions": settle_app,
    "set_dispatch_control": control_app,
    "list_positions": positions_app,
    "review_price_gap": gaps_app,
    "run_watchdog": watch_app,
}


@pytest.fixture(autouse=True)
def functions_environment(
    environment: dict[str, str], migrated: DatabaseLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The functions' environment, with a login in the application's secret."""
    boto3.client("secretsmanager").put_secret_value(
        SecretId=environment["APPLICATION_SECRET_ID"], SecretString=migrated.model_dump_json()
    )
    for name, value in LIMITS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")  # read from the environment on import
    monkeypatch.setattr(metrics.provider, "service", "operations")


def call(function: str, event: Any = None) -> dict[str, Any]:
    """As Step Functions does it: JSON in, JSON out."""
    result = APPS[function].handler(json.loads(json.dumps(event or {})), InvocationContext())
    return cast(dict[str, Any], json.loads(json.dumps(result)))


def dispatch() -> dict[str, Any]:
    """The state machine's steps."""
    claimed = call("claim_recommendations")
    return call("settle_executions", call("execute_orders", claimed)) if claimed["count"] else claimed


def recommend(stores: PostgresDispatchStores, number: int = 1) -> None:
    """To buy AAPL, now, with a bar of two minutes ago."""
    now = datetime.now(UTC)
    stores.add(
        a_recommendation(number, made_at=now - timedelta(minutes=1), expires_at=now + timedelta(minutes=10)),
    )


@pytest.fixture(autouse=True)
def market(stores: PostgresDispatchStores) -> None:
    stores.add_bar("AAPL", Decimal(200), datetime.now(UTC) - timedelta(minutes=2))


def test_a_recommendation_is_dispatched_in_a_dry_run(stores: PostgresDispatchStores) -> None:
    recommend(stores)
    assert dispatch()["ends"] == {"FILLED": 1}
    assert stores.status(a_recommendation()) == "EXECUTED"
    # And spread and slippage are in the price
    assert stores.column("SELECT fill_price FROM dispatch_executions") == [Decimal("200.14")]
    assert dispatch()["count"] == 0


def test_positions_show_shares_profit_and_cash(stores: PostgresDispatchStores) -> None:
    # Given two shares bought at 200.14, now at 210
    recommend(stores)
    dispatch()
    stores.add_bar("AAPL", Decimal(210), datetime.now(UTC))
    # Then they show with their profit, and the cash is what is left of the capital
    portfolio = call("list_positions")
    (position,) = portfolio["positions"]
    assert [position[name] for name in ("ticker", "quantity", "average_price", "unrealised_usd")] == [
        "AAPL",
        "2",
        "200.1400",
        "19.7200",
    ]
    assert (Decimal(portfolio["cash_usd"]), Decimal(portfolio["exposure_usd"])) == (Decimal("24599.72"), Decimal(420))


def test_a_reviewed_split_changes_the_shares_held(stores: PostgresDispatchStores) -> None:
    # Given two shares bought at 200.14, and a price that opens at a fiftieth of it
    recommend(stores)
    dispatch()
    opened = (datetime.now(UTC) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    PostgresBars(stores._database).store((bar(opened, 4, "AAPL"),), (), "test")
    found = call("review_price_gap")
    assert [(gap["ticker"], gap["suspected_ratio"], gap["ratio"]) for gap in found["gaps"]] == [("AAPL", "50:1", None)]
    assert found["unreviewed"] == 1
    # When a person confirms the split
    review = {"ticker": "AAPL", "ratio": "50:1", "actor": "me", "reason": "press release of the company"}
    found = call("review_price_gap", {"review": review})
    # Then it is recorded, and a hundred shares at a fiftieth of the price are held: no loss
    assert (found["unreviewed"], found["gaps"][0]["ratio"], found["gaps"][0]["actor"]) == (0, "50:1", "claimed: me")
    portfolio = call("list_positions")
    (position,) = portfolio["positions"]
    assert {name: Decimal(position[name]) for name in ("quantity", "average_price", "unrealised_usd")} == {
        "quantity": Decimal(100),
        "average_price": Decimal("4.0028"),
        "unrealised_usd": Decimal("-0.28"),
    }
    assert Decimal(portfolio["gain_today_usd"]) == Decimal("-0.28")
    # And a later review replaces it
    call("review_price_gap", {"review": {**review, "at": opened.isoformat(), "ratio": "1:1", "reason": "typing error"}})
    assert Decimal(call("list_positions")["positions"][0]["quantity"]) == 2


@pytest.mark.parametrize("ratio", ["50", "0:1", "2:0", "-2:1", "a:b", "1.5:1"])
def test_a_ratio_that_is_none_is_refused(ratio: str) -> None:
    with pytest.raises(InvalidInputError, match="ratio"):
        call("review_price_gap", {"review": {"ticker": "AAPL", "ratio": ratio, "actor": "me", "reason": "r"}})


def test_a_review_without_a_gap_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no such price gap"):
        call("review_price_gap", {"review": {"ticker": "AAPL", "ratio": "2:1", "actor": "me", "reason": "r"}})


def test_in_paper_mode_it_goes_to_alpaca(stores: PostgresDispatchStores, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given paper mode with a key, and a replay of the API on loopback
    account = Account()
    boto3.client("secretsmanager").create_secret(
        Name=f"{stores._database._login().dbname}/alpaca", SecretString='{"key_id": "k", "secret_key": "s"}'
    )
    with serving(account) as url:
        monkeypatch.setenv("TRADING_MODE", "paper")
        monkeypatch.setenv("MARKET_HOURS", "nyse")
        monkeypatch.setenv("ALPACA_SECRET_ID", f"{stores._database._login().dbname}/alpaca")
        monkeypatch.setenv("ALPACA_TRADING_URL", url)
        order = sample_event("execute_orders/dry_run")["orders"][0]
        executed = call("execute_orders", {"orders": [order | {"broker": "alpaca-paper"}]})
    assert executed["statuses"] == {"FILLED": 1}
    assert account.accepted == [order["client_order_id"]]


@pytest.mark.parametrize(
    "variables",
    [
        {"TRADING_MODE": "paper"},
        {"TRADING_MODE": "paper", "ALPACA_SECRET_ID": "x", "ALPACA_TRADING_URL": "https://api.alpaca.markets"},
    ],
)
def test_paper_mode_without_a_key_or_with_another_account_does_nothing(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(SecretsManagerStore, "get_json", lambda *_: {"key_id": "k", "secret_key": "s"})
    with pytest.raises(InvalidInputError, match=r"ALPACA_SECRET_ID|no other account"):
        call("execute_orders", {"orders": []})


def test_limits_that_contradict_each_other_stop_everything(
    stores: PostgresDispatchStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommend(stores)
    monkeypatch.setenv("TRADING_MODE", "paper")  # with any hour as trading hour
    with pytest.raises(InvalidInputError, match="market_hours"):
        call("claim_recommendations")
    assert stores.status(a_recommendation()) == "PENDING"


def test_halted_is_told_once_and_over_when_it_is_over(stores: PostgresDispatchStores, migrated: DatabaseLogin) -> None:
    # Given somebody who halts
    halted = call("set_dispatch_control", sample_event("set_dispatch_control/halt"))
    assert (halted["halted"], halted["open_orders"]) == (True, 0)
    recommend(stores)
    assert call("claim_recommendations")["refused"][0]["reasons"][0].startswith(
        "manual_kill_switch: halted by claimed: arn:"
    )
    # When the watchdog looks; Then it has something to tell, again and again until that is confirmed
    for _ in range(2):
        watched = call("run_watchdog")
        assert [(each["kind"], each["incident_key"]) for each in watched["alerts"]] == [
            ("opened", "kill_switch:manual")
        ]
    assert call("run_watchdog", watched["confirmation"]) == {"confirmed": 1}
    assert call("run_watchdog")["alerts"] == []
    # When it is resumed, and some time has passed
    call("set_dispatch_control", sample_event("set_dispatch_control/resume"))
    with stores._database.transaction() as connection:
        connection.execute("UPDATE incidents SET last_seen_at = last_seen_at - interval '10 minutes'")
    watched = call("run_watchdog")
    assert [each["kind"] for each in watched["alerts"]] == ["closed"]
    call("run_watchdog", watched["confirmation"])
    assert call("run_watchdog")["count"] == 0
    # And a halt again is a new incident
    call("set_dispatch_control", {"halted": True, "actor": "me", "reason": "again"})
    assert [each["kind"] for each in call("run_watchdog")["alerts"]] == ["opened"]


def test_the_watchdog_sees_what_lies_there(stores: PostgresDispatchStores) -> None:
    # Given an old recommendation, a rejected order, a failing feed, a story that nobody classifies
    now = datetime.now(UTC)
    stores.add(a_recommendation(1, made_at=now - timedelta(minutes=30), expires_at=now + timedelta(minutes=1)))
    with stores._database.transaction() as connection:
        connection.execute(
            "INSERT INTO feed_state (feed_id, url, failures, last_success_at) VALUES ('f', 'https://f', 9, %s)",
            (now - timedelta(hours=1),),
        )
        connection.execute(
            """
            INSERT INTO inbound_events_raw (
                event_uid, feed_id, entry_id, title, summary, content_sha256, story_uid, first_seen_at, content_seen_at
            )
            VALUES (repeat('a', 32), 'f', 'e', 't', 's', repeat('b', 64), 'x', %(then)s, %(then)s)
            """,
            {"then": now - timedelta(hours=13)},
        )
    found = {each["incident_key"] for each in call("run_watchdog")["alerts"]}
    assert found == {
        "stale:feed_state",
        "stale:inbound_events_raw",
        "backlog:inbound_events_classified",
        "backlog:dispatch_recommendations",
        "failed:feed_state",
    }


@pytest.mark.parametrize("case", DISPATCH, ids=lambda case: case.name)
def test_sample_events_give_what_they_must(case: Case) -> None:
    event = sample_event(case.name.partition("/")[2])
    assert not differences(case, Invocation(call(case.name.split("/")[1], event), None, ""))
