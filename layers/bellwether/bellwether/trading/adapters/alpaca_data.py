"""Alpaca's market data API, version 2: historical bars of stocks.

One request may name many symbols; the answer comes in pages over all of them. `end` is inclusive there, and a bar's `t`
is its start. Free accounts may ask 200 times a minute and see recent bars of the feed `iex` only.
"""

import math
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import urllib3
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bellwether.shared.domain.errors import InvalidInputError, TransientUpstreamError, UpstreamError
from bellwether.trading.domain.bars import MAX_VOLUME, Bar, BarRequest, Timeframe, checked
from bellwether.trading.ports.telemetry import BarAnswer, Refused

Feed = Literal["iex", "sip", "delayed_sip", "boats", "otc"]
Adjustment = Literal["raw", "split", "dividend", "all"]

ATTEMPTS = 4
CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0  # of silence
ANSWER_SECONDS = 30.0  # for a whole answer
LEAST_SECONDS = 5.0  # with less time left nothing is asked any more
LONGEST_PAUSE_SECONDS = 20.0  # a longer wish is for the next run
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_PART_BYTES = 256 * 1024
PAGE_BARS = 10_000  # the API's own limit
MAX_PAGES = 200
_USER_AGENT = "bellwether/0.1 (market telemetry)"
_SYMBOL_TROUBLE = re.compile(r"symbol", re.IGNORECASE)


@dataclass(frozen=True)
class AlpacaKey:
    """An account's key; never shown."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return "AlpacaKey(…)"


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
        self._http = _Http(key, pause, now, seconds_left)

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
            page, odd = _read(self._http.get(self._url, parameters))
            yield page, odd
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise UpstreamError("the market data API turns in circles: it gave the same page twice")
            seen.add(token)
            parameters["page_token"] = token
        raise UpstreamError(f"the market data API has more than {MAX_PAGES} pages for one request")


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    t: AwareDatetime
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 - the API's own name
    c: Decimal
    v: Annotated[Decimal, Field(ge=0, le=MAX_VOLUME)]

    def bar(self, ticker: str) -> Bar:
        return Bar(ticker, self.t.astimezone(UTC), self.o, self.h, self.l, self.c, int(self.v))


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
            raise UpstreamError("the market data API's answer is not what it promises") from error
        return _Page.model_construct(
            bars={ticker: tuple(each) for ticker, each in rows.items()}, next_page_token=odd.next_page_token
        ), tuple(refused)


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


# --- HTTP -----------------------------------------------------------------------------------------------------------


class _SymbolRefusedError(Exception):
    """The API does not know one of the symbols."""


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    pause_seconds: float | None = None


class _Http:
    """GET with time limits, a limit on the answer's size, and obedience to the rate limit."""

    def __init__(
        self,
        key: AlpacaKey | None,
        pause: Callable[[float], None],
        now: Callable[[], float],
        seconds_left: Callable[[], float],
    ) -> None:
        self._pause = pause
        self._now = now
        self._seconds_left = seconds_left
        self._not_before = 0.0
        headers = {"User-Agent": _USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
        if key:
            headers |= {"APCA-API-KEY-ID": key.key_id, "APCA-API-SECRET-KEY": key.secret}
        self._pool = urllib3.PoolManager(headers=headers, retries=False)

    def get(self, url: str, parameters: Mapping[str, str]) -> bytes:
        """Raises TransientUpstreamError when busy for longer than there is patience, UpstreamError for a refusal."""
        self._wait_for_allowance()
        failure = _Failure("no attempt")
        for attempt in range(ATTEMPTS):
            if attempt:
                backoff = 2**attempt * random.uniform(0.25, 0.5)  # noqa: S311 - spreads load, no secret
                wish = failure.pause_seconds if failure.pause_seconds is not None else backoff
                if wish > min(LONGEST_PAUSE_SECONDS, self._seconds_left() - LEAST_SECONDS):
                    break
                self._pause(wish)
            if self._seconds_left() < LEAST_SECONDS:
                raise TransientUpstreamError("there was no time left to ask the market data API")
            outcome = self._attempt(url, parameters)
            if isinstance(outcome, bytes):
                return outcome
            failure = outcome
        raise TransientUpstreamError(f"the market data API did not answer: {failure.reason}")

    def _wait_for_allowance(self) -> None:
        wait = self._not_before - self._now()
        if wait > min(LONGEST_PAUSE_SECONDS, self._seconds_left() - LEAST_SECONDS):
            raise TransientUpstreamError(f"the market data API's rate limit is used up for {wait:.0f} s")
        if wait > 0:
            self._pause(wait)

    def _attempt(self, url: str, parameters: Mapping[str, str]) -> bytes | _Failure:
        allowed = min(ANSWER_SECONDS, self._seconds_left())
        over_at = time.monotonic() + allowed
        patience = urllib3.Timeout(connect=min(CONNECT_SECONDS, allowed), read=min(READ_SECONDS, allowed))
        try:
            response = self._pool.request(
                "GET",
                url,
                fields=dict(parameters),
                preload_content=False,
                redirect=False,
                decode_content=True,
                timeout=patience,
            )
            content = b""
            try:
                for part in response.stream(_PART_BYTES, decode_content=True):
                    content += part
                    if time.monotonic() > over_at:
                        return _Failure(f"no whole answer within {allowed:.0f} s")
                    if len(content) > MAX_ANSWER_BYTES:
                        break
            finally:
                response.release_conn()
                response.close()
        except urllib3.exceptions.HTTPError as error:
            return _Failure(type(error).__name__)
        if response.headers.get("X-RateLimit-Remaining") == "0":
            self._not_before = _number(response.headers.get("X-RateLimit-Reset")) or 0.0
        if response.status == 429 or response.status >= 500:
            return _Failure(f"HTTP {response.status}", self._wished_pause(response.headers))
        _raise_for(response.status, content)
        if len(content) > MAX_ANSWER_BYTES:
            raise UpstreamError(f"the market data API's answer is larger than {MAX_ANSWER_BYTES} bytes")
        return content

    def _wished_pause(self, headers: Mapping[str, str]) -> float | None:
        after = _number(headers.get("Retry-After"))
        if after is not None:
            return after
        reset = _number(headers.get("X-RateLimit-Reset"))  # seconds since 1970
        return None if reset is None else max(0.0, reset - self._now()) + 0.1


def _raise_for(status: int, content: bytes) -> None:
    if status == 200:
        return
    told = content[:300].decode(errors="replace").strip()
    if status in (400, 422) and _SYMBOL_TROUBLE.search(told):
        raise _SymbolRefusedError(told[:200])
    why = {401: " (is the key right?)", 403: " (does the subscription allow this feed?)"}.get(status, "")
    raise UpstreamError(f"the market data API refused: HTTP {status}{why} {told[:200]}")


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text) else None
