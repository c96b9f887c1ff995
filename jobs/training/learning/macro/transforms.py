"""The seven transformations of FRED-MD (McCracken & Ng 2016) and their inverses, on arrays with one value a month."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DIFFERENCES = {1: 0, 2: 1, 3: 2, 4: 0, 5: 1, 6: 2}
_LOGARITHMIC = frozenset({4, 5, 6})
LOST_ROWS = {**_DIFFERENCES, 7: 2}  # leading rows without a value


def transform(values: Array, tcode: int) -> Array:
    """Make a series stationary: 1 level, 2 Δ, 3 Δ², 4 log, 5 Δlog, 6 Δ²log, 7 Δ(growth rate).

    Same length as `values`, with NaN where a predecessor is missing or a logarithm has no value.
    """
    if tcode == 7:
        growth = np.full_like(values, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth[1:] = values[1:] / values[:-1] - 1.0
        growth[~np.isfinite(growth)] = np.nan
        return _difference(growth)
    result = log_of_positive(values) if tcode in _LOGARITHMIC else values.astype(np.float64)
    for _ in range(_DIFFERENCES[tcode]):
        result = _difference(result)
    return result


def invert(transformed: Array, tcode: int, first: Sequence[float]) -> Array:
    """Undo `transform`: `first` holds the series' first `LOST_ROWS[tcode]` levels, in order."""
    if len(first) != LOST_ROWS[tcode]:
        raise ValueError(f"tcode {tcode} needs the first {LOST_ROWS[tcode]} levels, got {len(first)}")
    if tcode == 7:
        return _invert_growth_difference(transformed, first)
    start = [float(np.log(level)) if tcode in _LOGARITHMIC else float(level) for level in first]
    result = transformed.astype(np.float64).copy()
    for lost in range(_DIFFERENCES[tcode], 0, -1):
        # Levels of the order below: known up to row lost-1, cumulated from there.
        below = list(start)
        for _ in range(lost - 1):
            below = [later - earlier for earlier, later in pairwise(below)]
        result[lost - 1] = below[0]
        result[lost - 1 :] = np.cumsum(result[lost - 1 :])
    return np.exp(result) if tcode in _LOGARITHMIC else result


def log_of_positive(values: Array) -> Array:
    """Natural logarithm, NaN where the value is not positive."""
    result = np.full(values.shape, np.nan)
    np.log(values, out=result, where=values > 0)
    return result


def _difference(values: Array) -> Array:
    result = np.full(values.shape, np.nan)
    result[1:] = values[1:] - values[:-1]
    return result


def _invert_growth_difference(transformed: Array, first: Sequence[float]) -> Array:
    result = np.full(transformed.shape, np.nan)
    result[:2] = first
    growth = first[1] / first[0] - 1.0
    for row in range(2, len(result)):
        growth += transformed[row]
        result[row] = result[row - 1] * (1.0 + growth)
    return result
