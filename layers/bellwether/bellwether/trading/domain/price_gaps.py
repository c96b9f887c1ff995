"""Price gaps that look like a split: such a gap pauses the signals of its ticker until it is reviewed.

A person reviews it, or an announced split explains it.

A gap is suspicious when the price changes by a factor of at least LARGE_GAP, or close to SMALL_SPLIT. In 13,935 days of
24 large companies this finds the three splits and 22 other gaps: a false alarm per ticker in two and a half years.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.bars import Bar

LARGE_GAP = Decimal("1.15")
SMALL_SPLIT = Fraction(11, 10)
SMALL_SPLIT_TOLERANCE = Decimal("0.005")  # a move of ten percent is usual after news
SMALLEST_JUMP = Decimal("0.085")  # below the relative change of every suspicious gap
WHOLE_SPLITS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
FORWARD_SPLITS = (*map(Fraction, ("6/5", "5/4", "4/3", "3/2", "5/2")), *map(Fraction, WHOLE_SPLITS))
SPLITS = tuple(ratio for forward in FORWARD_SPLITS for ratio in (forward, 1 / forward))
SPLIT_TOLERANCE = Decimal("0.05")  # allows for the price move overnight
REAL_MOVE = Fraction(1)
ANNOUNCED_TOLERANCE = Decimal("0.15")  # an announcement is evidence of its own: the price may have moved more
LONGEST_HALT = timedelta(days=7)  # from the ex-date to the first bar after it
_EXCHANGE_ZONE = ZoneInfo("America/New_York")
Ratio = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}:[1-9][0-9]{0,3}$")]


def parse_ratio(text: str) -> Fraction:
    """Read "50:1", new shares for old ones. Raises InvalidInputError."""
    new, colon, old = text.partition(":")
    if not (colon and new.isdecimal() and old.isdecimal() and int(new) and int(old)):
        raise InvalidInputError(f"{text[:40]} is not new shares for old ones, such as 50:1", field="ratio")
    return Fraction(int(new), int(old))


def ratio_text(ratio: Fraction) -> str:
    """New shares for old ones, such as 50:1."""
    return f"{ratio.numerator}:{ratio.denominator}"


def is_suspicious(before: Decimal, after: Decimal) -> bool:
    """Whether a split would explain the change of a price from `before` to `after`."""
    factor = max(before / after, after / before)
    return factor >= LARGE_GAP or _distance(factor, SMALL_SPLIT) <= SMALL_SPLIT_TOLERANCE


def nearest_split(before: Decimal, after: Decimal) -> Fraction | None:
    """New shares for each old one by the split that explains a suspicious gap best; None: no usual split does."""
    observed = before / after
    if max(observed, 1 / observed) < LARGE_GAP:
        return SMALL_SPLIT if observed > 1 else 1 / SMALL_SPLIT
    distance, ratio = min((_distance(observed, ratio), ratio) for ratio in SPLITS)
    return ratio if distance <= SPLIT_TOLERANCE else None


def _distance(observed: Decimal, ratio: Fraction) -> Decimal:
    return abs(observed * ratio.denominator / ratio.numerator - 1)


@dataclass(frozen=True, slots=True)
class SuspectedSplit:
    """A suspicious gap between two bars or inside one. `ratio` is None when no usual split explains it."""

    ticker: str
    at: datetime  # start of the first bar after it
    before: Decimal
    after: Decimal
    ratio: Fraction | None


def suspected_splits(bars: Sequence[Bar]) -> tuple[SuspectedSplit, ...]:
    """Suspicious gaps in bars of one ticker, oldest first, at most one for each bar."""
    return tuple(
        SuspectedSplit(late.ticker, late.start, before, after, nearest_split(before, after))
        for early, late in pairwise(bars)
        for before, after in _jump(early, late)
    )


def _jump(early: Bar, late: Bar) -> Iterator[tuple[Decimal, Decimal]]:
    """From a close to the next open; or inside a bar, only where a usual split explains it.

    A stale first trade before the market opens carries the old price into the new day.
    """
    if is_suspicious(early.close, late.open):
        yield early.close, late.open
    elif (
        is_suspicious(late.open, late.close)
        and (ratio := nearest_split(late.open, late.close))
        and max(ratio, 1 / ratio) >= Fraction(3, 2)
    ):
        yield late.open, late.close


def adjusted(bars: Sequence[Bar], splits: Mapping[datetime, Fraction]) -> Sequence[Bar]:
    """Bars of one ticker with prices before each split divided by its ratio."""
    factors = {at: ratio for at, ratio in splits.items() if ratio != REAL_MOVE}
    return (
        [_divided(bar, [ratio for at, ratio in factors.items() if bar.start < at]) for bar in bars] if factors else bars
    )


def _divided(bar: Bar, ratios: Sequence[Fraction]) -> Bar:
    for ratio in ratios:
        bar = replace(
            bar,
            **{
                name: getattr(bar, name) * ratio.denominator / ratio.numerator
                for name in ("open", "high", "low", "close")
            },
        )
    return bar


class PriceGap(BaseModel):
    """A stored gap with its latest review. `ratio`: new shares for old ones, 1:1 for a real move; None: unreviewed."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    at: AwareDatetime
    before: Decimal
    after: Decimal
    suspected_ratio: str | None
    found_at: AwareDatetime
    ratio: str | None = None
    actor: str | None = None
    reason: str | None = None
    reviewed_at: AwareDatetime | None = None


class AnnouncedSplit(BaseModel):
    """A split as the market-data source announces it: from the session of `ex_date` on, prices count new shares."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    ex_date: date
    ratio: Ratio

    @property
    def fraction(self) -> Fraction:
        """New shares for each old one."""
        return parse_ratio(self.ratio)


class OpenGap(BaseModel):
    """An unreviewed gap, for which an announcement is looked up."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    at: AwareDatetime

    @property
    def day(self) -> date:
        """The day at the exchange."""
        return self.at.astimezone(_EXCHANGE_ZONE).date()


def explaining_split(gap: PriceGap, announced: Sequence[AnnouncedSplit]) -> AnnouncedSplit | None:
    """The one announced split that explains a gap; None when there is none, or several that differ.

    Its ex-date is the day of the gap, or a few days before when the stock did not trade. The price fits the ratio, and
    fits it better than no split.
    """
    day = gap.at.astimezone(_EXCHANGE_ZONE).date()
    found = {
        split
        for split in announced
        if split.ticker == gap.ticker
        and day - LONGEST_HALT <= split.ex_date <= day
        and _fits(gap.before / gap.after, split.fraction)
    }
    return found.pop() if len(found) == 1 else None


def _fits(observed: Decimal, ratio: Fraction) -> bool:
    distance = _distance(observed, ratio)
    return distance <= ANNOUNCED_TOLERANCE and distance < abs(observed - 1)
