"""Price bars: what makes one, which are missing, and what looks like a split.

A bar is known by ticker, timeframe and its START in UTC. A later one under the same key is a correction and replaces
it. The source is asked for the newest bars again each time (late and corrected ones), and for a whole session once more
when it is well over: what lacks after that never was, as nobody traded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import batched, pairwise
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

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
        """From a bar's start to its end; of a day, the longest it can be until it is known."""
        return timedelta(minutes=5) if self is Timeframe.FIVE_MINUTES else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bar:
    """What was traded in [start, start + timeframe): prices in USD, volume in shares."""

    ticker: str
    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


def checked(bar: Bar, timeframe: Timeframe = Timeframe.FIVE_MINUTES) -> Bar:
    """The bar itself; raises InvalidInputError that says what can't be true of it."""
    problem = _problem(bar, timeframe)
    if problem:
        raise InvalidInputError(problem, field=f"{bar.ticker[:20]} {bar.start.isoformat()}")
    return bar


def _problem(bar: Bar, timeframe: Timeframe) -> str | None:
    prices = (bar.open, bar.high, bar.low, bar.close)
    if not re.fullmatch(TICKER_PATTERN, bar.ticker):
        return "no ticker"
    if bar.start.utcoffset() is None:
        return "no time zone"
    if not all(price.is_finite() and 0 < price <= MAX_PRICE for price in prices):
        return "a price that none is"
    if bar.high < max(prices):
        return f"high {bar.high} is not the highest"
    if bar.low > min(prices):
        return f"low {bar.low} is not the lowest"
    if not 0 <= bar.volume <= MAX_VOLUME:
        return "a volume that none is"
    if timeframe is Timeframe.FIVE_MINUTES and bar.start != floored(bar.start, timeframe):
        return "does not start on a multiple of five minutes"
    return None


def floored(instant: datetime, timeframe: Timeframe) -> datetime:
    """The start of the slot that this instant lies in."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return instant - (instant - epoch) % timeframe.length


# --- which bars to ask for ------------------------------------------------------------------------------------------


class BarRequest(BaseModel):
    """Bars of these tickers that start in [start, end), all in one trading session."""

    model_config = ConfigDict(frozen=True)

    tickers: Annotated[tuple[Ticker, ...], Field(min_length=1)]
    session_day: date
    start: AwareDatetime
    end: AwareDatetime
    settles: bool = False  # the whole session, well after its close


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a ticker's session was asked for."""

    checked_until: datetime
    settled: bool


@dataclass(frozen=True)
class TelemetryPolicy:
    """How bars are asked for. `delay`: a source's own, before a finished bar can be had."""

    timeframe: Timeframe = Timeframe.FIVE_MINUTES
    sessions: int = 5  # how far back a new ticker or a long outage is filled
    overlap: timedelta = timedelta(minutes=30)  # asked again each time: late and corrected bars
    delay: timedelta = timedelta(seconds=20)
    settle_after: timedelta = timedelta(minutes=45)  # after the close
    batch: int = 100  # tickers in one request
    max_bars: int = 60_000  # of one run; what is left over is for the next


def plan_requests(
    tickers: Iterable[str],
    sessions: Sequence[Session],
    coverage: Mapping[tuple[date, str], Coverage],
    now: datetime,
    policy: TelemetryPolicy,
) -> tuple[BarRequest, ...]:
    """What to ask the source for, the newest session first; tickers with the same window share a request."""
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
    """Those that lag the most come first: what a run has no budget for is not left over again by the next."""
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
    """From where to where a session has to be asked for; None when nothing is due."""
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
    """Runs of expected starts that are not there, each as [first start, last end)."""
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
    """When the bars of a session start."""
    count = -(-(session.closes_at - session.opens_at) // timeframe.length)
    return tuple(session.opens_at + place * timeframe.length for place in range(count))


# --- splits ---------------------------------------------------------------------------------------------------------

FORWARD_SPLITS = tuple(
    map(Fraction, ("3/2", "2", "5/2", "3", "4", "5", "6", "7", "8", "10", "12", "15", "20", "25", "30"))
)
SPLITS = tuple(ratio for forward in FORWARD_SPLITS for ratio in (forward, 1 / forward))
SPLIT_TOLERANCE = Decimal("0.05")  # a night's own move beside that of the split
SMALLEST_JUMP = Decimal("0.29")  # a reverse split of 2 for 3, less the tolerance


def suspected_split(before: Decimal, after: Decimal) -> Fraction | None:
    """New shares for each old one when a price jumps from `before` to `after` as a split would make it; else None.

    A suspicion: a company may halve for its own reasons. Who hears of it holds still until the jump is out of sight.
    """
    observed = before / after
    if abs(observed - 1) < SMALLEST_JUMP:
        return None  # nearly always
    by_distance = [(abs(observed * ratio.denominator / ratio.numerator - 1), ratio) for ratio in SPLITS]
    distance, ratio = min(by_distance)
    return ratio if distance <= SPLIT_TOLERANCE else None


@dataclass(frozen=True, slots=True)
class SuspectedSplit:
    """A jump between two bars that a split would explain."""

    ticker: str
    at: datetime  # start of the first bar after it
    before: Decimal
    after: Decimal
    ratio: Fraction


def suspected_splits(bars: Sequence[Bar]) -> tuple[SuspectedSplit, ...]:
    """Jumps in bars of one ticker, oldest first: from a close to the next open, and inside a bar.

    The latter is real: a stale first trade before the market opens carries the old price into the new day.
    """
    return tuple(
        SuspectedSplit(late.ticker, late.start, before, after, ratio)
        for early, late in pairwise(bars)
        for before, after in ((early.close, late.open), (late.open, late.close))
        if (ratio := suspected_split(before, after))
    )
