"""Fetch bars from the market-data source while there is time, and pass them on inline or through S3."""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.domain.clock_skew import is_future
from bellwether.shared.domain.errors import ConflictError, TransientUpstreamError, UpstreamError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore
from bellwether.trading.domain.bars import Bar, BarRequest
from bellwether.trading.ports.telemetry import MarketData, Refused

INLINE_BYTES = 100 * 1024  # passed on through Step Functions; more goes through S3
RESERVE_SECONDS = 25.0  # for the last request with its retries, and for passing on the bars
PREFIX = "news/bars/"


class BarOrder(BaseModel):
    """Requests to fetch."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    requests: tuple[BarRequest, ...] = ()


class FetchedBars(BaseModel):
    """Bars, and the requests that they complete."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bars: tuple[Bar, ...] = ()
    answered: tuple[BarRequest, ...] = ()


class Delivery(BaseModel):
    """Bars inline or in the object `results_key` (claim check). `postponed` requests are for the next run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fetched: FetchedBars | None = None
    results_key: Annotated[str | None, Field(max_length=1024)] = None
    bars: int = 0
    postponed: int = 0
    refused: tuple[Refused, ...] = ()
    trouble: str | None = None  # why requests were postponed, if not for lack of time


def fetch_bars(
    order: BarOrder, *, source: MarketData, objects: ObjectStore, clock: Clock, seconds_left: Callable[[], float]
) -> Delivery:
    """Fetch one request after the other. A refused request is skipped; a transient failure ends the run.

    If nothing was fetched, the error of the source is raised.
    """
    bars: list[Bar] = []
    answered: list[BarRequest] = []
    refused: list[Refused] = []
    refusal: UpstreamError | None = None
    trouble: str | None = None
    for request in order.requests:
        if answered and seconds_left() < RESERVE_SECONDS:
            break
        try:
            answer = source.bars(request)
        except TransientUpstreamError as error:
            if not answered:
                raise
            trouble = str(error)
            break
        except UpstreamError as error:
            refusal, trouble = error, str(error)
            continue
        now = clock.now()
        bars += (bar for bar in answer.bars if not is_future(bar.start, now))
        refused += answer.refused
        refused += (
            Refused(bar.ticker, f"starts in the future: {bar.start.isoformat()}")
            for bar in answer.bars
            if is_future(bar.start, now)
        )
        answered.append(request)
    if refusal is not None and not answered:
        raise refusal
    delivery = Delivery(
        bars=len(bars), postponed=len(order.requests) - len(answered), refused=tuple(refused), trouble=trouble
    )
    return _deliver(FetchedBars(bars=tuple(bars), answered=tuple(answered)), delivery, objects, clock)


def _deliver(fetched: FetchedBars, delivery: Delivery, objects: ObjectStore, clock: Clock) -> Delivery:
    content = fetched.model_dump_json().encode()
    if len(content) <= INLINE_BYTES:
        return delivery.model_copy(update={"fetched": fetched})
    key = f"{PREFIX}{clock.now():%Y-%m-%d}/{sha256(content).hexdigest()}.json"
    with suppress(ConflictError):  # the same bars, stored before
        objects.put(key, content, content_type="application/json", only_if_absent=True)
    return delivery.model_copy(update={"results_key": key})
