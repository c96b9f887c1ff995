"""Alpaca's corporate actions, `GET /v1/corporate-actions`: splits and stock dividends by ex-date."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellwether.shared.adapters.http import HttpClient, Limits
from bellwether.shared.domain.errors import UpstreamError
from bellwether.trading.adapters.alpaca_key import AlpacaKey
from bellwether.trading.domain.price_gaps import AnnouncedSplit, ratio_text

MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_PAGES = 20
PAGE_ACTIONS = 1000  # the API's own limit
LARGEST_RATE = 9999
_TYPES = "forward_split,reverse_split,stock_dividend"
_SPLITS = ("forward_splits", "reverse_splits")
_STOCK_DIVIDENDS = "stock_dividends"
_USER_AGENT = "bellwether/0.1 (corporate actions)"


class AlpacaCorporateActions:
    """CorporateActions over HTTP. `key` is None for a replayed API that needs none."""

    def __init__(
        self,
        url: str,
        key: AlpacaKey | None,
        *,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v1/corporate-actions"
        self._http = HttpClient(
            "the corporate actions API",
            headers={"User-Agent": _USER_AGENT, "Accept": "application/json"} | (key.headers() if key else {}),
            limits=Limits(answer_bytes=MAX_ANSWER_BYTES),
            pause=pause,
            now=now,
            seconds_left=seconds_left,
        )

    def splits(self, tickers: Sequence[str], first_day: date, last_day: date) -> tuple[AnnouncedSplit, ...]:
        """Splits with an ex-date in [first_day, last_day]; an announcement that can't be read is left out."""
        wanted = frozenset(tickers)
        found = (split for page in self._pages(tickers, first_day, last_day) for split in _splits(page))
        return tuple(dict.fromkeys(split for split in found if split.ticker in wanted))

    def _pages(self, tickers: Sequence[str], first_day: date, last_day: date) -> Iterator[Mapping[str, Sequence[Any]]]:
        parameters = {
            "symbols": ",".join(tickers),
            "types": _TYPES,
            "start": first_day.isoformat(),
            "end": last_day.isoformat(),
            "limit": str(PAGE_ACTIONS),
            "sort": "asc",
        }
        for _ in range(MAX_PAGES):
            answer = self._http.get(self._url, parameters)
            if answer.status != 200:
                told = answer.content[:200].decode(errors="replace").strip()
                raise UpstreamError(f"the corporate actions API refused: HTTP {answer.status} {told}")
            try:
                page = _Page.model_validate_json(answer.content)
            except ValidationError as error:
                raise UpstreamError("the corporate actions API's response has another form than documented") from error
            yield page.corporate_actions or {}
            if not page.next_page_token:
                return
            parameters["page_token"] = page.next_page_token
        raise UpstreamError(f"the corporate actions API has more than {MAX_PAGES} pages for one request")


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    corporate_actions: dict[str, tuple[Any, ...]] | None
    next_page_token: Annotated[str | None, Field(max_length=4096)] = None


class _Split(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    symbol: str
    ex_date: date
    new_rate: Annotated[Decimal, Field(gt=0)]
    old_rate: Annotated[Decimal, Field(gt=0)]


class _StockDividend(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    symbol: str
    ex_date: date
    rate: Annotated[Decimal, Field(gt=0)]  # new shares for each held one


def _splits(page: Mapping[str, Sequence[Any]]) -> Iterator[AnnouncedSplit]:
    for row in (row for name in _SPLITS for row in page.get(name, ())):
        try:
            split = _Split.model_validate(row)
        except ValidationError:
            continue
        yield from _announced(split.symbol, split.ex_date, Fraction(split.new_rate) / Fraction(split.old_rate))
    for row in page.get(_STOCK_DIVIDENDS, ()):
        try:
            dividend = _StockDividend.model_validate(row)
        except ValidationError:
            continue
        yield from _announced(dividend.symbol, dividend.ex_date, 1 + Fraction(dividend.rate))


def _announced(symbol: str, ex_date: date, ratio: Fraction) -> Iterator[AnnouncedSplit]:
    simple = ratio.limit_denominator(1000)
    if simple and max(simple.numerator, simple.denominator) <= LARGEST_RATE:
        yield AnnouncedSplit(ticker=symbol, ex_date=ex_date, ratio=ratio_text(simple))
