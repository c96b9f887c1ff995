"""What was known when: the panel seen from each month's origin. All features are made from this view and nothing else.

An origin is the day on which the target's figure for month t is out. A series that comes `lag` months after its
reference month, `lag` counted beyond the target's own, shows its figure of month t - lag in row t. A figure that is
late or left out is replaced by the one before it, for a few months. So row t of the view never holds a later figure,
whatever is computed from rows up to t can't see the future, and a request's "current figures" are one row of this view.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .dataset import Panel, Series
from .transforms import Array

CARRIED_MONTHS = {"quarterly": 8}
CARRIED_MONTHS_OTHERWISE = 5


@dataclass(frozen=True)
class Known:
    """The view: `values[row, column]` is the newest figure of the series known at the origin of that row."""

    first_month: int
    series: tuple[Series, ...]
    values: Array

    def has(self, *names: str) -> bool:
        """Whether all these series, or others in their place, are here."""
        return set(names) <= {entry.stands_for or entry.name for entry in self.series}

    def column(self, name: str) -> Array:
        """One series as known, or the one in its place; raises ValueError for an unknown one."""
        return self.values[:, [entry.stands_for or entry.name for entry in self.series].index(name)]


def relative_lags(series: Sequence[Series], target: str) -> dict[str, int]:
    """Months by which each series comes out later than the target; one that comes out earlier counts as 0."""
    own = next(entry.publication_lag_months for entry in series if entry.name == target)
    return {entry.name: max(0, entry.publication_lag_months - own) for entry in series}


def view(panel: Panel, series: Sequence[Series], target: str) -> Known:
    """See a panel from its origins. The view has the panel's rows."""
    lags = relative_lags(series, target)
    columns = [_carried(delayed(panel.column(entry.name), lags[entry.name]), entry.frequency) for entry in series]
    return Known(panel.first_month, tuple(series), np.column_stack(columns))


def delayed(values: Array, months: int) -> Array:
    """The series some months later: row t holds what stood in row t - months."""
    if months == 0:
        return values.copy()
    result = np.full(values.shape, np.nan)
    result[months:] = values[:-months]
    return result


def carried_months(frequency: str) -> int:
    """For how many months a figure stands in for those that are late."""
    return CARRIED_MONTHS.get(frequency, CARRIED_MONTHS_OTHERWISE)


def _carried(values: Array, frequency: str) -> Array:
    limit = carried_months(frequency)
    rows = np.arange(len(values))
    newest = np.maximum.accumulate(np.where(np.isnan(values), -1, rows))
    usable = (newest >= 0) & (rows - newest <= limit)
    return np.where(usable, values[np.maximum(newest, 0)], np.nan)
