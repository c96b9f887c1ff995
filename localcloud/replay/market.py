"""Alpaca's market data API v2, `GET /v2/stocks/bars`: pages over symbols, now and then too many requests, a bar that
comes late, and one that is corrected."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

from localcloud.replay.answers import Answer
from localcloud.replay.clock import ReplayClock
from localcloud.replay.tape import Bar, Tape, floored

PATH = "/v2/stocks/bars"
ACTIONS_PATH = "/v1/corporate-actions"
MOST_BARS, DEFAULT_BARS = 10_000, 1_000
TIMEFRAME = "5Min"
FIRST_REFUSAL, REFUSALS_EVERY = 2, 25
PAUSE_SECONDS = 1
LATE, CORRECTED = "XOM", "JPM"  # neither is recommended
ODD_AGE = timedelta(minutes=20)  # from the bar's start: within the half hour that is asked for again
_SYMBOL = re.compile(r"[A-Z]{1,5}(?:\.[A-Z]{1,2})?")


class RefusedError(Exception):
    """The request is wrong; the message is what the API says."""


class RateLimit:
    """Counts requests; the second one and every 25th after it are too many, whoever asks."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._asked = 0

    def take(self) -> tuple[bool, dict[str, str]]:
        """Whether a request passes, and the headers that tell of it."""
        with self._lock:
            self._asked += 1
            passes = (self._asked - FIRST_REFUSAL) % REFUSALS_EVERY != 0
        reset = int(self._now().timestamp()) + PAUSE_SECONDS
        return passes, {
            "X-RateLimit-Limit": "200",
            "X-RateLimit-Remaining": str(199 if passes else 0),
            "X-RateLimit-Reset": str(reset),
        }


class Afterthoughts:
    """What the source has to put right: one bar of each of two tickers is missing, or wrong, where it is first told."""

    def __init__(self) -> None:
        self._odd: dict[tuple[int, str], datetime] = {}

    def as_told(self, bar: Bar, *, edition: int, now: datetime) -> Bar | None:
        """The bar as this answer has it; None where it does not have it yet."""
        key = (edition, bar.ticker)
        if bar.ticker not in (LATE, CORRECTED) or key in self._odd or bar.start != floored(now) - ODD_AGE:
            return bar
        self._odd[key] = bar.start
        if bar.ticker == LATE:
            return None
        last_trade_missing = bar.open  # the close is that of the last trade
        return replace(bar, close=last_trade_missing, volume=bar.volume - 1)


@dataclass(frozen=True)
class _Query:
    symbols: tuple[str, ...]
    start: datetime
    end: datetime
    limit: int
    after: tuple[str, datetime] | None
    ascending: bool

    @classmethod
    def of(cls, parameters: Mapping[str, str], now: datetime) -> "_Query":
        """Raises RefusedError for what the API refuses."""
        symbols = tuple(sorted(set(filter(None, parameters.get("symbols", "").split(",")))))
        if not symbols:
            raise RefusedError("symbols is required")
        for symbol in symbols:
            if not _SYMBOL.fullmatch(symbol):
                raise RefusedError(f"invalid symbol: {symbol}")
        if parameters.get("timeframe") != TIMEFRAME:
            raise RefusedError(f"invalid timeframe: {parameters.get('timeframe')}; the replay has {TIMEFRAME} only")
        today = datetime.combine(now.date(), time(), tzinfo=UTC)
        start = _instant(parameters.get("start"), "start", today)
        end = _instant(parameters.get("end"), "end", now)
        if end < start:
            raise RefusedError("end should not be before start")
        return cls(
            symbols,
            start,
            end,
            _limit(parameters.get("limit")),
            _token(parameters.get("page_token")),
            _order(parameters),
        )


class MarketApi:
    """Bars of the tape, as the API gives them."""

    def __init__(self, tape: Tape, clock: ReplayClock) -> None:
        self._tape = tape
        self._clock = clock
        self._limit = RateLimit(clock.now)
        self._afterthoughts = Afterthoughts()

    def answer(self, parameters: Mapping[str, str]) -> Answer:
        """One page."""
        passes, headers = self._limit.take()
        if not passes:
            return _json(429, {"message": "too many requests."}, headers)
        now = self._clock.now()
        try:
            query = _Query.of(parameters, now)
        except RefusedError as refused:
            return _json(400, {"message": str(refused)}, headers)
        return _json(200, self._page(query, now), headers)

    def actions(self, parameters: Mapping[str, str]) -> Answer:
        """Corporate actions: the tape has no split."""
        if not parameters.get("symbols"):
            return Answer.of_json(400, {"message": "symbols is required"})
        return Answer.of_json(200, {"corporate_actions": {}, "next_page_token": None})

    def _page(self, query: _Query, now: datetime) -> dict[str, Any]:
        """Symbol after symbol, `limit` bars in all; the token names the last bar of the page."""
        bars: dict[str, list[dict[str, Any]]] = {}
        last: Bar | None = None
        count = 0
        for bar in self._bars(query, now):
            if count == query.limit and last is not None:
                return {"bars": bars, "next_page_token": _as_token(last)}
            told = self._afterthoughts.as_told(bar, edition=self._clock.start.edition, now=now)
            if told is not None:
                bars.setdefault(bar.ticker, []).append(_row(told))
                last, count = bar, count + 1
        return {"bars": bars, "next_page_token": None}

    def _bars(self, query: _Query, now: datetime) -> Iterator[Bar]:
        for symbol in query.symbols:
            if query.after and symbol < query.after[0]:
                continue
            found = self._tape.visible_bars(symbol, query.start, query.end, begun=self._clock.start, now=now)
            for bar in found if query.ascending else reversed(list(found)):
                if not query.after or symbol > query.after[0] or _follows(bar.start, query.after[1], query.ascending):
                    yield bar


def _follows(start: datetime, after: datetime, ascending: bool) -> bool:
    return start > after if ascending else start < after


def _json(status: int, content: Any, headers: Mapping[str, str]) -> Answer:
    plain = Answer.of_json(status, content)
    return Answer(status, {**plain.headers, **headers}, plain.body)


def _row(bar: Bar) -> dict[str, Any]:
    typical = (bar.high + bar.low + bar.close) / 3
    return {
        "t": bar.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "o": float(bar.open),
        "h": float(bar.high),
        "l": float(bar.low),
        "c": float(bar.close),
        "v": bar.volume,
        "n": max(1, bar.volume // 100),
        "vw": float(typical.quantize(Decimal("0.000001"))),
    }


def _instant(text: str | None, name: str, default: datetime) -> datetime:
    """RFC 3339, or a day."""
    if not text:
        return default
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"invalid {name}: {text}") from None
    if instant.utcoffset() is None:
        raise RefusedError(f"invalid {name}: {text}")
    return instant


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_BARS
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_BARS:
        raise RefusedError(f"limit has to be between 1 and {MOST_BARS}")
    return int(text)


def _order(parameters: Mapping[str, str]) -> bool:
    order = parameters.get("sort", "asc")
    if order not in ("asc", "desc"):
        raise RefusedError(f"invalid sort: {order}")
    return order == "asc"


def _as_token(bar: Bar) -> str:
    return base64.urlsafe_b64encode(f"{bar.ticker}|{bar.start.isoformat()}".encode()).decode()


def _token(text: str | None) -> tuple[str, datetime] | None:
    if not text:
        return None
    try:
        ticker, start = base64.urlsafe_b64decode(text.encode()).decode().split("|")
        return ticker, datetime.fromisoformat(start)
    except (binascii.Error, ValueError):
        raise RefusedError("invalid page_token") from None
