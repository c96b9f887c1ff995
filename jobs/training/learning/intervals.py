"""Prediction intervals from past forecast errors, with a finite-sample correction."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = (0.8, 0.95)
WINDOW = 120  # newest residuals that count
FEWEST = 24  # residuals below which no interval is given


@dataclass(frozen=True)
class Offsets:
    """What to add to a forecast for the ends of its interval, in units of the target."""

    level: float
    lower: float
    upper: float


def offsets(residuals: NDArray[np.float64], level: float) -> Offsets:
    """Take the interval of a level from past residuals (actual - forecast), the newest `WINDOW` of them.

    The order statistics are chosen as if the coming error were one more of the same kind, so that small samples don't
    make intervals too narrow; the extremes are the widest that the sample allows. Raises ValueError below `FEWEST`.
    """
    if len(residuals) < FEWEST:
        raise ValueError(f"{len(residuals)} residuals are too few for an interval")
    ordered = np.sort(residuals[-WINDOW:])
    n, tail = len(ordered), (1.0 - level) / 2.0
    below = max(1, math.floor((n + 1) * tail))
    return Offsets(level, float(ordered[below - 1]), float(ordered[n - below]))
