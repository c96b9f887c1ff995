"""Columns that can't be used are left out with a reason; too short a history ends the job with one."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.training.learning.errors import InvalidDatasetError, TooLittleDataError
from jobs.training.learning.intervals import FEWEST
from jobs.training.learning.macro.dataset import Dataset, Series
from jobs.training.learning.macro.features import build
from jobs.training.learning.macro.known import view
from jobs.training.learning.macro.parameters import JobParameters
from jobs.training.learning.macro.recession.head import build_head_features
from jobs.training.learning.macro.selection import select_series, windows
from jobs.training.learning.macro.transforms import Array
from tests.model.builders import Economy

MONTHS = 240


def dataset(made: Economy) -> Dataset:
    return Dataset(made.panel, made.series, "0" * 64)


def figures(first: int, last: int) -> Array:
    rows = np.arange(MONTHS)
    return np.where((rows >= first) & (rows < last), 10.0 + np.sin(rows), np.nan)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (figures(150, 240), "only 90 figures"),
        (np.full(MONTHS, 3.0), "constant"),
        (figures(0, 200), "ends in 2006-08"),
        (figures(0, 240) - 10.0, "not positive"),
    ],
)
def test_an_unusable_column_is_left_out(made: Economy, values: Array, reason: str) -> None:
    # Given a column with a flaw, when series are selected, then it is named with the reason and the others stay
    selection = select_series(dataset(made.with_column(Series("FLAWED", "", "monthly", 5, 0), values)), "UNRATE")
    (dropped,) = selection.dropped
    assert dropped.series == "FLAWED"
    assert reason in dropped.reason
    assert selection.series == made.series


def test_a_column_that_the_dataset_leaves_out_stays_out_with_its_reason(made: Economy) -> None:
    # Given a usable column that the catalogue does not know, when series are selected, then it is named with the reason
    extended = made.with_column(Series("NEWWAGE", "", "monthly", 1, 2), figures(0, 240))
    selection = select_series(replace(dataset(extended), left_out={"NEWWAGE": "not in the catalogue"}), "UNRATE")
    assert [(each.series, each.reason) for each in selection.dropped] == [("NEWWAGE", "not in the catalogue")]
    assert selection.series == made.series


DAILY = Series("DGS10", "percent", "daily", 2, 0, stands_for="GS10")


def test_a_monthly_mean_stands_in_for_a_series_that_is_missing(made: Economy) -> None:
    # Given an economy that has the daily DGS10 in place of GS10
    daily = select_series(dataset(made.renamed("GS10", DAILY)), "UNRATE")
    # When features are made, then they are those of GS10, the recession head's included
    own = select_series(dataset(made), "UNRATE")
    known, expected = (view(each.panel, each.series, "UNRATE") for each in (daily, own))
    table, reference = build(known, "UNRATE"), build(expected, "UNRATE")
    assert table.names == reference.names
    np.testing.assert_array_equal(table.values, reference.values)
    head, head_reference = build_head_features(known), build_head_features(expected)
    assert head is not None
    assert head_reference is not None
    assert head.names == head_reference.names


def test_a_series_that_is_there_is_not_replaced(made: Economy) -> None:
    selection = select_series(dataset(made.with_column(DAILY, figures(0, 240))), "UNRATE")
    assert [entry.stands_for for entry in selection.series if entry.name == "DGS10"] == [""]


def test_a_column_that_starts_late_or_has_gaps_stays(made: Economy) -> None:
    values = figures(100, 240)
    values[150:153] = np.nan
    assert not select_series(dataset(made.with_column(Series("LATE", "", "monthly", 5, 0), values)), "UNRATE").dropped


def test_a_dataset_without_the_target_is_refused(made: Economy) -> None:
    with pytest.raises(InvalidDatasetError, match="no series 'UNRATE'"):
        select_series(dataset(made.without("UNRATE")), "UNRATE")


def test_windows_follow_each_other_and_end_with_the_target(made: Economy) -> None:
    # Given parameters with horizons up to 6
    parameters = replace(JobParameters(), horizons=(1, 6), backtest_months=40, warm_up_months=24)
    # When windows are laid
    tuning, warm_up, test = windows(made.panel, "UNRATE", parameters)
    # Then the backtest ends with the data, and tuning ends before the first scored forecast's origin
    assert (test.stop, len(test)) == (MONTHS, 40)
    assert (warm_up.stop, len(warm_up)) == (test.start, FEWEST + 6)
    assert tuning.stop == warm_up.start - 6
    assert len(tuning) >= 24


def test_a_history_that_is_too_short_gets_as_many_months_of_backtest_as_it_allows(made: Economy) -> None:
    # Given 20 years, when a backtest of fifteen is wanted, then it has the months that the others leave, 60 at least
    parameters = replace(JobParameters(), horizons=(1,), warm_up_months=24)
    tuning, _, test = windows(made.panel, "UNRATE", parameters)
    assert 60 <= len(test) < parameters.backtest_months == 180
    assert (test.stop, len(tuning)) == (MONTHS, 24)


def test_too_short_a_history_says_how_much_is_missing(made: Economy) -> None:
    # Given 20 years, when even the shortest backtest does not fit a year ahead, then the reason gives the figures
    with pytest.raises(
        TooLittleDataError, match=r"UNRATE has 240 months; a backtest of at least 60 .* needs (\d+)$"
    ) as e:
        windows(made.panel, "UNRATE", JobParameters())
    needed = int(str(e.value).rsplit(" ", 1)[1])
    values = np.vstack([made.panel.values] * 2)[:needed]
    longer = replace(made.panel, values=values)
    assert len(windows(longer, "UNRATE", JobParameters())[2]) == 60
    with pytest.raises(TooLittleDataError):
        windows(replace(longer, values=values[:-1]), "UNRATE", JobParameters())
