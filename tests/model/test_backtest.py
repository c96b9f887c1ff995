"""The backtest is what would have been: nothing later than an origin moves its forecast."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.training.learning.macro.backtest import HorizonForecasts, Problem, Schedule, pose, run_backtest
from jobs.training.learning.macro.baselines import AR_MAX_LAGS, Autoregression
from jobs.training.learning.macro.parameters import EnsembleParameters
from jobs.training.learning.macro.splits import make_pairs
from tests.model.builders import Economy

QUICK = replace(EnsembleParameters(), tree_rounds=20, tree_seeds=1)
WINDOW = range(180, 204)


def posed(made: Economy) -> Problem:
    return pose(made.panel, made.series, "UNRATE", (1, 3), None)


def run(made: Economy, schedule: Schedule | None = None) -> tuple[HorizonForecasts, ...]:
    return run_backtest(posed(made), WINDOW, QUICK, schedule or Schedule(6, 12), 7)


def test_the_future_moves_no_forecast(made: Economy) -> None:
    # Given forecasts of a window
    before = run(made)
    # When every figure after some origin is another
    origin = 190
    values = made.panel.values.copy()
    values[origin + 1 :] *= 1.3
    after = run(made.with_values(values))
    # Then forecasts made until then are the same, and later ones are not
    for old, new in zip(before, after, strict=True):
        until = old.origins <= origin
        assert until.any()
        for part in old.parts:
            np.testing.assert_array_equal(new.parts[part][until], old.parts[part][until])
        np.testing.assert_array_equal(new.ar[until], old.ar[until])
        assert not np.array_equal(new.ar[~until], old.ar[~until])


def test_every_target_month_is_forecast_from_its_own_origin(made: Economy) -> None:
    # Given a backtest, then each horizon has all months of the window, beside the last figure and the truth
    published = made.panel.column("UNRATE")
    for each in run(made):
        assert (each.origins + each.horizon).tolist() == list(WINDOW)
        np.testing.assert_array_equal(each.random_walk, published[each.origins])
        np.testing.assert_array_equal(each.actual, published[WINDOW.start : WINDOW.stop])


def test_progress_hears_of_every_block(made: Economy) -> None:
    # Given 24 months in blocks of 12, two horizons, three parts; when run; then twelve blocks are told of
    heard: list[tuple[int, int]] = []
    run_backtest(posed(made), WINDOW, QUICK, Schedule(12, 12), 7, lambda done, total: heard.append((done, total)))
    assert heard == [(done, 12) for done in range(1, 13)]


@pytest.mark.parametrize("horizon", [1, 4])
def test_autoregression_is_the_least_squares_fit_with_the_best_bic(horizon: int) -> None:
    # Given a series of changes that remember
    random = np.random.default_rng(5)
    changes = np.zeros(300)
    for month in range(2, 300):
        changes[month] = 0.5 * changes[month - 1] + 0.2 * changes[month - 2] + random.standard_normal()
    level = np.cumsum(changes)
    pairs = make_pairs(level, level, horizon, None, 0)
    # When it forecasts from an origin
    origin = 280
    observed = Autoregression(level).forecast(pairs, origin)
    # Then that is what plain least squares gives with the number of lags that BIC chooses
    rows = np.arange(AR_MAX_LAGS, origin - horizon + 1)
    best: tuple[float, float] = (np.inf, np.nan)
    for lags in range(AR_MAX_LAGS + 1):
        design = np.column_stack([np.ones(len(rows)), *(changes[rows - lag] for lag in range(lags))])
        coefficients, *_ = np.linalg.lstsq(design, pairs.outcome[rows], rcond=None)
        left = float(((pairs.outcome[rows] - design @ coefficients) ** 2).sum())
        bic = len(rows) * np.log(left / len(rows)) + (lags + 1) * np.log(len(rows))
        forecast = float(coefficients @ np.array([1.0, *(changes[origin - lag] for lag in range(lags))]))
        best = min(best, (bic, forecast))
    assert observed == pytest.approx(best[1])


def test_autoregression_with_too_little_history_says_no_change() -> None:
    level = np.cumsum(np.ones(30))
    assert Autoregression(level).forecast(make_pairs(level, level, 1, None, 0), 29) == 0.0
