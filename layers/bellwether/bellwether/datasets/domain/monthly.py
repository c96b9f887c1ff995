"""Brings a series to month ends.

Months are counted as whole numbers (year × 12 + month − 1). A monthly figure belongs to the month of its date. A
quarterly one stands at the last month of its quarter, and only there: it is not spread over the quarter, because in
the months before nobody knew it. Daily and weekly figures are aggregated over complete months: a month counts when
figures reach from its beginning to its end and at least half of the expected ones are there (for a sum: all but one
in ten). The running month of a daily series is therefore missing until it is over.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import fsum

from bellwether.datasets.domain.series import Aggregation, Frequency

MEAN_SHARE = 0.5
SUM_SHARE = 0.9
_FIRST_FIGURE_SLACK = timedelta(days=4)  # a month may begin with a weekend and a holiday
_SATURDAY = 5


def month_of(day: date) -> int:
    """The month that a date lies in."""
    return day.year * 12 + day.month - 1


def month_end(month: int) -> date:
    """The last day of a month."""
    year, index = divmod(month, 12)
    return date(year, index + 1, monthrange(year, index + 1)[1])


def month_text(month: int) -> str:
    """`YYYY-MM`."""
    year, index = divmod(month, 12)
    return f"{year:04d}-{index + 1:02d}"


def parse_month(text: str) -> int:
    """The month of `YYYY-MM` or of a date that begins so."""
    return int(text[:4]) * 12 + int(text[5:7]) - 1


def to_months(values: Mapping[date, float | None], frequency: Frequency, aggregation: Aggregation) -> dict[int, float]:
    """One value a month, ascending; months without one are left out."""
    if frequency in (Frequency.DAILY, Frequency.WEEKLY):
        return _aggregated(values, frequency, aggregation)
    months: dict[int, float] = {}
    for day, value in sorted(values.items()):
        month = month_of(day)
        if frequency is Frequency.QUARTERLY:
            month += 2 - month % 3
        if value is not None:
            months[month] = value
    return months


def _aggregated(
    values: Mapping[date, float | None], frequency: Frequency, aggregation: Aggregation
) -> dict[int, float]:
    days = sorted(values)
    if not days:
        return {}
    by_month: dict[int, list[float]] = defaultdict(list)
    for day in days:
        value = values[day]
        if value is not None:
            by_month[month_of(day)].append(value)
    covered = _complete_months(days, frequency)
    share = SUM_SHARE if aggregation is Aggregation.SUM else MEAN_SHARE
    return {
        month: _aggregate(figures, aggregation)
        for month, figures in sorted(by_month.items())
        if month in covered and len(figures) >= share * _expected(month, frequency)
    }


def _complete_months(days: Sequence[date], frequency: Frequency) -> range:
    """Months that the dates (ascending; those of missing figures count too) reach from beginning to end."""
    first, last = days[0], days[-1]
    if frequency is Frequency.WEEKLY:
        before, after = first - timedelta(days=7), last + timedelta(days=7)
    else:
        before, after = (
            first - _FIRST_FIGURE_SLACK,
            _next_day(last, rests=all(day.weekday() < _SATURDAY for day in days)),
        )
    start = month_of(first) if month_of(before) < month_of(first) else month_of(first) + 1
    stop = month_of(last) + 1 if month_of(after) > month_of(last) else month_of(last)
    return range(start, stop)


def _next_day(day: date, *, rests: bool) -> date:
    """When the next figure is due; `rests`: the series has none of weekends."""
    following = day + timedelta(days=1)
    while rests and following.weekday() >= _SATURDAY:
        following += timedelta(days=1)
    return following


def _expected(month: int, frequency: Frequency) -> float:
    last = month_end(month)
    if frequency is Frequency.WEEKLY:
        return last.day / 7
    return sum(last.replace(day=day).weekday() < _SATURDAY for day in range(1, last.day + 1))


def _aggregate(figures: Sequence[float], aggregation: Aggregation) -> float:
    if aggregation is Aggregation.LAST:
        return figures[-1]
    total = fsum(figures)
    return total if aggregation is Aggregation.SUM else total / len(figures)
