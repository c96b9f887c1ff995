"""Which columns of a dataset the model can use, and whether there is enough history for an honest backtest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InvalidDatasetError, TooLittleDataError
from ..intervals import FEWEST
from ..months import format_month
from .dataset import Dataset, Panel, Series
from .known import carried_months, relative_lags
from .parameters import FEWEST_BACKTEST_MONTHS, JobParameters
from .recession.head import SERIES as RECESSION
from .splits import Rows
from .transforms import Array

LEAST_FIGURES = {"quarterly": 40}
LEAST_FIGURES_OTHERWISE = 120
LEAST_TRAINING_MONTHS = 84
LEAST_TUNING_MONTHS, LONGEST_TUNING_MONTHS = 24, 120
LABELS = {RECESSION: "a label of the recession head, dated up to 21 months late, and so no feature"}


@dataclass(frozen=True)
class Dropped:
    """A column that the model does not use, and why."""

    series: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """Columns to learn from, in the manifest's order, and those left out."""

    panel: Panel
    series: tuple[Series, ...]
    dropped: tuple[Dropped, ...]


def select_series(dataset: Dataset, target: str) -> Selection:
    """Leave out what the dataset leaves out and what is too short, constant, or no longer published.

    Raises InvalidDatasetError without a target.
    """
    if target not in dataset.panel.names:
        raise InvalidDatasetError(f"the dataset has no series '{target}', which is the target")
    published = np.flatnonzero(~np.isnan(dataset.panel.column(target)))
    if len(published) == 0:
        raise InvalidDatasetError(f"the target {target} has no figure at all")
    lags = relative_lags(dataset.series, target)
    kept, dropped = [], []
    for entry in dataset.series:
        values = dataset.panel.column(entry.name)
        last_due = int(published[-1]) - lags[entry.name]
        reason = (
            LABELS.get(entry.name)
            or dataset.left_out.get(entry.name)
            or _unusable(values, entry, last_due, dataset.panel.first_month)
        )
        reason = None if entry.name == target else reason
        if reason is None:
            kept.append(entry)
        else:
            dropped.append(Dropped(entry.name, reason))
    names = [entry.name for entry in kept]
    columns = [dataset.panel.names.index(name) for name in names]
    panel = Panel(dataset.panel.first_month, tuple(names), dataset.panel.values[:, columns])
    return Selection(panel, _in_place(kept), tuple(dropped))


def _in_place(kept: Sequence[Series]) -> tuple[Series, ...]:
    """A series takes another's place only where that one is missing, and only one does."""
    taken = {entry.name for entry in kept}
    placed = []
    for entry in kept:
        stands_for = "" if entry.stands_for in taken else entry.stands_for
        taken.add(stands_for)
        placed.append(replace(entry, stands_for=stands_for))
    return tuple(placed)


def _unusable(values: Array, entry: Series, last_due: int, first_month: int) -> str | None:
    present = np.flatnonzero(~np.isnan(values))
    least = LEAST_FIGURES.get(entry.frequency, LEAST_FIGURES_OTHERWISE)
    if len(present) < least:
        return f"only {len(present)} figures, at least {least} are needed"
    if np.ptp(values[present]) == 0.0:
        return "constant"
    if entry.tcode >= 4 and values[present].min() <= 0.0:
        return f"tcode {entry.tcode} takes logarithms or ratios, and it has figures that are not positive"
    if last_due - int(present[-1]) > carried_months(entry.frequency):
        return f"ends in {format_month(first_month + int(present[-1]))}, long before the target"
    return None


def windows(panel: Panel, target: str, parameters: JobParameters) -> tuple[range, range, range]:
    """Rows of the target months for tuning, for the intervals' first residuals, and for the backtest.

    They follow each other without a gap, but for `max(horizons)` months between tuning and the rest: no forecast that
    is scored comes from an origin at which its hyperparameters were not yet settled. Tuning takes the months that the
    data leave to it, `LONGEST_TUNING_MONTHS` at most. A history that is too short for the whole backtest gets as many
    months as it allows. Raises TooLittleDataError where these are fewer than `FEWEST_BACKTEST_MONTHS`.
    """
    published = np.flatnonzero(~np.isnan(panel.column(target)))
    missing = _missing(published, parameters)
    wanted = parameters.backtest_months
    if missing > 0 and wanted - missing >= min(wanted, FEWEST_BACKTEST_MONTHS):
        parameters = replace(parameters, backtest_months=wanted - missing)
    elif missing > 0:
        raise TooLittleDataError(_shortage(len(published), missing, parameters))
    test, warm_up, settled, earliest = _laid(published, parameters)
    return range(max(earliest, settled - LONGEST_TUNING_MONTHS), settled), warm_up, test


def _laid(published: Rows, parameters: JobParameters) -> tuple[range, range, int, int]:
    """Backtest, warm-up, where tuning has to end, and where it may begin."""
    ahead = max(parameters.horizons)
    stop = int(published[-1]) + 1
    test = range(stop - parameters.backtest_months, stop)
    warm_up = range(test.start - max(parameters.warm_up_months, FEWEST + ahead), test.start)
    # Targets from here on have enough pairs known at their origin, `ahead` months before.
    have = published[LEAST_TRAINING_MONTHS - 1] if len(published) >= LEAST_TRAINING_MONTHS else stop
    return test, warm_up, warm_up.start - ahead, int(have) + 2 * ahead


def _missing(published: Rows, parameters: JobParameters) -> int:
    """Months by which the history is too short; 0 or less where it is long enough."""
    _, _, settled, earliest = _laid(published, parameters)
    return earliest + LEAST_TUNING_MONTHS - settled


def _shortage(published: int, missing: int, parameters: JobParameters) -> str:
    shortest = min(parameters.backtest_months, FEWEST_BACKTEST_MONTHS)
    needed = published + missing - (parameters.backtest_months - shortest)
    return (
        f"{parameters.target} has {published} months; a backtest of at least {shortest} months at horizons up to "
        f"{max(parameters.horizons)}, with what has to come before it, needs {needed}"
    )
