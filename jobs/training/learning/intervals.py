"""Prediction intervals from past forecast errors, kept at their level by how often they held before.

Quantiles of the newest residuals come with a finite-sample correction. Errors come in calm and stormy times, and
residuals of a calm decade are too small for the storm, so the share left outside is steered (adaptive conformal
inference, Gibbs and Candès 2021): each miss makes the next intervals wider, each hit a little narrower.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = (0.8, 0.95)
WINDOW = 120  # newest residuals that count
FEWEST = 24  # residuals below which no interval is given
STEP = 0.02  # by which one miss or hit moves the share outside
NARROWEST, WIDEST = 0.9, 0.002  # bounds of the share outside

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Offsets:
    """What to add to a forecast for the ends of its interval, in units of the target."""

    level: float
    lower: float
    upper: float


@dataclass(frozen=True)
class IntervalPath:
    """Interval ends of one level at each origin, NaN while residuals were too few; `following` is for the next."""

    level: float
    lower: Array
    upper: Array
    following: Offsets


def offsets(residuals: Array, level: float, outside: float) -> Offsets:
    """Take interval ends from the newest `WINDOW` residuals (actual - forecast), leaving a share of them outside.

    The order statistics are chosen as if the coming error were one more of the same kind, so that small samples don't
    make intervals too narrow; the sample's extremes are the widest. Raises ValueError below `FEWEST` residuals.
    """
    if len(residuals) < FEWEST:
        raise ValueError(f"{len(residuals)} residuals are too few for an interval")
    ordered = np.sort(residuals[-WINDOW:])
    below = max(1, math.floor((len(ordered) + 1) * outside / 2.0))
    return Offsets(level, float(ordered[below - 1]), float(ordered[len(ordered) - below]))


def interval_path(
    forecast: Array, actual: Array, origins: NDArray[np.intp], horizon: int, level: float
) -> IntervalPath:
    """Give every forecast its interval, from residuals and hits that were settled at its origin: target month ≤ origin.

    Arrays have one entry an origin, in time order. Raises ValueError with too few residuals for the one that follows.
    """
    lower, upper = np.full(forecast.shape, np.nan), np.full(forecast.shape, np.nan)
    residuals, outside, seen = actual - forecast, 1.0 - level, 0

    def settle(until: int) -> None:
        nonlocal outside, seen
        for at in range(seen, until):
            if not math.isnan(lower[at]):
                missed = not lower[at] <= actual[at] <= upper[at]
                outside = min(NARROWEST, max(WIDEST, outside + STEP * ((1.0 - level) - missed)))
        seen = until

    for at, origin in enumerate(origins):
        settle(int(np.searchsorted(origins, origin - horizon, side="right")))
        if seen >= FEWEST:
            span = offsets(residuals[:seen], level, outside)
            lower[at], upper[at] = forecast[at] + span.lower, forecast[at] + span.upper
    settle(len(origins))
    return IntervalPath(level, lower, upper, offsets(residuals, level, outside))
