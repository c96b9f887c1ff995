"""Alpaca's market data API, version 2: historical bars of stocks.

One request may name many symbols; the answer comes in pages over all of them. `end` is inclusive there, and a bar's `t`
is its start. Free accounts may ask 200 times a minute and see recent bars of the feed `iex` only.
"""

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bellwether.shared.adapters.http import Answer, HttpClient, Limits
from bellwether.shared.domain.errors import InvalidInputError, UpstreamError
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.domain.bars import MAX_VOLUME, Bar, BarRequest, Timeframe, checked
from bellwether.trading.ports.telemetry import BarAnswer, Refused

Feed = Literal["iex", "sip", "delayed_sip", "boats", "otc"]
Adjustment = Literal["raw", "split", "dividend", "all"]

MAX_ANSWER_BYTES = 16 * 1024 * 1024
PAGE_BARS = 10_000  # the API's own limit
MAX_PAGES = 200
_USER_AGENT = "bellwether/0.1 (market telemetry)"
_SYMBOL_TROUBLE = re.compile(r"symbol", re.IGNORECASE)


class AlpacaMarketData:
    """MarketData over HTTP. `key` is None for a replayed API that asks for none."""

    def __init__(
        self,
        url: str,
        key: AlpacaKey | None,
        *,
        feed: Feed = "iex",
        adjustment: Adjustment = "raw",
        timeframe: Timeframe = Timeframe.FIVE_MINUTES,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v2/stocks/bars"
        self._timeframe = timeframe
        self._fixed = {"timeframe": timeframe.value, "feed": feed, "adjustment": adjustment, "sort": "asc"}
        self._http = HttpClient(
            "the market data API",
            headers={"User-Agent": _USER_AGENT, "Accept": "application/json"} | (key.headers() if key else {}),
            limits=Limits(answer_bytes=MAX_ANSWER_BYTES),
            pause=pause,
            now=now,
            seconds_left=seconds_left,
        )

    def bars(self, request: BarRequest) -> BarAnswer:
        """All bars of a request, page by page.

        One unknown symbol makes the API refuse the whole list: then each half is asked for by itself, until the
        symbol is found; it comes back as refused, the others with their bars.
        """
        try:
            return self._of(request)
        except _SymbolRefusedError as error:
            tickers = request.tickers
            if len(tickers) == 1:
                return BarAnswer((), (Refused(tickers[0], str(error)),))
            middle = len(tickers) // 2
            halves = [
                self.bars(request.model_copy(update={"tickers": half})) for half in (tickers[:middle], tickers[middle:])
            ]
            return BarAnswer(halves[0].bars + halves[1].bars, halves[0].refused + halves[1].refused)

    def _of(self, request: BarRequest) -> BarAnswer:
        bars: list[Bar] = []
        refused: list[Refused] = []
        for page, odd in self._pages(request):
            refused += odd
            for ticker, rows in (page.bars or {}).items():
                for row in rows:
                    bar = row.bar(ticker)
                    if ticker not in request.tickers or not request.start <= bar.start < request.end:
                        continue  # nobody asked for it
                    try:
                        bars.append(checked(bar, self._timeframe))
                    except InvalidInputError as error:
                        refused.append(Refused(ticker, str(error)))
        return BarAnswer(tuple(bars), tuple(refused))

    def _pages(self, request: BarRequest) -> Iterator[tuple["_Page", Sequence[Refused]]]:
        parameters = {
            **self._fixed,
            "symbols": ",".join(request.tickers),
            "start": _rfc3339(request.start),
            "end": _rfc3339(request.end - timedelta(seconds=1)),
            "limit": str(PAGE_BARS),
        }
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page, odd = _read(_content(self._http.get(self._url, parameters)))
            yield page, odd
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise UpstreamError("the market data API returned the same page token twice")
            seen.add(token)
            parameters["page_token"] = token
        raise UpstreamError(f"the market data API has more than {MAX_PAGES} pages for one request")


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies beyond the calendar") from error


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    t: Annotated[AwareDatetime, AfterValidator(_in_utc)]
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 - the API's own name
    c: Decimal
    v: Annotated[Decimal, Field(ge=0, le=MAX_VOLUME)]

    def bar(self, ticker: str) -> Bar:
        return Bar(ticker, self.t, self.o, self.h, self.l, self.c, int(self.v))


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    bars: dict[str, tuple[_Row, ...]] | None  # null where there are none
    next_page_token: Annotated[str | None, Field(max_length=4096)] = None


class _OddPage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    bars: dict[str, tuple[Any, ...] | None] | None
    next_page_token: Annotated[str | None, Field(max_length=4096)] = None


def _read(content: bytes) -> tuple[_Page, Sequence[Refused]]:
    """A page, and what on it is no bar. Raises UpstreamError for no page, and for one without any bar."""
    try:
        return _Page.model_validate_json(content), ()
    except ValidationError as error:
        try:
            odd = _OddPage.model_validate_json(content)
        except ValidationError:
            odd = _OddPage(bars=None)
        rows: dict[str, list[_Row]] = {}
        refused: list[Refused] = []
        for ticker, row in ((ticker, row) for ticker, each in (odd.bars or {}).items() for row in each or ()):
            try:
                good = _Row.model_validate(row)
                rows.setdefault(ticker, []).append(good)
            except ValidationError as problem:
                refused.append(Refused(ticker, f"no bar: {_first_problem(problem)}"))
        if not rows:
            raise UpstreamError("the market data API's response does not match its documentation") from error
        return _Page.model_construct(
            bars={ticker: tuple(each) for ticker, each in rows.items()}, next_page_token=odd.next_page_token
        ), tuple(refused)


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


# --- HTTP -----------------------------------------------------------------------------------------------------------


class _SymbolRefusedError(Exception):
    """The API does not know one of the symbols."""


def _content(answer: Answer) -> bytes:
    if answer.status == 200:
        return answer.content
    told = answer.content[:300].decode(errors="replace").strip()
    if answer.status in (400, 422) and _SYMBOL_TROUBLE.search(told):
        raise _SymbolRefusedError(told[:200])
    why = {401: " (is the key right?)", 403: " (does the subscription allow this feed?)"}.get(answer.status, "")
    raise UpstreamError(f"the market data API refused: HTTP {answer.status}{why} {told[:200]}")
