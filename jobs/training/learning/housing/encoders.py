"""What a category tells in numbers: how often its level was sold, and at what mean; learnt from training rows alone.

A mean is drawn towards that of all rows as if `SMOOTHING` more sales of an average kind had been seen. A training row's
own price must not be in its feature, so there the means come from the other folds. A level never seen has frequency 0
and the mean of all rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dataset import Array, Houses, Ints

SMOOTHING = 15.0
SEPARATOR = "\x1f"  # between the parts of a key made of two categories


@dataclass(frozen=True)
class Encoder:
    """One key's frozen encoding: the categories that it is made of, its levels, how many sales, which means."""

    categories: tuple[int, ...]
    levels: tuple[str, ...]
    count: Ints
    means: Array  # level × target
    prior: Array

    def codes(self, houses: Houses) -> Ints:
        """Each row's place among the levels; -1 for one never seen."""
        known = {level: code for code, level in enumerate(self.levels)}
        levels, codes = key_codes(houses, self.categories)
        return np.array([known.get(level, -1) for level in levels], dtype=np.int64)[codes]

    def apply(self, houses: Houses) -> Array:
        """Logarithm of 1 + frequency, then each mean."""
        codes = self.codes(houses)
        frequency = np.log1p(np.append(self.count, 0))[codes]
        return np.column_stack([frequency, np.vstack([self.means, self.prior])[codes]])

    def to_json(self) -> Mapping[str, Any]:
        """All of it, to the last bit."""
        return {
            "categories": list(self.categories),
            "prior": self.prior.tolist(),
            "levels": {
                level: [int(count), *means]
                for level, count, means in zip(self.levels, self.count, self.means.tolist(), strict=True)
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Encoder":
        """Read what `to_json` gave."""
        prior = np.array(content["prior"], dtype=np.float64)
        rows = list(content["levels"].values())
        return cls(
            categories=tuple(content["categories"]),
            levels=tuple(content["levels"]),
            count=np.array([row[0] for row in rows], dtype=np.int64),
            means=np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), len(prior)),
            prior=prior,
        )


def keys_of(categories: int) -> Sequence[tuple[int, ...]]:
    """Each category by itself, and place and kind of house together."""
    single = [(category,) for category in range(categories)]
    return [*single, (0, 1)] if categories > 1 else single


def key_codes(houses: Houses, categories: tuple[int, ...]) -> tuple[Sequence[str], Ints]:
    """Levels of a key, alphabetically within each category, and each row's place among them."""
    levels: Sequence[str] = houses.levels[categories[0]]
    codes = houses.codes[:, categories[0]]
    for category in categories[1:]:
        width = len(houses.levels[category])
        both, codes = np.unique(codes * width + houses.codes[:, category], return_inverse=True)
        levels = [
            f"{levels[code // width]}{SEPARATOR}{houses.levels[category][code % width]}" for code in both.tolist()
        ]
    return levels, codes.astype(np.int64)


def fit_encoder(houses: Houses, categories: tuple[int, ...], targets: Array) -> Encoder:
    """Learn a key's frequencies and means from rows and their targets (row × target)."""
    levels, codes = key_codes(houses, categories)
    count = np.bincount(codes, minlength=len(levels))
    prior = targets.mean(axis=0)
    means = _means(codes, len(levels), targets, prior)
    seen = np.flatnonzero(count)
    return Encoder(categories, tuple(levels[code] for code in seen.tolist()), count[seen], means[seen], prior)


def out_of_fold(houses: Houses, categories: tuple[int, ...], targets: Array, folds: Ints) -> Array:
    """The features of training rows: frequency among all of them, means from the folds that a row is not in."""
    levels, codes = key_codes(houses, categories)
    count = np.bincount(codes, minlength=len(levels))
    means = np.empty_like(targets)
    for fold in np.unique(folds):
        own = folds == fold
        others = targets[~own]
        means[own] = _means(codes[~own], len(levels), others, others.mean(axis=0))[codes[own]]
    return np.column_stack([np.log1p(count)[codes], means])


def _means(codes: Ints, size: int, targets: Array, prior: Array) -> Array:
    count = np.bincount(codes, minlength=size)[:, None]
    sums = np.column_stack([np.bincount(codes, weights=column, minlength=size) for column in targets.T])
    result: Array = (sums + SMOOTHING * prior) / (count + SMOOTHING)
    return result
