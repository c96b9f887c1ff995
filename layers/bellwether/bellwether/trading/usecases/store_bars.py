"""Store fetched bars, each once, and report suspected splits."""

from collections.abc import Iterable
from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import ObjectStore
from bellwether.trading.domain.bars import Bar, Timeframe, checked
from bellwether.trading.domain.price_gaps import ratio_text
from bellwether.trading.ports.telemetry import BarStore
from bellwether.trading.usecases.fetch_bars import PREFIX, Delivery, FetchedBars


class Split(BaseModel):
    """A price gap that looks like a split; the signals of its ticker pause until a person reviews it."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    at: AwareDatetime
    before: Decimal
    after: Decimal
    ratio: str | None


class StoreResult(BaseModel):
    """Number of new and corrected bars, and of new bars that are older than a stored one."""

    model_config = ConfigDict(frozen=True)

    stored: int
    revised: int
    late: int
    splits: tuple[Split, ...]


def store_bars(
    delivery: Delivery,
    *,
    store: BarStore,
    objects: ObjectStore,
    source: str,
    timeframe: Timeframe = Timeframe.FIVE_MINUTES,
) -> StoreResult:
    """Store the bars of a delivery. Raises InvalidInputError for invalid bars, which fetching never passes on."""
    fetched = _open(delivery, objects)
    bars = tuple(_unique(checked(bar, timeframe) for bar in fetched.bars))
    written = store.store(bars, fetched.answered, source)
    return StoreResult(
        stored=written.stored,
        revised=written.revised,
        late=written.late,
        splits=tuple(
            Split(
                ticker=each.ticker,
                at=each.at,
                before=each.before,
                after=each.after,
                ratio=each.ratio and ratio_text(each.ratio),
            )
            for each in written.splits
        ),
    )


def _open(delivery: Delivery, objects: ObjectStore) -> FetchedBars:
    if delivery.fetched is not None:
        return delivery.fetched
    if delivery.results_key is None:
        raise InvalidInputError("neither bars nor the key of an object with them", field="results_key")
    if not delivery.results_key.startswith(PREFIX):
        raise InvalidInputError(f"does not start with {PREFIX}", field="results_key")
    try:
        return FetchedBars.model_validate_json(objects.get(delivery.results_key).content)
    except ValidationError as error:
        raise InvalidInputError("contains no bars", field=delivery.results_key) from error


def _unique(bars: Iterable[Bar]) -> Iterable[Bar]:
    """The last one of each ticker and start, in order."""
    last = {(bar.ticker, bar.start): bar for bar in bars}
    return (last[key] for key in sorted(last))
