"""The four functions whole: a market-data API, S3 and Secrets Manager over HTTP, a real database."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from bellwether.shared import settings
from bellwether.shared.adapters.postgres import connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import InvalidInputError, UpstreamError
from bellwether.shared.observability import metrics
from bellwether.trading.domain.bars import Bar, bar_starts
from bellwether.trading.domain.market_calendar import session_on
from bellwether.trading.domain.signals import INTRADAY
from functions.trading.fetch_bars import app as fetch_app
from functions.trading.list_bar_gaps import app as list_app
from functions.trading.make_recommendations import app as signals_app
from functions.trading.store_bars import app as store_app
from tests.fakes.http_server import Answer, HttpServer, http_server
from tests.fakes.lambda_context import InvocationContext
from tests.integration.trading.telemetry.market_answers import market
from tests.places import sample_event
from tests.unit.trading.builders import FIVE_MINUTES, NOON, OPENS, bar

BUCKET = "fred-fintech-data-000000000000"
TICKERS = tuple(f"T{count}" for count in range(20))


def call(app: Any, given: dict[str, Any]) -> Any:
    return json.loads(json.dumps(app.handler(given, InvocationContext())))  # as Step Functions hands it on


def rising() -> tuple[Bar, ...]:
    """Two sessions of bars that rise a little each."""
    days = [session_on(OPENS.date() - timedelta(days=1)), session_on(OPENS.date())]
    starts = [start for session in days if session for start in bar_starts(session)]
    return tuple(
        bar(start, f"{100 + place * 0.1:.2f}", ticker) for ticker in TICKERS for place, start in enumerate(starts)
    )


class Noon:
    """The clock of these tests."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=30)


@pytest.fixture
def api() -> Iterator[HttpServer]:
    with http_server(market(rising(), unknown=("XXXX",))) as server:
        yield server


@pytest.fixture(autouse=True)
def world(
    environment: dict[str, str], migrated: DatabaseLogin, api: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The functions' environment, with the secrets and the bucket that it names."""
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId=environment["APPLICATION_SECRET_ID"], SecretString=migrated.model_dump_json())
    name = f"{migrated.username}/alpaca"
    secrets.create_secret(Name=name, SecretString=json.dumps({"key_id": "key-id", "secret_key": "very-secret"}))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    more = {
        "DATA_BUCKET": BUCKET,
        "MARKET_DATA_URL": api.url,
        "MARKET_DATA_FEED": "iex",
        "ALPACA_SECRET_ID": name,
        "MARKET_HOURS": "nyse",
    }
    for variable, value in more.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")  # read from the environment on import
    for app in (list_app, fetch_app, signals_app):
        monkeypatch.setattr(app, "SystemClock", Noon)


def classify(login: DatabaseLogin, ticker: str) -> None:
    """A story of an hour ago that bodes well."""
    with connect(login, sslmode="prefer") as connection:
        connection.execute("INSERT INTO feed_state (feed_id, url) VALUES ('wire', 'http://x/')")
        at = NOON - timedelta(hours=1)
        connection.execute(
            "INSERT INTO inbound_events_raw (event_uid, feed_id, entry_id, title, summary, published_at, first_seen_at,"
            " content_sha256, story_uid) VALUES (repeat('a', 32), 'wire', '1', 't', '', %s, %s, repeat('0', 64), 's')",
            (at, at),
        )
        connection.execute(
            "INSERT INTO inbound_events_classified (event_uid, label, scores, model_version, tickers, classified_at)"
            " VALUES (repeat('a', 32), 'positive', '{\"positive\": 0.95, \"negative\": 0.01}', 'm', %s, %s)",
            ([ticker], at),
        )


def test_from_an_empty_table_to_a_recommendation(migrated: DatabaseLogin, api: HttpServer) -> None:
    # Given twenty new tickers and one that the API does not know
    plan = call(list_app, {"tickers": [*TICKERS, "XXXX"]})
    # When one run of the state machine does its steps
    delivery = call(fetch_app, plan)
    stored = call(store_app, delivery)
    # Then five sessions were asked for, the bars of two came, through the bucket, and are kept
    assert len(plan["requests"]) == 5
    assert delivery["fetched"] is None
    assert {each["ticker"] for each in delivery["refused"]} == {"XXXX"}
    assert stored == {"stored": 20 * (78 + 30), "revised": 0, "late": 0, "splits": [], "refused": [], "confirmed": []}
    assert api.requests[0].headers["apca-api-secret-key"] == "very-secret"
    # And a second run at the same time has nothing to do
    again = call(list_app, {"tickers": list(TICKERS)})
    assert (again["requests"], again["market_open"], again["bars_missing"]) == ([], True, 0)
    # When a story comes, then the rule recommends its ticker, once
    classify(migrated, "T7")
    shown = call(signals_app, {"show": True, "ticker": "T7"})
    assert [(each["ticker"], each["outcome"]) for each in shown["companies"]] == [("T7", "BUY")]
    first, second = (call(signals_app, sample_event("make_recommendations/schedule")) for _ in range(2))
    assert (first["considered"], first["made"], first["rule_version"]) == (1, 1, INTRADAY.version)
    assert (second["made"], second["skipped"]) == (0, {"cooldown": 1})
    with connect(migrated, sslmode="prefer") as connection:
        rows = connection.execute("SELECT ticker, side, status, made_at FROM dispatch_recommendations").fetchall()
    assert rows == [("T7", "BUY", "PENDING", Noon().now())]


