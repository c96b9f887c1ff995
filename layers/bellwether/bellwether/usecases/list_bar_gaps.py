"""Find out which bars have to be asked for, and which are missing of those that were."""

from itertools import islice
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.domain.bars import (
    MAX_TICKERS,
    BarRequest,
    TelemetryPolicy,
    Ticker,
    bar_starts,
    missing_ranges,
    plan_requests,
)
from bellwether.domain.market_calendar import MarketHours
from bellwether.ports.clock import Clock
from bellwether.ports.telemetry import BarStore

GAPS_SHOWN = 50


class TickerList(BaseModel):
    """Whose bars are wanted; given anew each time, so that the list can change without a deployment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tickers: Annotated[tuple[Ticker, ...], Field(max_length=MAX_TICKERS)]


class Gap(BaseModel):
    """Bars that were asked for and did not come: untraded, or still to come."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    start: AwareDatetime
    end: AwareDatetime


class BarPlan(BaseModel):
    """What to fetch. `bars_missing`: of the newest session, asked for but not there; `gaps` shows the first of them."""

    model_config = ConfigDict(frozen=True)

    market_open: bool
    requests: tuple[BarRequest, ...]
    bars_missing: int
    gaps: tuple[Gap, ...]


def list_bar_gaps(
    wanted: TickerList, *, store: BarStore, clock: Clock, hours: MarketHours, policy: TelemetryPolicy
) -> BarPlan:
    """Plan the requests of this run. Raises InvalidInputError when the market calendar has come to its end."""
    now = clock.now()
    sessions = hours.last_sessions(now, policy.sessions)
    tickers = tuple(sorted(set(wanted.tickers)))
    coverage = store.coverage(tickers, sessions[0].day) if tickers else {}
    newest = sessions[-1]
    covered = {
        ticker: coverage[newest.day, ticker].checked_until for ticker in tickers if (newest.day, ticker) in coverage
    }
    present = store.present(tuple(covered), newest.opens_at, newest.closes_at) if covered else {}
    gaps = [
        Gap(ticker=ticker, start=start, end=end)
        for ticker, until in covered.items()
        for start, end in missing_ranges(
            (slot for slot in bar_starts(newest, policy.timeframe) if slot < until),
            present.get(ticker, ()),
            policy.timeframe,
        )
    ]
    return BarPlan(
        market_open=hours.session_at(now) is not None,
        requests=plan_requests(tickers, sessions, coverage, now, policy),
        bars_missing=sum((gap.end - gap.start) // policy.timeframe.length for gap in gaps),
        gaps=tuple(islice(gaps, GAPS_SHOWN)),
    )
