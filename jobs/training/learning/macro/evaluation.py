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
from .fallback import RULE, Fallback, fall_back
from .gate import Limits, failures
from .methods import AR, MODEL, RANDOM_WALK
from .transforms import Array

FALLBACK = "fallback"
PANDEMIC_YEAR = 2020
RISING = 0.3  # points of unemployment in 12 months that make a rising phase
FEWEST_IN_SLICE = 6
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """One horizon's forecasts by one way, with intervals; `counted` are those in the headline figures."""

    name: str
    forecasts: HorizonForecasts
    values: Array
    intervals: tuple[IntervalPath, ...]
    in_test: Mask

    @property
    def counted(self) -> Mask:
        """In the test window and touching no excluded month."""
        return self.in_test & ~self.forecasts.excluded


@dataclass(frozen=True)
class Judged:
    """One horizon: the model, what stands in for it, and which of the two serves by which method."""

    model: Scored
    fallback: Scored
    chosen: Fallback
    method: str
    evaluation: Mapping[str, Any]

    @property
    def horizon(self) -> int:
        """Months ahead."""
        return self.model.forecasts.horizon

    @property
    def served(self) -> Scored:
        """The forecasts that a caller would have had."""
        return self.model if self.method == MODEL else self.fallback

    @property
    def served_figures(self) -> Mapping[str, Any]:
        """Their errors, under the name `model`: what a served forecast promises."""
        if self.method == MODEL:
            return self.evaluation
        figures = dict(self.evaluation[FALLBACK])
        for measure in ("rmse", "mae"):
            figures[measure] = {MODEL if name == FALLBACK else name: value for name, value in figures[measure].items()}
        return figures


def judge(
    forecasts: HorizonForecasts, weights: Mapping[str, float], test: range, floor: float, limits: Limits
) -> Judged:
    """Score the model and its fallback at one horizon, and decide by the model's own figures which of them serves."""
    values = np.maximum(forecasts.mean_of(weights), floor)
    chosen = fall_back(forecasts, values, floor)
    model = score(MODEL, forecasts, values, test, floor)
    fallback = score(FALLBACK, forecasts, chosen.values, test, floor)
    own = evaluate(model)
    failed = list(failures(own, limits))
    method = chosen.following if failed else MODEL
    evaluation = {
        **own,
        "method": method,
        "model_fails": failed,
        FALLBACK: {
            **evaluate(fallback),
            "rule": RULE,
            "method": chosen.following,
            "shares": chosen.shares(fallback.counted),
        },
    }
    return Judged(model, fallback, chosen, method, evaluation)


def score(name: str, forecasts: HorizonForecasts, values: Array, test: range, floor: float) -> Scored:
    """Put an interval around each forecast; `floor` is the least value that the target can have.

    Excluded months neither widen the intervals nor are they given one.
    """
    rows = ~forecasts.excluded
    paths = (
        interval_path(values[rows], forecasts.actual[rows], forecasts.origins[rows], forecasts.horizon, level)
        for level in LEVELS
    )
    in_test = forecasts.origins + forecasts.horizon >= test.start
    return Scored(name, forecasts, values, tuple(_spread(path, rows, floor) for path in paths), in_test)


def _spread(path: IntervalPath, rows: Mask, floor: float) -> IntervalPath:
    lower, upper = np.full(rows.shape, np.nan), np.full(rows.shape, np.nan)
    lower[rows], upper[rows] = np.maximum(path.lower, floor), path.upper
    return IntervalPath(path.level, lower, upper, path.following)


def evaluate(scored: Scored) -> Mapping[str, Any]:
    """The figures of one way to forecast at one horizon."""
    forecasts, counted = scored.forecasts, scored.counted
    errors = _errors(scored)
    own = errors[scored.name][counted]
    return {
        "horizon_months": forecasts.horizon,
        "n": int(counted.sum()),
        "rmse": _rmse(errors, counted),
        "mae": {name: float(np.mean(np.abs(each[counted]))) for name, each in errors.items()},
        "bias": float(own.mean()),
        "versus": {name: _versus(own, errors[name][counted], forecasts.horizon) for name in (RANDOM_WALK, AR)},
        "intervals": [_coverage(path, forecasts.actual, counted) for path in scored.intervals],
        "slices": list(_slices(scored, errors)),
        "excluded": _apart(errors, scored.in_test & forecasts.excluded),
    }


def backtest_csv(judged: Sequence[Judged], first_month: int) -> str:
    """Every forecast of the test window, the served one with its interval, for people and charts."""
    frames = []
    for one in judged:
        forecasts, served = one.model.forecasts, one.served
        origins = (first_month + forecasts.origins).tolist()
        columns = {
            "horizon_months": forecasts.horizon,
            "origin": [format_month(month) for month in origins],
            "target_month": [format_month(month + forecasts.horizon) for month in origins],
            "actual": forecasts.actual,
            MODEL: one.model.values,
            RANDOM_WALK: forecasts.random_walk,
            AR: forecasts.ar,
            FALLBACK: one.fallback.values,
            "fallback_method": one.chosen.methods,
            "served": served.values,
            **{f"{end}_{path.level:g}": getattr(path, end) for path in served.intervals for end in ("lower", "upper")},
            "excluded": np.where(forecasts.excluded, "true", "false"),
        }
        frames.append(pd.DataFrame(columns)[served.in_test])
    return pd.concat(frames).to_csv(index=False, float_format="%.6f", lineterminator="\n")


def pandemic_slice(scored: Scored, first_month: int) -> Mapping[str, Any]:
    """Errors on targets in 2020, which no headline figure has; empty where the backtest has none."""
    targets = first_month + scored.forecasts.origins + scored.forecasts.horizon
    rows = scored.in_test & (targets // 12 == PANDEMIC_YEAR)
    return {"slice": f"targets in {PANDEMIC_YEAR}", **_apart(_errors(scored), rows)}


def _errors(scored: Scored) -> Mapping[str, Array]:
    forecasts = scored.forecasts
    return {
        scored.name: scored.values - forecasts.actual,
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


def _apart(errors: Mapping[str, Array], rows: Mask) -> Mapping[str, Any]:
    """Errors that are reported, but in no headline figure, such as those of excluded months."""
    return {"n": int(rows.sum()), "rmse": _rmse(errors, rows) if rows.any() else {}}
