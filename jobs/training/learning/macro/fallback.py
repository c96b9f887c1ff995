"""What serves where the model fails its gate: at each origin the method that did best by then.

The mean of model and autoregression where its errors were smaller than those of both baselines, otherwise the better
baseline. Only errors that were settled at the origin count, the newest `WINDOW` of them; excluded months never do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .backtest import HorizonForecasts
from .methods import AR, MEAN, RANDOM_WALK, forecast_by
from .transforms import Array

WINDOW = 120
FEWEST = 36  # settled errors below which the autoregression serves
RULE = (
    f"at each origin, by the newest {WINDOW} errors settled there ({FEWEST} at least, the autoregression before): the "
    "mean of model and autoregression where it beat both baselines, else the better baseline"
)


@dataclass(frozen=True)
class Fallback:
    """The method chosen at each origin and its forecasts; `following` is the method for the next."""

    methods: NDArray[np.str_]
    values: Array
    following: str

    def shares(self, rows: NDArray[np.bool_]) -> Mapping[str, float]:
        """How often each method was chosen among some origins."""
        chosen = self.methods[rows]
        return {name: float(np.mean(chosen == name)) for name in (MEAN, AR, RANDOM_WALK)}


def fall_back(forecasts: HorizonForecasts, model: Array, floor: float) -> Fallback:
    """Choose at every origin, from what was settled then; `floor` is the least value that the target can have."""
    parts = (model, np.maximum(forecasts.ar, floor), np.maximum(forecasts.random_walk, floor))
    candidates = {name: forecast_by(name, *parts) for name in (MEAN, AR, RANDOM_WALK)}
    losses = {name: (values - forecasts.actual) ** 2 for name, values in candidates.items()}
    counted = np.flatnonzero(~forecasts.excluded)
    settled = forecasts.origins[counted] + forecasts.horizon

    def best(origin: int) -> str:
        rows = counted[: int(np.searchsorted(settled, origin, side="right"))][-WINDOW:]
        if len(rows) < FEWEST:
            return AR
        means = {name: float(np.mean(loss[rows])) for name, loss in losses.items()}
        if means[MEAN] < min(means[AR], means[RANDOM_WALK]):
            return MEAN
        return AR if means[AR] < means[RANDOM_WALK] else RANDOM_WALK

    methods = np.array([best(int(origin)) for origin in forecasts.origins])
    values = np.array([candidates[name][at] for at, name in enumerate(methods.tolist())])
    return Fallback(methods, values, best(int(forecasts.origins[-1]) + forecasts.horizon))
