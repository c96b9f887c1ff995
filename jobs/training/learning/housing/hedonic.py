"""A linear model of log prices at one price level: what each square foot and each place adds. Ridge regression."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dataset import Array, Houses, Ints

PENALTY = 10.0
CLIP = 5.0  # standard deviations
MOST_LEVELS = 150  # of one category; the rarer ones count as average
FEWEST_SALES = 8


@dataclass(frozen=True)
class Hedonic:
    """A fitted model: standardised numbers, as they are and as logarithms, and an indicator for each frequent level."""

    logged: tuple[int, ...]
    mean: Array
    scale: Array
    levels: tuple[tuple[str, ...], ...]
    weights: Array
    intercept: float

    def predict(self, houses: Houses) -> Array:
        """Log price of each house at the price level 0."""
        result: Array = self._design(houses) @ self.weights + self.intercept
        return result

    def _design(self, houses: Houses) -> Array:
        scaled = np.clip((_numbers(houses.numbers, self.logged) - self.mean) * self.scale, -CLIP, CLIP)
        blocks = [np.where(np.isnan(scaled), 0.0, scaled)]
        for category, levels in enumerate(self.levels):
            known = {level: code for code, level in enumerate(levels)}
            place = np.array([known.get(level, len(levels)) for level in houses.levels[category]], dtype=np.int64)
            blocks.append(np.eye(len(levels) + 1)[place[houses.codes[:, category]], :-1])
        return np.column_stack(blocks)

    def to_json(self) -> Mapping[str, Any]:
        """All of it, to the last bit."""
        return {
            "logged": list(self.logged),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "levels": [list(levels) for levels in self.levels],
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Hedonic":
        """Read what `to_json` gave."""
        mean, scale, weights = (np.array(content[name], dtype=np.float64) for name in ("mean", "scale", "weights"))
        levels = tuple(tuple(each) for each in content["levels"])
        return cls(tuple(content["logged"]), mean, scale, levels, weights, content["intercept"])


def fit_hedonic(houses: Houses, deflated: Array) -> Hedonic:
    """Minimise squared errors of log prices at level 0 plus the penalty on each weight but the intercept."""
    return _Prepared.of(houses).fit(deflated, np.ones(len(houses), dtype=np.bool_))


def fit_hedonic_out_of_fold(houses: Houses, deflated: Array, folds: Ints) -> Array:
    """Log price of each training row by a model that has not seen its fold."""
    prepared, result = _Prepared.of(houses), np.empty(len(houses))
    for fold in np.unique(folds):
        own = folds == fold
        fitted = prepared.fit(deflated, ~own)
        result[own] = prepared.design[own] @ fitted.weights + fitted.intercept
    return result


@dataclass(frozen=True)
class _Prepared:
    """The design of some rows, which several fits share: scaling and levels are of all of them, no price is in them."""

    empty: Hedonic
    design: Array

    @classmethod
    def of(cls, houses: Houses) -> "_Prepared":
        least = np.where(np.isnan(houses.numbers), 0.0, houses.numbers).min(axis=0)
        logged = tuple(int(at) for at in np.flatnonzero(least >= 0))
        numbers = _numbers(houses.numbers, logged)
        present = ~np.isnan(numbers)
        count = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, numbers, 0.0).sum(axis=0) / count
        deviation = np.sqrt(np.where(present, (numbers - mean) ** 2, 0.0).sum(axis=0) / count)
        varied = deviation > 1e-9 * np.maximum(1.0, np.abs(mean))
        scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varied)
        levels = tuple(_frequent(houses, category) for category in range(houses.codes.shape[1]))
        empty = Hedonic(logged, mean, scale, levels, np.empty(0), 0.0)
        return cls(empty, empty._design(houses))

    def fit(self, deflated: Array, rows: Any) -> Hedonic:
        design, outcome = self.design[rows], deflated[rows]
        centre, mean = design.mean(axis=0), float(outcome.mean())
        centred = design - centre
        gram = centred.T @ centred + PENALTY * np.eye(design.shape[1])
        weights: Array = np.linalg.solve(gram, centred.T @ (outcome - mean))
        known = self.empty
        return Hedonic(known.logged, known.mean, known.scale, known.levels, weights, mean - float(centre @ weights))


def _numbers(numbers: Array, logged: tuple[int, ...]) -> Array:
    return np.column_stack([numbers, np.log1p(np.maximum(numbers[:, list(logged)], 0.0))])


def _frequent(houses: Houses, category: int) -> tuple[str, ...]:
    levels = houses.levels[category]
    count = np.bincount(houses.codes[:, category], minlength=len(levels))
    order = np.argsort(-count, kind="stable")[:MOST_LEVELS]
    return tuple(levels[code] for code in order if count[code] >= FEWEST_SALES)
