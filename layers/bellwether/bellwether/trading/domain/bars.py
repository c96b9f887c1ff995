"""Price bars: validation, planning of requests, and missing bars.

The key of a bar is ticker, timeframe and START in UTC. A later bar with the same key is a correction and replaces it.
Each run requests the newest bars again (late and corrected ones), and a whole session once more well after its close:
a bar that is still missing then does not exist, because nobody traded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import batched
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.market_calendar import Session

TICKER_PATTERN = r"[A-Z][A-Z0-9]{0,9}(?:[.\-/][A-Z0-9]{1,4})?"
Ticker = Annotated[str, StringConstraints(pattern=rf"^{TICKER_PATTERN}$", max_length=20)]
MAX_TICKERS = 10_000
MAX_PRICE = Decimal(10_000_000)
MAX_VOLUME = 2**63 - 1


class Timeframe(StrEnum):
    """How long a bar lasts."""

    FIVE_MINUTES = "5Min"
    ONE_DAY = "1Day"

    @property
    def length(self) -> timedelta:
        """From start to end of a bar; for a day, the longest time until it is known."""
        return timedelta(minutes=5) if self is Timeframe.FIVE_MINUTES else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """Trades in [start, start + timeframe): prices in USD, volume in shares."""

    ticker: str
    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


def checked(bar: Bar, timeframe: Timeframe = Timeframe.FIVE_MINUTES) -> Bar:
    """Return the bar. Raises InvalidInputError if it is invalid."""
    problem = _problem(bar, timeframe)
    if problem:
        raise InvalidInputError(problem, field=f"{bar.ticker[:20]} {bar.start.isoformat()}")
    return bar


def _problem(bar: Bar, timeframe: Timeframe) -> str | None:
    prices = (bar.open, bar.high, bar.low, bar.close)
    if not re.fullmatch(TICKER_PATTERN, bar.ticker):
        return "invalid ticker"
    if bar.start.utcoffset() is None:
        return "no time zone"
    if not all(price.is_finite() and 0 < price <= MAX_PRICE for price in prices):
        return "invalid price"
    if bar.high < max(prices):
        return f"high {bar.high} is not the highest"
    if bar.low > min(prices):
        return f"low {bar.low} is not the lowest"
    if not 0 <= bar.volume <= MAX_VOLUME:
        return "invalid volume"
    if timeframe is Timeframe.FIVE_MINUTES and bar.start != floored(bar.start, timeframe):
        return "does not start on a multiple of five minutes"
    return None


def floored(instant: datetime, timeframe: Timeframe) -> datetime:
    """Start of the slot that contains this instant."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return instant - (instant - epoch) % timeframe.length


# --- planning of requests -------------------------------------------------------------------------------------------


class BarRequest(BaseModel):
    """Bars of these tickers that start in [start, end), all in one trading session."""

    model_config = ConfigDict(frozen=True)

    tickers: Annotated[tuple[Ticker, ...], Field(min_length=1)]
    session_day: date
    start: AwareDatetime
    end: AwareDatetime
    settles: StrictBool = False  # the whole session, well after its close


@dataclass(frozen=True, slots=True)
class Coverage:
    """Until when a ticker's session was requested."""

    checked_until: datetime
    settled: bool


@dataclass(frozen=True)
class TelemetryPolicy:
    """Parameters of requests. `delay`: time until the source has a finished bar."""

    timeframe: Timeframe = Timeframe.FIVE_MINUTES
    sessions: int = 5  # how far back a new ticker or a long outage is filled
    overlap: timedelta = timedelta(minutes=30)  # requested again each time, for late and corrected bars
    delay: timedelta = timedelta(seconds=20)
    settle_after: timedelta = timedelta(minutes=45)  # after the close
    batch: int = 100  # tickers in one request
    max_bars: int = 60_000  # of one run; the rest is for the next run


def plan_requests(
    tickers: Iterable[str],
    sessions: Sequence[Session],
    coverage: Mapping[tuple[date, str], Coverage],
    now: datetime,
    policy: TelemetryPolicy,
) -> tuple[BarRequest, ...]:
    """Plan requests, newest session first; tickers with the same window share a request."""
    ordered = sorted(set(tickers))
    newest_first = sorted(sessions, key=lambda each: each.opens_at, reverse=True)
    requests = (request for session in newest_first for request in _of_session(session, ordered, coverage, now, policy))
    return tuple(_within_budget(requests, policy))


def _of_session(
    session: Session,
    tickers: Sequence[str],
    coverage: Mapping[tuple[date, str], Coverage],
    now: datetime,
    policy: TelemetryPolicy,
) -> Iterator[BarRequest]:
    """Requests of a session, the oldest windows first, so that no ticker is postponed again and again."""
    windows: dict[tuple[datetime, datetime, bool], list[str]] = {}
    for ticker in tickers:
        window = _window(session, coverage.get((session.day, ticker)), now, policy)
        if window:
            windows.setdefault(window, []).append(ticker)
    for (start, end, settles), of_window in sorted(windows.items()):
        for batch in batched(of_window, policy.batch, strict=False):
            yield BarRequest(tickers=batch, session_day=session.day, start=start, end=end, settles=settles)


def _within_budget(requests: Iterable[BarRequest], policy: TelemetryPolicy) -> Iterator[BarRequest]:
    planned = 0
    for request in requests:
        bars = len(request.tickers) * ((request.end - request.start) // policy.timeframe.length)
        if planned and planned + bars > policy.max_bars:
            return
        planned += bars
        yield request


def _window(
    session: Session, covered: Coverage | None, now: datetime, policy: TelemetryPolicy
) -> tuple[datetime, datetime, bool] | None:
    """Window of a session to request; None when nothing is due."""
    if covered and covered.settled:
        return None
    if now >= session.closes_at + policy.settle_after:
        return session.opens_at, session.closes_at, True
    end = min(floored(now - policy.delay, policy.timeframe), session.closes_at)
    start = session.opens_at
    if covered:
        if covered.checked_until >= end:
            return None
        start = max(session.opens_at, covered.checked_until - policy.overlap)
    return (start, end, False) if start < end else None


def missing_ranges(
    expected: Iterable[datetime], present: Iterable[datetime], timeframe: Timeframe
) -> tuple[tuple[datetime, datetime], ...]:
    """Ranges of missing bars, each as [first start, last end)."""
    there = set(present)
    ranges: list[tuple[datetime, datetime]] = []
    for start in expected:
        if start in there:
            continue
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], start + timeframe.length)
        else:
            ranges.append((start, start + timeframe.length))
    return tuple(ranges)


def bar_starts(session: Session, timeframe: Timeframe = Timeframe.FIVE_MINUTES) -> tuple[datetime, ...]:
    """Starts of the bars of a session."""
    count = -(-(session.closes_at - session.opens_at) // timeframe.length)
    return tuple(session.opens_at + place * timeframe.length for place in range(count))
