"""The adapter of corporate actions against Alpaca's protocol on the loopback interface."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from bellwether.shared.domain.errors import TransientUpstreamError, UpstreamError
from bellwether.trading.adapters.alpaca_actions import AlpacaCorporateActions
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.domain.price_gaps import AnnouncedSplit
from tests.fakes.http_server import Answer, Request, http_server

KEY = AlpacaKey(key_id="key-id", secret_key="very-secret")
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 10)


def page(token: str | None = None, **actions: Sequence[Mapping[str, Any]]) -> Answer:
    return Answer(body=json.dumps({"corporate_actions": actions, "next_page_token": token}).encode())


def row(symbol: str, new: Any, old: Any, ex_date: str = "2026-03-10", **more: Any) -> dict[str, Any]:
    return {"id": "1", "symbol": symbol, "new_rate": new, "old_rate": old, "ex_date": ex_date, **more}


def ask(answer: Answer, *tickers: str) -> list[tuple[str, str]]:
    with http_server(lambda _: answer) as server:
        found = AlpacaCorporateActions(server.url, KEY).splits(tickers or ("ACME",), FIRST, LAST)
    return [(each.ticker, each.ratio) for each in found]


def test_splits_of_all_kinds_are_read() -> None:
    answer = page(
        forward_splits=[row("ACME", 50, 1, process_date="2026-03-09"), row("BRK.B", "5", "4")],
        reverse_splits=[row("BETA", 1, 10, old_cusip="1", new_cusip="2")],
        stock_dividends=[{"symbol": "GAMMA", "rate": 0.1, "ex_date": "2026-03-10"}],
        cash_dividends=[{"symbol": "ACME", "rate": 0.5, "ex_date": "2026-03-10"}],
    )
    found = ask(answer, "ACME", "BRK.B", "BETA", "GAMMA")
    assert found == [("ACME", "50:1"), ("BRK.B", "5:4"), ("BETA", "1:10"), ("GAMMA", "11:10")]


def test_the_api_is_asked_as_documented_and_in_pages() -> None:
    def answer(request: Request) -> Answer:
        if "page_token" in request.query:
            return page(reverse_splits=[row("BETA", 1, 10)])
        return page("more", forward_splits=[row("ACME", 2, 1)])

    with http_server(answer) as server:
        found = AlpacaCorporateActions(server.url + "/", KEY).splits(("ACME", "BETA"), FIRST, LAST)
    assert found == (
        AnnouncedSplit(ticker="ACME", ex_date=LAST, ratio="2:1"),
        AnnouncedSplit(ticker="BETA", ex_date=LAST, ratio="1:10"),
    )
    path, query, headers = server.requests[0]
    assert path == "/v1/corporate-actions"
    assert query == {
        "symbols": "ACME,BETA",
        "types": "forward_split,reverse_split,stock_dividend",
        "start": "2026-03-01",
        "end": "2026-03-10",
        "limit": "1000",
        "sort": "asc",
    }
    assert (headers["apca-api-key-id"], headers["apca-api-secret-key"]) == ("key-id", "very-secret")
    assert server.requests[1].query["page_token"] == "more"


@pytest.mark.parametrize(
    "bad",
    [
        row("ACME", 0, 1),
        row("ACME", -2, 1),
        row("ACME", None, 1),
        row("ACME", "NaN", 1),
        row("ACME", "Infinity", 1),
        row("ACME", 2, 1, ex_date="soon"),
        row("ACME", 50_000, 1),
        {"symbol": "ACME"},
        "no object",
        row("OTHER", 2, 1),  # nobody asked for it
    ],
)
def test_a_bad_announcement_is_left_out_and_the_others_are_read(bad: Any) -> None:
    assert ask(page(forward_splits=[bad, row("ACME", 3, 2)])) == [("ACME", "3:2")]


@pytest.mark.parametrize(
    "body", [b'{"corporate_actions": {}, "next_page_token": null}', b'{"corporate_actions": null}']
)
def test_no_announcement_is_no_error(body: bytes) -> None:
    assert ask(Answer(body=body)) == []


@pytest.mark.parametrize(
    "answer", [Answer(403, b'{"message": "forbidden."}'), Answer(404), Answer(body=b"<html>"), Answer(body=b"[]")]
)
def test_refusals_and_other_documents_are_errors(answer: Answer) -> None:
    with pytest.raises(UpstreamError):
        ask(answer)


def test_a_failing_api_is_transient() -> None:
    with http_server(lambda _: Answer(503)) as server, pytest.raises(TransientUpstreamError):
        AlpacaCorporateActions(server.url, KEY, pause=lambda _seconds: None).splits(("ACME",), FIRST, LAST)


def test_pages_without_end_are_an_error() -> None:
    with http_server(lambda _: page("again")) as server, pytest.raises(UpstreamError, match="20 pages"):
        AlpacaCorporateActions(server.url, KEY).splits(("ACME",), FIRST, LAST)
