"""What a model has to beat: no change, and an autoregression on monthly changes."""

import numpy as np

from .features import change
from .known import delayed
from .splits import Pairs
from .transforms import Array

AR_MAX_LAGS = 12


class Autoregression:
    """Direct regression of the change over the horizon on the last monthly changes; their number chosen by BIC.

    Every choice is made anew at each origin, on pairs whose outcome was known there.
    """

    def __init__(self, level: Array) -> None:
        monthly = change(level, 1)
        self._lags = np.column_stack([delayed(monthly, lag) for lag in range(AR_MAX_LAGS)])

    def forecast(self, pairs: Pairs, origin: int) -> float:
        """Change expected from an origin, in units of the target; 0 where nothing can be learnt."""
        if np.isnan(self._lags[origin]).any():
            return 0.0
        coefficients = self.fit(pairs, origin)
        return float(coefficients @ np.concatenate([[1.0], self._lags[origin, : len(coefficients) - 1]]))

    def fit(self, pairs: Pairs, origin: int) -> Array:
        """Intercept and a weight for each monthly change, newest first; 0 alone where nothing can be learnt."""
        rows = pairs.known_at(origin)
        rows = rows[~np.isnan(self._lags[rows]).any(axis=1)]
        if len(rows) < 3 * AR_MAX_LAGS:
            return np.zeros(1)
        design = np.column_stack([np.ones(len(rows)), self._lags[rows]])
        outcome = pairs.outcome[rows]
        # All nested models at once: Q and R of the full design hold those of its first columns.
        q, r = np.linalg.qr(design)
        projected = q.T @ outcome
        left = float(outcome @ outcome) - np.cumsum(projected**2)
        sizes = np.arange(1, AR_MAX_LAGS + 2)
        bic = len(rows) * np.log(np.maximum(left, 1e-12) / len(rows)) + sizes * np.log(len(rows))
        size = int(np.argmin(bic)) + 1
        return np.linalg.solve(r[:size, :size], projected[:size])
