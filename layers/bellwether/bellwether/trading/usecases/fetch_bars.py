"""Fetch bars from the market-data source while there is time, and pass them on inline or through S3."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.domain.clock_skew import is_future
from bellwether.shared.domain.errors import ConflictError, TransientUpstreamError, UpstreamError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore
from bellwether.trading.domain.bars import Bar, BarRequest
from bellwether.trading.domain.price_gaps import LONGEST_HALT, AnnouncedSplit, OpenGap
from bellwether.trading.ports.telemetry import CorporateActions, MarketData, Refused

INLINE_BYTES = 100 * 1024  # passed on through Step Functions; more goes through S3
RESERVE_SECONDS = 25.0  # for the last request with its retries, and for passing on the bars
PREFIX = "news/bars/"
MOST_FAILURES = 2
"""Transient failures in a row after which the source counts as away."""


class BarOrder(BaseModel):
    """Requests to fetch, and unreviewed price gaps for which announced splits are looked up."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    requests: tuple[BarRequest, ...] = ()
    price_gaps: tuple[OpenGap, ...] = ()


PackedBar = Annotated[Bar | dict[str, Any], Field(union_mode="left_to_right")]
"""A bar, or the raw object of one that does not validate: it must not stop the others."""


class FetchedBars(BaseModel):
    """Bars, the requests that they complete, and announced splits of tickers with an unreviewed price gap."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bars: tuple[PackedBar, ...] = ()
    answered: tuple[BarRequest, ...] = ()
    splits: tuple[AnnouncedSplit, ...] = ()


class Delivery(BaseModel):
    """Bars inline or in the object `results_key` (claim check). `postponed` requests are for the next run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fetched: FetchedBars | None = None
    results_key: Annotated[str | None, Field(max_length=1024)] = None
    bars: int = 0
    postponed: int = 0
    refused: tuple[Refused, ...] = ()
    trouble: str | None = None  # why requests were postponed, if not for lack of time
    actions_trouble: str | None = None  # why announced splits could not be read


def fetch_bars(
    order: BarOrder,
    *,
    source: MarketData,
    objects: ObjectStore,
    clock: Clock,
    seconds_left: Callable[[], float],
    actions: CorporateActions | None = None,
) -> Delivery:
    """Fetch one request after the other. A refused request is skipped, as is one that fails transiently; after
    `MOST_FAILURES` transient failures in a row the run ends.

    If nothing was fetched, the error of the source is raised. Announced splits that can't be read do not delay bars.
    """
    bars: list[Bar] = []
    answered: list[BarRequest] = []
    refused: list[Refused] = []
    failure: TransientUpstreamError | UpstreamError | None = None
    trouble: str | None = None
    in_a_row = 0
    for request in order.requests:
        if answered and seconds_left() < RESERVE_SECONDS:
            break
        try:
            answer = source.bars(request)
        except TransientUpstreamError as error:
            failure, trouble = error, str(error)
            in_a_row += 1
            if in_a_row == MOST_FAILURES:
                break
            continue
        except UpstreamError as error:
            failure, trouble = error, str(error)
            continue
        in_a_row = 0
        now = clock.now()
        bars += (bar for bar in answer.bars if not is_future(bar.start, now))
        refused += answer.refused
        refused += (
            Refused(bar.ticker, f"starts in the future: {bar.start.isoformat()}")
            for bar in answer.bars
            if is_future(bar.start, now)
        )
        answered.append(request)
    if failure is not None and not answered:
        raise failure
    splits: Sequence[AnnouncedSplit] = ()
    actions_trouble: str | None = None
    if actions is not None and order.price_gaps and seconds_left() >= RESERVE_SECONDS:
        try:
            splits = _announced(actions, order.price_gaps)
        except (TransientUpstreamError, UpstreamError) as error:
            actions_trouble = str(error)
    delivery = Delivery(
        bars=len(bars),
        postponed=len(order.requests) - len(answered),
        refused=tuple(refused),
        trouble=trouble,
        actions_trouble=actions_trouble,
    )
    fetched = FetchedBars(bars=tuple(bars), answered=tuple(answered), splits=tuple(splits))
    return _deliver(fetched, delivery, objects, clock)


def _announced(actions: CorporateActions, gaps: Sequence[OpenGap]) -> Sequence[AnnouncedSplit]:
    days = sorted(gap.day for gap in gaps)
    return actions.splits(sorted({gap.ticker for gap in gaps}), days[0] - LONGEST_HALT, days[-1])


def _deliver(fetched: FetchedBars, delivery: Delivery, objects: ObjectStore, clock: Clock) -> Delivery:
    content = fetched.model_dump_json().encode()
    if len(content) <= INLINE_BYTES:
        return delivery.model_copy(update={"fetched": fetched})
    key = f"{PREFIX}{clock.now():%Y-%m-%d}/{sha256(content).hexdigest()}.json"
    with suppress(ConflictError):  # the same bars, stored before
        objects.put(key, content, content_type="application/json", only_if_absent=True)
    return delivery.model_copy(update={"results_key": key})
