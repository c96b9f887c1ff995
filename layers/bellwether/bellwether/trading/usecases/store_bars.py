"""Store fetched bars, each once, and report suspected splits."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import ObjectStore
from bellwether.trading.domain.bars import Bar, Timeframe, checked
from bellwether.trading.domain.price_gaps import PriceGap, ratio_text
from bellwether.trading.ports.telemetry import BarStore, GapStore, Refused
from bellwether.trading.usecases.confirm_splits import confirm_splits
from bellwether.trading.usecases.fetch_bars import PREFIX, Delivery, FetchedBars, PackedBar


class Split(BaseModel):
    """A price gap that looks like a split; the signals of its ticker pause until it is reviewed."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    at: AwareDatetime
    before: Decimal
    after: Decimal
    ratio: str | None


class StoreResult(BaseModel):
    """Number of new and corrected bars, and of new bars that are older than a stored one.

    `refused`: bars that can't be stored; the others are. `confirmed`: price gaps that an announced split explains.
    """

    model_config = ConfigDict(frozen=True)

    stored: int
    revised: int
    late: int
    splits: tuple[Split, ...]
    refused: tuple[Refused, ...] = ()
    confirmed: tuple[PriceGap, ...] = ()


def store_bars(
    delivery: Delivery,
    *,
    store: BarStore,
    objects: ObjectStore,
    source: str,
    timeframe: Timeframe = Timeframe.FIVE_MINUTES,
    gaps: GapStore | None = None,
) -> StoreResult:
    """Store the bars of a delivery without the invalid ones, and confirm splits in `gaps`.

    Raises InvalidInputError for no delivery.
    """
    fetched = _open(delivery, objects)
    good, refused = _checked(fetched.bars, timeframe)
    bars = tuple(_unique(good))
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
        refused=tuple(refused),
        confirmed=() if gaps is None else confirm_splits(fetched.splits, gaps=gaps),
    )


def _checked(bars: Sequence[PackedBar], timeframe: Timeframe) -> tuple[list[Bar], list[Refused]]:
    good: list[Bar] = []
    refused: list[Refused] = []
    for bar in bars:
        if not isinstance(bar, Bar):
            refused.append(Refused(str(bar.get("ticker"))[:20], "no bar: fields are missing or of another type"))
            continue
        try:
            good.append(checked(bar, timeframe))
        except InvalidInputError as error:
            refused.append(Refused(bar.ticker[:20], str(error)))
    return good, refused


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
