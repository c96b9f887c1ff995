"""What is known of a series: its unit, how often it comes, how it becomes monthly, when it is published.

Publication lag: counted at the employment report of a month (the first Friday after it), because that is when a
forecast of unemployment is made. 0: the value for month m is out by the report on month m. 1: by the report on month
m + 1. And so on. Quarterly values count from the last month of their quarter.
"""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from statistics import median

SERIES_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,63}")


class Frequency(StrEnum):
    """How often a series has a value."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


class Aggregation(StrEnum):
    """What a daily or weekly series' value for a month is."""

    MEAN = "mean"
    LAST = "last"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """One series. `tcode` is the transformation code of FRED-MD (1 level, 2 difference, … 5 log difference, …);
    values outside `minimum`..`maximum` (in `unit`) are taken for mistakes. The monthly mean of a series is the series
    `stands_for`, where that is a series of its own."""

    series: str
    title: str
    unit: str
    frequency: Frequency
    aggregation: Aggregation
    tcode: int
    publication_lag_months: int
    minimum: float = -math.inf
    maximum: float = math.inf
    known: bool = True
    stands_for: str = ""

    def admits(self, value: float) -> bool:
        """Whether a value is plausible."""
        return self.minimum <= value <= self.maximum


def unknown_series(series: str, frequency: Frequency = Frequency.MONTHLY) -> SeriesSpec:
    """Careful defaults for a series that the catalogue lacks: taken as it is, known two months late."""
    return SeriesSpec(
        series=series,
        title=series,
        unit="unknown",
        frequency=frequency,
        aggregation=Aggregation.MEAN,
        tcode=1,
        publication_lag_months=2 if frequency is not Frequency.QUARTERLY else 4,
        known=False,
    )


# --- frequency ------------------------------------------------------------------------------------------------------

_GAP_DAYS = (
    (Frequency.DAILY, 1, 4),
    (Frequency.WEEKLY, 5, 16),
    (Frequency.MONTHLY, 26, 35),
    (Frequency.QUARTERLY, 80, 100),
)
_TELLING_GAPS = 6  # fewer say less than the catalogue does
_MONTHS = 12  # the number of a month can be read as a day
_MEAN_GAP_FACTOR = 3  # a mean gap of more than so many usual ones: the dates stand in bunches


def infer_frequency(days: Collection[date]) -> Frequency | None:
    """The frequency whose usual gap is the median gap between dates; None when it is another or there is no gap.

    None also when dates stand in bunches, as months do whose number was read as the day (1 to 12 January of each year).
    """
    gaps = _gaps(days)
    if not gaps:
        return None
    usual, mean_gap = median(gaps), sum(gaps) / len(gaps)
    return next(
        (
            frequency
            for frequency, shortest, longest in _GAP_DAYS
            if shortest <= usual <= longest and mean_gap <= _MEAN_GAP_FACTOR * longest
        ),
        None,
    )


def frequency_of(spec: SeriesSpec, days: Collection[date]) -> Frequency | None:
    """How often this download of a series has values; None when that is none of ours (a year, say).

    Dates win over the catalogue (FRED also offers a daily series as monthly means), unless they are too few to tell.
    """
    gaps = _gaps(days)
    if spec.known and len(gaps) < _TELLING_GAPS:
        return spec.frequency
    return infer_frequency(days) if gaps else spec.frequency


def is_finer(frequency: Frequency, other: Frequency) -> bool:
    """Whether one frequency has more values a year than another."""
    order = list(Frequency)
    return order.index(frequency) < order.index(other)


def frequency_problem(spec: SeriesSpec, days: Collection[date]) -> str:
    """Why these dates cannot be those of the series; empty when they can.

    A series is published at its own frequency or summarised to a coarser one, never to a finer one.
    """
    frequency = frequency_of(spec, days)
    if frequency is None:
        return "neither daily, weekly, monthly nor quarterly, by its dates"
    by_dates = infer_frequency(days) or frequency
    if spec.known and is_finer(by_dates, spec.frequency):
        return f"is a {spec.frequency} series, but its dates are {by_dates}; day and month may be exchanged"
    periodic = frequency in (Frequency.MONTHLY, Frequency.QUARTERLY)
    if periodic and spec.known and len(days) <= _TELLING_GAPS and any(1 < day.day <= _MONTHS for day in days):
        return f"is {frequency}, but its few dates are not at the beginning or end; day and month may be exchanged"
    if periodic:
        length = 1 if frequency is Frequency.MONTHLY else 3
        periods = {(day.year * 12 + day.month - 1) // length for day in days}
        if len(periods) < len(set(days)):
            return f"is {frequency}, but has more than one date in one {frequency.removesuffix('ly')}"
    return ""


def _gaps(days: Collection[date]) -> Sequence[int]:
    return [(later - earlier).days for earlier, later in pairwise(sorted(set(days)))]
