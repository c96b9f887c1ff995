"""The backtest in figures: errors beside the baselines', significance, interval coverage, slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import TooLittleDataError
from ..intervals import LEVELS, IntervalPath, interval_path
from ..months import format_month
from ..significance import diebold_mariano
from .backtest import HorizonForecasts
from .transforms import Array

MODEL, RANDOM_WALK, AR = "model", "random_walk", "ar"
RISING = 0.3  # points of unemployment in 12 months that make a rising phase
FEWEST_IN_SLICE = 6
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """One horizon's forecasts with intervals; `counted` are those in the headline figures."""

    forecasts: HorizonForecasts
    model: Array
    intervals: tuple[IntervalPath, ...]
    in_test: Mask

    @property
    def counted(self) -> Mask:
        """In the test window and touching no excluded month."""
        return self.in_test & ~self.forecasts.excluded


def score(forecasts: HorizonForecasts, weights: Mapping[str, float], test: range, floor: float) -> Scored:
    """Mix the parts and put an interval around each forecast; `floor` is the least value that the target can have.

    Excluded months neither widen the intervals nor are they given one.
    """
    model = np.maximum(forecasts.mean_of(weights), floor)
    rows = ~forecasts.excluded
    paths = (
        interval_path(model[rows], forecasts.actual[rows], forecasts.origins[rows], forecasts.horizon, level)
        for level in LEVELS
    )
    in_test = forecasts.origins + forecasts.horizon >= test.start
    return Scored(forecasts, model, tuple(_spread(path, rows, floor) for path in paths), in_test)


def _spread(path: IntervalPath, rows: Mask, floor: float) -> IntervalPath:
    lower, upper = np.full(rows.shape, np.nan), np.full(rows.shape, np.nan)
    lower[rows], upper[rows] = np.maximum(path.lower, floor), path.upper
    return IntervalPath(path.level, lower, upper, path.following)


def evaluate(scored: Scored) -> Mapping[str, Any]:
    """One entry of `horizons` in evaluation.json."""
    forecasts, counted = scored.forecasts, scored.counted
    errors = _errors(scored)
    own = errors[MODEL][counted]
    return {
        "horizon_months": forecasts.horizon,
        "n": int(counted.sum()),
        "rmse": _rmse(errors, counted),
        "mae": {name: float(np.mean(np.abs(each[counted]))) for name, each in errors.items()},
        "bias": float(own.mean()),
        "versus": {name: _versus(own, errors[name][counted], forecasts.horizon) for name in (RANDOM_WALK, AR)},
        "intervals": [_coverage(path, forecasts.actual, counted) for path in scored.intervals],
        "slices": list(_slices(scored, errors)),
        "excluded": _excluded(errors, scored.in_test & forecasts.excluded),
    }


def backtest_csv(scored: Sequence[Scored], first_month: int) -> str:
    """Every forecast of the test window with its interval, for people and charts."""
    frames = []
    for one in scored:
        forecasts = one.forecasts
        origins = (first_month + forecasts.origins).tolist()
        columns = {
            "horizon_months": forecasts.horizon,
            "origin": [format_month(month) for month in origins],
            "target_month": [format_month(month + forecasts.horizon) for month in origins],
            "actual": forecasts.actual,
            MODEL: one.model,
            RANDOM_WALK: forecasts.random_walk,
            AR: forecasts.ar,
            **{f"{end}_{path.level:g}": getattr(path, end) for path in one.intervals for end in ("lower", "upper")},
            "excluded": np.where(forecasts.excluded, "true", "false"),
        }
        frames.append(pd.DataFrame(columns)[one.in_test])
    return pd.concat(frames).to_csv(index=False, float_format="%.6f", lineterminator="\n")


def _errors(scored: Scored) -> Mapping[str, Array]:
    forecasts = scored.forecasts
    return {
        MODEL: scored.model - forecasts.actual,
        RANDOM_WALK: forecasts.random_walk - forecasts.actual,
        AR: forecasts.ar - forecasts.actual,
    }


def _rmse(errors: Mapping[str, Array], rows: Mask) -> Mapping[str, float]:
    return {name: float(np.sqrt(np.mean(each[rows] ** 2))) for name, each in errors.items()}


def _versus(own: Array, other: Array, horizon: int) -> Mapping[str, float]:
    test = diebold_mariano(own, other, horizon)
    ratio = float(np.sqrt(np.mean(own**2) / max(1e-12, float(np.mean(other**2)))))
    return {"rmse_ratio": max(ratio, 1e-9), "dm_statistic": test.statistic, "p_value": test.p_value}


def _coverage(path: IntervalPath, actual: Array, counted: Mask) -> Mapping[str, Any]:
    rows = counted & ~np.isnan(path.lower)
    if not rows.any():
        raise TooLittleDataError("no forecast of the backtest has an interval: too few earlier errors that count")
    held = (actual[rows] >= path.lower[rows]) & (actual[rows] <= path.upper[rows])
    width = float(np.mean(path.upper[rows] - path.lower[rows]))
    return {"level": path.level, "coverage": float(held.mean()), "mean_width": width, "n": int(rows.sum())}


def _slices(scored: Scored, errors: Mapping[str, Array]) -> Sequence[Mapping[str, Any]]:
    """Parts that a person can tell at the origin, or by the calendar; those with too few forecasts are left out."""
    forecasts, counted = scored.forecasts, scored.counted
    middle = np.median(forecasts.origins[counted])
    rising = forecasts.change12 >= RISING
    parts = {
        f"target rose by {RISING} or more in the year before": rising,
        f"target did not rise by {RISING} in the year before": ~rising,
        "first half of the backtest": forecasts.origins <= middle,
        "second half of the backtest": forecasts.origins > middle,
    }
    found = ((name, rows & counted) for name, rows in parts.items())
    return [
        {"slice": name, "n": int(rows.sum()), "rmse": _rmse(errors, rows)}
        for name, rows in found
        if rows.sum() >= FEWEST_IN_SLICE
    ]


def _excluded(errors: Mapping[str, Array], rows: Mask) -> Mapping[str, Any]:
    """Forecasts that touch excluded months: told, but in no headline figure."""
    return {"n": int(rows.sum()), "rmse": _rmse(errors, rows) if rows.any() else {}}
