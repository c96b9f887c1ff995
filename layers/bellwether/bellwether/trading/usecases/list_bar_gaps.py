"""Plan requests for bars, and report missing bars."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from bellwether.news.domain.news_layout import TICKER_LISTS
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore
from bellwether.trading.domain.bars import (
    BarRequest,
    TelemetryPolicy,
    bar_starts,
    missing_ranges,
    plan_requests,
)
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.price_gaps import OpenGap, PriceGap
from bellwether.trading.ports.telemetry import BarStore

GAPS_SHOWN = 50
MAX_OPEN_GAPS = 100  # whose announcements are looked up in one run
LOOKED_UP_FOR = timedelta(days=10)  # after this time only a person reviews a price gap
_ITEMS: TypeAdapter[list[Any]] = TypeAdapter(list[Any])


class TickerFile(BaseModel):
    """Key of a JSON list in the data bucket, for lists too long for a parameter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    s3_key: Annotated[str, Field(pattern=rf"^{TICKER_LISTS}[A-Za-z0-9._-]{{1,100}}$")]


class TickerList(BaseModel):
    """Tickers to fetch, inline or by the key of their list; read on each run, so a change needs no deployment.

    The items are as configured; `select_tickers` says which can be used.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    tickers: list[Any]
    file: TickerFile | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_file(cls, given: Any) -> Any:
        """The value of the parameter arrives as `tickers`, a list or a file."""
        if isinstance(given, dict) and isinstance(given.get("tickers"), dict):
            return {"tickers": [], "file": given["tickers"]}
        return given


def read_tickers(file: TickerFile, *, objects: ObjectStore) -> list[Any]:
    """Read the list. Raises NotFoundError if it is missing, InvalidInputError if it is not a JSON array."""
    try:
        return _ITEMS.validate_json(objects.get(file.s3_key).content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"{place}: {first['msg']}" if place else first["msg"], field=file.s3_key) from error


class Gap(BaseModel):
    """Requested bars that are missing: not traded, or late."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    start: AwareDatetime
    end: AwareDatetime


class BarPlan(BaseModel):
    """Requests to fetch. `bars_missing`: requested bars missing in the newest session; `gaps`: the first of them.

    `price_gaps`: recent unreviewed ones, for which announced splits are looked up.
    """

    model_config = ConfigDict(frozen=True)

    market_open: bool
    requests: tuple[BarRequest, ...]
    bars_missing: int
    gaps: tuple[Gap, ...]
    price_gaps: tuple[OpenGap, ...] = ()


def list_bar_gaps(
    wanted: Sequence[str],
    *,
    store: BarStore,
    clock: Clock,
    hours: MarketHours,
    policy: TelemetryPolicy,
    price_gaps: Sequence[PriceGap] = (),
) -> BarPlan:
    """Plan the requests of this run; of `price_gaps` the recent unreviewed ones are passed on.

    Raises InvalidInputError beyond the end of the market calendar.
    """
    now = clock.now()
    sessions = hours.last_sessions(now, policy.sessions)
    tickers = tuple(sorted(set(wanted)))
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
        price_gaps=tuple(
            OpenGap(ticker=each.ticker, at=each.at)
            for each in price_gaps
            if each.ratio is None and each.at > now - LOOKED_UP_FOR
        )[:MAX_OPEN_GAPS],
    )