def test_an_announced_split_ends_the_pause_of_its_ticker(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given two prices that halve at noon; a split is announced for one of them
    ratios = {"T0": Decimal(2), "T1": Decimal(2)}
    bars = [
        replace(each, **{name: getattr(each, name) / ratios[each.ticker] for name in ("open", "high", "low", "close")})
        if each.start >= NOON - 2 * FIVE_MINUTES
        else each
        for each in rising()
        if each.ticker in ratios
    ]
    split = {"symbol": "T0", "new_rate": 2, "old_rate": 1, "ex_date": f"{NOON:%Y-%m-%d}"}
    announced = {"corporate_actions": {"forward_splits": [split]}, "next_page_token": None}
    with http_server(
        lambda asked: Answer(body=json.dumps(announced).encode()) if "types" in asked.query else market(bars)(asked)
    ) as server:
        monkeypatch.setenv("MARKET_DATA_URL", server.url)
        first = call(store_app, call(fetch_app, call(list_app, {"tickers": list(ratios)})))
        plan = call(list_app, {"tickers": list(ratios)})
        second = call(store_app, call(fetch_app, plan))
        third = call(list_app, {"tickers": list(ratios)})
    # When the gaps are found, then the next run looks for announcements, and the other ticker waits for a person
    assert sorted((each["ticker"], each["ratio"]) for each in first["splits"]) == [("T0", "2:1"), ("T1", "2:1")]
    assert sorted(each["ticker"] for each in plan["price_gaps"]) == ["T0", "T1"]
    assert [(each["ticker"], each["ratio"], each["actor"]) for each in second["confirmed"]] == [
        ("T0", "2:1", "corporate actions")
    ]
    assert [each["ticker"] for each in third["price_gaps"]] == ["T1"]


def test_a_small_delivery_travels_inline_and_is_stored_once() -> None:
    given = {"tickers": list(TICKERS[:2])}
    plan = call(list_app, given)
    small = {"requests": [{**plan["requests"][0], "start": (NOON - 3 * FIVE_MINUTES).isoformat()}]}
    delivery = call(fetch_app, small)
    assert delivery["results_key"] is None
    assert [call(store_app, delivery)["stored"] for _ in range(2)] == [6, 0]


@pytest.mark.parametrize("case", ["tickers", "no_tickers", "from_the_bucket"])
def test_sample_events_are_listed(case: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key="news/tickers/all.json", Body=b'["AAPL", "MSFT"]')
    plan = call(list_app, sample_event(f"list_bar_gaps/{case}"))
    assert bool(plan["requests"]) == (case != "no_tickers")


def test_sample_events_are_fetched_and_stored() -> None:
    assert call(fetch_app, sample_event("fetch_bars/nothing_to_fetch"))["bars"] == 0
    assert call(fetch_app, sample_event("fetch_bars/two_tickers"))["bars"] == 0  # none of the API's
    assert call(store_app, sample_event("store_bars/inline"))["stored"] == 3
    with pytest.raises(InvalidInputError, match="news/bars"):
        call(store_app, sample_event("store_bars/through_the_bucket"))
    with pytest.raises(InvalidInputError, match="results_key"):
        call(store_app, sample_event("store_bars/neither"))


def test_a_bad_ticker_costs_no_other_and_is_reported(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    plan = call(list_app, {"tickers": ["not a ticker", TICKERS[0], "acme"]})
    assert {ticker for each in plan["requests"] for ticker in each["tickers"]} == {TICKERS[0]}
    named = [each.__dict__["problem"].partition(":")[0] for each in caplog.records if "problem" in each.__dict__]
    assert named == ["item 1 ('not a ticker')", "item 3 ('acme')"]
    assert '"TickerListProblems":[2.0]' in capsys.readouterr().out


def test_a_ticker_list_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="tickers"):
        call(list_app, {})


def test_a_secret_without_a_key_is_told_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    name = settings.load(fetch_app.Settings).alpaca_secret_id
    boto3.client("secretsmanager").put_secret_value(SecretId=name, SecretString='{"secret_key": "very-secret"}')
    with pytest.raises(InvalidInputError, match="key_id") as refused:
        call(fetch_app, sample_event("fetch_bars/two_tickers"))
    assert "very-secret" not in f"{refused.value}{refused.value.__cause__}"


def test_a_refused_key_fails_for_a_person_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(lambda _: Answer(401, b'{"message": "unauthorized."}')) as server:
        monkeypatch.setenv("MARKET_DATA_URL", server.url)
        with pytest.raises(UpstreamError, match="401"):
            call(fetch_app, sample_event("fetch_bars/two_tickers"))
