"""Intervals hold the truth as often as they say, and know nothing of what comes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.training.learning.intervals import FEWEST, WINDOW, interval_path, offsets

Array = NDArray[np.float64]


def coverage(lower: Array, upper: Array, actual: Array) -> float:
    there = ~np.isnan(lower)
    return float(((actual >= lower) & (actual <= upper))[there].mean())


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("horizon", [1, 3, 12])
def test_coverage_in_steady_times(level: float, horizon: int) -> None:
    # Given forecasts with errors that are skewed and always of one kind
    random = np.random.default_rng(horizon)
    actual = random.gamma(2.0, 1.0, 3000)
    # When each gets an interval
    path = interval_path(np.zeros(3000), actual, np.arange(3000), horizon, level)
    # Then it holds as often as it says
    assert coverage(path.lower, path.upper, actual) == pytest.approx(level, abs=0.02)


def test_coverage_through_storms() -> None:
    # Given errors that are three times as large every other decade
    random = np.random.default_rng(3)
    stormy = (np.arange(1200) // 120) % 2 == 1
    actual = random.standard_normal(1200) * np.where(stormy, 3.0, 1.0)
    # When intervals are steered by their hits
    path = interval_path(np.zeros(1200), actual, np.arange(1200), 1, 0.8)
    # Then they hold their level on the whole, and come near it in the storms
    assert coverage(path.lower, path.upper, actual) == pytest.approx(0.8, abs=0.03)
    assert coverage(path.lower[stormy], path.upper[stormy], actual[stormy]) > 0.7


def test_only_settled_errors_count() -> None:
    # Given a path, when every actual figure whose target month lies after an origin changes
    random = np.random.default_rng(4)
    actual, horizon, origin = random.standard_normal(200), 6, 120
    changed = actual.copy()
    changed[origin - horizon + 1 :] += 50.0
    before, after = (interval_path(np.zeros(200), each, np.arange(200), horizon, 0.8) for each in (actual, changed))
    # Then no interval up to that origin moved
    np.testing.assert_array_equal(after.lower[: origin + 1], before.lower[: origin + 1])
    np.testing.assert_array_equal(after.upper[: origin + 1], before.upper[: origin + 1])
    assert not np.array_equal(after.upper[origin + 1 :], before.upper[origin + 1 :])


def test_no_interval_before_there_are_errors() -> None:
    # Given forecasts three months ahead, then the first interval comes when enough of them are settled
    path = interval_path(np.zeros(100), np.arange(100.0), np.arange(100), 3, 0.8)
    assert int(np.flatnonzero(~np.isnan(path.lower))[0]) == FEWEST + 2


def test_order_statistics_by_hand() -> None:
    # Given residuals 1..99, when an eighth tenth is wanted, then rank 10 and rank 90 are its ends
    span = offsets(np.arange(1.0, 100.0), 0.8, 0.2)
    assert (span.lower, span.upper) == (10.0, 90.0)


def test_old_errors_are_forgotten() -> None:
    # Given huge errors long ago, when intervals are made, then the newest window alone counts
    span = offsets(np.concatenate([np.full(50, 1e6), np.zeros(WINDOW)]), 0.8, 0.2)
    assert (span.lower, span.upper) == (0.0, 0.0)


def test_too_few_errors_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        offsets(np.zeros(FEWEST - 1), 0.8, 0.2)
