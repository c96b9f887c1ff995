"""The market-data adapter against Alpaca's protocol on the loopback interface."""

import gzip
import json
from datetime import timedelta

import pytest

from bellwether.shared.domain.errors import TransientUpstreamError, UpstreamError
from bellwether.trading.adapters import alpaca_data
from bellwether.trading.adapters.alpaca_data import AlpacaMarketData
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.domain.bars import Bar, BarRequest, bar_starts
from bellwether.trading.domain.market_calendar import session_on
from tests.fakes.http_server import Answer, http_server
from tests.integration.trading.telemetry.market_answers import market
from tests.unit.trading.builders import FIVE_MINUTES, NOON, OPENS, bar

KEY = AlpacaKey(key_id="key-id", secret_key="very-secret")
NOTHING = Answer(body=b'{"bars": {}, "next_page_token": null}')


class Pauses(list[float]):
    """Instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def request(*tickers: str) -> BarRequest:
    return BarRequest(tickers=tickers or ("ACME",), session_day=OPENS.date(), start=OPENS, end=NOON)


def session_bars(*tickers: str) -> list[Bar]:
    session = session_on(OPENS.date())
    assert session
    return [
        bar(start, f"{100 + place}.25", ticker) for ticker in tickers for place, start in enumerate(bar_starts(session))
    ]


def test_bars_of_many_symbols_come_in_pages() -> None:
    # Given two sessions' worth of bars, seven on a page
    bars = session_bars("ACME", "BRK.B")
    with http_server(market(bars, page=7)) as server:
        answer = AlpacaMarketData(server.url, KEY).bars(request("ACME", "BRK.B"))
    # Then all of the request's are there, exactly, and none that starts at its end
    assert list(answer.bars) == [each for each in bars if each.start < NOON]
    assert answer.refused == ()
    assert len(server.requests) == -(-60 // 7)
    # And the API was asked as its documentation wants it
    path, query, headers = server.requests[0]
    assert path == "/v2/stocks/bars"
    assert query == {
        "symbols": "ACME,BRK.B",
        "timeframe": "5Min",
        "feed": "iex",
        "adjustment": "raw",
        "sort": "asc",
        "start": "2026-03-10T13:30:00Z",
        "end": "2026-03-10T15:59:59Z",
        "limit": "10000",
    }
    assert (headers["apca-api-key-id"], headers["apca-api-secret-key"]) == ("key-id", "very-secret")


def test_no_bars_are_no_error() -> None:
    with http_server(market(())) as server:
        assert AlpacaMarketData(server.url, None).bars(request()).bars == ()
    assert "apca-api-key-id" not in server.requests[0].headers


def test_an_unknown_symbol_costs_the_others_nothing() -> None:
    # Given eight symbols, two of which the API does not know
    tickers = [f"T{count}" for count in range(8)]
    with http_server(market(session_bars(*tickers), unknown=("T2", "T7"))) as server:
        answer = AlpacaMarketData(server.url, KEY).bars(request(*tickers))
    # Then those are named, and the others have their bars
    assert [each.ticker for each in answer.refused] == ["T2", "T7"]
    assert {each.ticker for each in answer.bars} == set(tickers) - {"T2", "T7"}
    assert len(server.requests) <= 13


def test_bars_that_can_not_be_true_are_told_and_left_out() -> None:
    row = {"t": "2026-03-10T13:35:00Z", "o": 1, "h": 0.5, "l": 0.4, "c": 0.45, "v": 10}
    good = row | {"t": "2026-03-10T13:40:00Z", "h": 1.5}
    stranger = row | {"t": "2026-03-10T13:41:00Z", "h": 1.5}
    body = {"bars": {"ACME": [row, good, stranger], "OTHER": [good]}, "next_page_token": None}
    with http_server(lambda _: Answer(body=json.dumps(body).encode())) as server:
        answer = AlpacaMarketData(server.url, KEY).bars(request())
    assert [each.start for each in answer.bars] == [OPENS + 2 * FIVE_MINUTES]
    assert ["highest" in answer.refused[0].reason, "multiple" in answer.refused[1].reason] == [True, True]


def test_what_is_no_bar_at_all_costs_the_others_nothing() -> None:
    # Given a page with rows that no schema promises, as text: JSON knows no NaN, some servers do
    good = '{"t": "2026-03-10T13:40:00Z", "o": 1, "h": 1.5, "l": 0.4, "c": 0.45, "v": 0}'
    odd = [
        good.replace('"o": 1', '"o": NaN'),
        good.replace('"v": 0', '"v": -1'),
        good.replace('"v": 0', '"v": 1e999999'),
        good.replace('"c": 0.45', '"c": null'),
        good.replace("2026-03-10T13:40:00Z", "yesterday"),
        good.replace("2026-03-10T13:40:00Z", "0001-01-01T00:00:00+14:00"),
        '"a bar"',
        "null",
    ]
    body = f'{{"bars": {{"ACME": [{", ".join([*odd, good])}], "BETA": null}}, "next_page_token": null}}'
    with http_server(lambda _: Answer(body=body.encode())) as server:
        answer = AlpacaMarketData(server.url, KEY).bars(request("ACME", "BETA"))
    assert [each.start for each in answer.bars] == [OPENS + 2 * FIVE_MINUTES]
    assert [each.ticker for each in answer.refused] == ["ACME"] * len(odd)


def test_it_does_not_outlast_the_function() -> None:
    # Given a source that is busy, or gives an endless answer byte by byte, and little time
    left = iter([30.0, 30.0, 30.0, 4.0, 4.0])
    with http_server(lambda _: Answer(503)) as server, pytest.raises(TransientUpstreamError):
        AlpacaMarketData(server.url, KEY, pause=Pauses(), seconds_left=lambda: next(left)).bars(request())
    assert len(server.requests) <= 2
    # And with none left, nothing is asked
    with http_server(lambda _: NOTHING) as server, pytest.raises(TransientUpstreamError, match="no time left"):
        AlpacaMarketData(server.url, KEY, seconds_left=lambda: 1.0).bars(request())
    assert server.requests == []


def test_a_throttled_request_waits_as_long_as_it_is_told() -> None:
    now = 1_700_000_000.0
    answers = iter(
        [
            Answer(429, headers={"Retry-After": "3"}),
            Answer(429, headers={"X-RateLimit-Reset": str(int(now) + 11)}),
            Answer(503),
            NOTHING,
        ]
    )
    pauses = Pauses()
    with http_server(lambda _: next(answers)) as server:
        AlpacaMarketData(server.url, KEY, pause=pauses, now=lambda: now).bars(request())
    assert pauses[0] == 3
    assert pauses[1] == pytest.approx(11.1)
    assert 0 < pauses[2] < 10


def test_a_used_up_allowance_is_waited_for_before_the_next_request() -> None:
    now = 1_700_000_000.0
    spent = Answer(body=NOTHING.body, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(now) + 9)})
    pauses = Pauses()
    with http_server(lambda _: spent) as server:
        source = AlpacaMarketData(server.url, KEY, pause=pauses, now=lambda: now)
        source.bars(request())
        source.bars(request())
        assert pauses == [9]
        # But not for longer than a function should sleep
        now -= 60
        with pytest.raises(TransientUpstreamError, match="used up"):
            source.bars(request())


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3600"}])
def test_it_gives_up_for_now(headers: dict[str, str]) -> None:
    with (
        http_server(lambda _: Answer(429, headers=headers)) as server,
        pytest.raises(TransientUpstreamError, match="429"),
    ):
        AlpacaMarketData(server.url, KEY, pause=Pauses()).bars(request())
    assert len(server.requests) == (1 if headers else 4)


def test_nobody_there_is_transient_and_the_key_is_never_told() -> None:
    with http_server(lambda _: NOTHING) as server:
        url = server.url
    with pytest.raises(TransientUpstreamError) as nobody:
        AlpacaMarketData(url, KEY, pause=Pauses()).bars(request())
    assert "very-secret" not in f"{nobody.value}{nobody.value.__cause__}{KEY!r}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(401, b'{"message": "forbidden."}'), "key"),
        (Answer(403, b'{"message": "subscription does not permit querying recent SIP data"}'), "subscription"),
        (Answer(400, b'{"message": "invalid timeframe"}'), "timeframe"),
        (Answer(302, headers={"Location": "http://127.0.0.1:1/"}), "302"),
        (Answer(200, b"<html>"), "does not match its documentation"),
        (Answer(200, b'{"bars": {"ACME": [{"t": "yesterday"}]}}'), "does not match its documentation"),
        (Answer(200, b'{"bars": {}, "next_page_token": "again"}'), "the same page token twice"),
    ],
)
def test_a_refusal_is_not_repeated(answer: Answer, told: str) -> None:
    with http_server(lambda _: answer) as server, pytest.raises(UpstreamError, match=told):
        AlpacaMarketData(server.url, KEY, pause=Pauses()).bars(request())
    assert len(server.requests) <= 2


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alpaca_data, "MAX_ANSWER_BYTES", 1000)
    bomb = Answer(body=gzip.compress(b"0" * 1_000_000), headers={"Content-Encoding": "gzip"})
    with http_server(lambda _: bomb) as server, pytest.raises(UpstreamError, match="larger"):
        AlpacaMarketData(server.url, KEY, pause=Pauses()).bars(request())


def test_the_windows_end_is_inside_for_the_api_and_outside_for_us() -> None:
    with http_server(market([bar(NOON), bar(NOON - FIVE_MINUTES)])) as server:
        answer = AlpacaMarketData(server.url, KEY).bars(request())
    assert [each.start for each in answer.bars] == [NOON - timedelta(minutes=5)]
