"""Proposes a transformation code for a series: the lowest order of differences that a unit-root test finds stationary.

The test is that of Dickey and Fuller (1979), augmented, with a constant; critical value at 5% after MacKinnon (2010).
A proposal is for a person to read: nothing applies it.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

NEWEST = 480  # figures that are looked at
FEWEST = 40
DRIFT_T = 2.0  # a mean change of so many standard errors makes a trend
TCODE_NAMES = {
    1: "level",
    2: "difference",
    3: "second difference",
    4: "logarithm",
    5: "log difference",
    6: "second log difference",
    7: "difference of the growth rate",
}


def propose_tcode(values: Sequence[float]) -> int | None:
    """A code from 1 to 6 for figures in time order, None when there are too few, or they don't vary, or no code helps.

    Logarithms are proposed for positive figures that trend; McCracken and Ng's codes depend on the unit as well.
    """
    newest = list(values[-NEWEST:])
    if len(newest) < FEWEST or not _varies(newest):
        return None
    if is_stationary(newest):
        return 1
    trending = min(newest) > 0 and _drift_t([math.log(each) for each in newest]) > DRIFT_T
    scale = [math.log(each) for each in newest] if trending else newest
    first = _differences(scale)
    second = _differences(first)
    if _varies(first) and is_stationary(first):
        return 5 if trending else 2
    if _varies(second) and is_stationary(second):
        return 6 if trending else 3
    return None


def is_stationary(values: Sequence[float]) -> bool:
    """Whether a unit root is rejected at 5%."""
    n = len(values)
    return dickey_fuller(values) < -2.8621 - 2.738 / n - 8.36 / n**2


def dickey_fuller(values: Sequence[float]) -> float:
    """Statistic of the augmented test with a constant; lagged changes by the rule 4 (n / 100) ** (1 / 4)."""
    lags = int(4 * (len(values) / 100) ** 0.25)
    changes = _differences(values)
    spread = max(abs(each) for each in values) or 1.0
    rows = [
        [1.0, values[at] / spread, *(changes[at - lag] / spread for lag in range(1, lags + 1))]
        for at in range(lags, len(changes))
    ]
    outcome = [change / spread for change in changes[lags:]]
    return _t_of_second(rows, outcome)


def _t_of_second(rows: Sequence[Sequence[float]], outcome: Sequence[float]) -> float:
    """The t statistic of the second coefficient of a least-squares regression."""
    size = len(rows[0])
    cross = [[math.fsum(row[i] * row[j] for row in rows) for j in range(size)] for i in range(size)]
    right = [math.fsum(row[i] * y for row, y in zip(rows, outcome, strict=True)) for i in range(size)]
    unit = [1.0 if i == 1 else 0.0 for i in range(size)]
    coefficients, inverse_column = _solve(cross, right), _solve(cross, unit)
    if coefficients is None or inverse_column is None:
        return 0.0
    residuals = (
        y - math.fsum(c * x for c, x in zip(coefficients, row, strict=True))
        for row, y in zip(rows, outcome, strict=True)
    )
    variance = math.fsum(each**2 for each in residuals) / max(1, len(rows) - size)
    error = math.sqrt(max(0.0, variance * inverse_column[1]))
    return coefficients[1] / error if error > 0 else 0.0


def _solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float] | None:
    """Gaussian elimination with partial pivoting; None for a singular matrix."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        if abs(rows[pivot][column]) < 1e-14:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [own - factor * other for own, other in zip(rows[row], rows[column], strict=True)]
    solution = [0.0] * size
    for row in reversed(range(size)):
        known = math.fsum(rows[row][column] * solution[column] for column in range(row + 1, size))
        solution[row] = (rows[row][size] - known) / rows[row][row]
    return solution


def _drift_t(values: Sequence[float]) -> float:
    changes = _differences(values)
    mean = math.fsum(changes) / len(changes)
    variance = math.fsum((each - mean) ** 2 for each in changes) / (len(changes) - 1)
    return abs(mean) / math.sqrt(variance / len(changes)) if variance > 0 else math.inf


def _differences(values: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(values)]


def _varies(values: Sequence[float]) -> bool:
    return max(values) - min(values) > 1e-9 * max(1.0, abs(max(values)))
