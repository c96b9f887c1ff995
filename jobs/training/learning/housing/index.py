"""The price level by month: what is left of log prices when the houses themselves are accounted for.

A month's figure is the mean of its sales' residuals, far ones drawn in; so few sales give a noisy one. A local linear
trend with a damped slope runs through them (Kalman filter and smoother), and the same model extrapolates the level
beyond the last sale. How much level and slope move is not estimated but averaged over a small grid, each combination
by its likelihood: with a dozen months an estimate would be a guess.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .dataset import Array, Ints

LEVEL_MOVES = (0.002, 0.006, 0.015)  # standard deviations a month, in log points
SLOPE_MOVES = (0.0005, 0.0015, 0.004)
DAMPING = (0.8, 0.9, 0.97)
FARTHEST = 3.0  # robust standard deviations from the month's median
MAD_TO_DEVIATION = 1.4826
MONTHS_AHEAD = 120
_VAGUE = np.diag([1.0, 0.01**2])


@dataclass(frozen=True)
class MonthlyMeans:
    """Mean residual of each month and the mean's variance, months without a gap; NaN in a month without a sale."""

    first_month: int
    mean: Array
    variance: Array

    @property
    def last_month(self) -> int:
        """The newest month."""
        return self.first_month + len(self.mean) - 1

    def joined(self, later: "MonthlyMeans") -> "MonthlyMeans":
        """These months and others that don't begin before them; a month in both weighs each mean by 1/variance."""
        size = max(self.last_month, later.last_month) - self.first_month + 1
        weight, total = np.zeros(size), np.zeros(size)
        for each in (self, later):
            rows = each.first_month - self.first_month + np.flatnonzero(~np.isnan(each.mean))
            own = 1.0 / each.variance[~np.isnan(each.mean)]
            weight[rows] += own
            total[rows] += own * each.mean[~np.isnan(each.mean)]
        with np.errstate(divide="ignore", invalid="ignore"):
            return MonthlyMeans(self.first_month, total / weight, np.where(weight > 0, 1.0 / weight, np.nan))


@dataclass(frozen=True)
class PriceIndex:
    """Log price level from `first_month` on, extrapolated after `last_month`; flat beyond both ends."""

    first_month: int
    last_month: int
    level: Array
    means: MonthlyMeans

    def at(self, months: Ints) -> Array:
        """Level of each month."""
        return self.level[np.clip(months - self.first_month, 0, len(self.level) - 1)]

    def to_json(self) -> Mapping[str, Any]:
        """All of it, to the last bit; null where a month had no sale."""
        return {
            "first_month": self.first_month,
            "last_month": self.last_month,
            "level": self.level.tolist(),
            "mean": [None if math.isnan(value) else value for value in self.means.mean.tolist()],
            "variance": [None if math.isnan(value) else value for value in self.means.variance.tolist()],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "PriceIndex":
        """Read what `to_json` gave."""
        means = MonthlyMeans(content["first_month"], _array(content["mean"]), _array(content["variance"]))
        return cls(content["first_month"], content["last_month"], _array(content["level"]), means)


def monthly_means(months: Ints, residuals: Array) -> MonthlyMeans:
    """Mean residual of each month, those beyond 3 robust deviations from their month's median drawn in to there."""
    first = int(months.min())
    rows = months - first
    size = int(rows.max()) + 1
    centre = np.array([np.median(residuals[rows == row]) if (rows == row).any() else np.nan for row in range(size)])
    off = residuals - centre[rows]
    reach = FARTHEST * MAD_TO_DEVIATION * float(np.median(np.abs(off))) or np.inf
    drawn_in = np.clip(off, -reach, reach)
    count = np.bincount(rows, minlength=size).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = centre + np.bincount(rows, weights=drawn_in, minlength=size) / count
        variance = max(float(np.var(drawn_in)), 1e-8) / np.where(count > 0, count, np.nan)
    return MonthlyMeans(first, mean, variance)


def fit_index(means: MonthlyMeans) -> PriceIndex:
    """Run the trend through monthly means and extrapolate it."""
    paths, likelihoods = _trends(means, np.array(list(product(LEVEL_MOVES, SLOPE_MOVES, DAMPING))))
    weights = np.exp(likelihoods - likelihoods.max())
    level: Array = weights / weights.sum() @ paths
    return PriceIndex(means.first_month, means.last_month, level, means)


def _trends(means: MonthlyMeans, grid: Array) -> tuple[Array, Array]:
    """For each row (level move, slope move, damping) of the grid: smoothed and extrapolated levels, log likelihood.

    All rows run at once: states are `[row, 2, 1]`, their covariances `[row, 2, 2]`.
    """
    level_move, slope_move, damping = grid.T
    step, moves = np.zeros((2, len(grid), 2, 2))
    step[:, 0, 0], step[:, 0, 1], step[:, 1, 1] = 1.0, damping, damping
    moves[:, 0, 0], moves[:, 1, 1] = level_move**2, slope_move**2
    turned = step.swapaxes(1, 2)
    state, spread = np.zeros((len(grid), 2, 1)), np.broadcast_to(_VAGUE, (len(grid), 2, 2))
    state[:, 0] = means.mean[0]
    filtered, predicted, likelihood = [], [], np.zeros(len(grid))
    for row, (mean, variance) in enumerate(zip(means.mean, means.variance, strict=True)):
        if row:
            state, spread = step @ state, step @ spread @ turned + moves
        predicted.append((state, spread))
        if not math.isnan(mean):
            surprise, total = mean - state[:, :1], spread[:, :1, :1] + variance
            gain = spread[:, :, :1] / total
            state, spread = state + gain * surprise, spread - gain * spread[:, :1]
            if row:
                likelihood -= 0.5 * (np.log(total) + surprise**2 / total)[:, 0, 0]
        filtered.append((state, spread))
    ahead = []
    for _ in range(MONTHS_AHEAD):
        state = step @ state
        ahead.append(state[:, 0, 0])
    smoothed = filtered[-1][0]
    levels = [smoothed[:, 0, 0]]
    for (state, spread), (next_state, next_spread) in zip(filtered[-2::-1], predicted[:0:-1], strict=True):
        smoothed = state + spread @ turned @ np.linalg.solve(next_spread, smoothed - next_state)
        levels.append(smoothed[:, 0, 0])
    return np.column_stack(levels[::-1] + ahead), likelihood


def _array(values: Any) -> Array:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
