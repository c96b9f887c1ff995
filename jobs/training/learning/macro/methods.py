"""What a horizon's forecast is made by: the model, its mean with an autoregression, or one of the baselines."""

from collections.abc import Sequence

import numpy as np

from .transforms import Array

MODEL, MEAN, AR, RANDOM_WALK = "model", "mean_of_model_and_ar", "ar", "random_walk"
METHODS = (MODEL, MEAN, AR, RANDOM_WALK)


def forecast_by(method: str, model: Array, ar: Array, random_walk: Array) -> Array:
    """The forecasts of one method, from those of all parts; raises KeyError for an unknown method."""
    return {MODEL: model, MEAN: (model + ar) / 2.0, AR: ar, RANDOM_WALK: random_walk}[method]


def autoregressive_change(level: Array, coefficients: Sequence[float]) -> float:
    """Change that an autoregression expects after the last level: intercept, then a weight for each monthly change.

    0 where a change is unknown.
    """
    changes = np.diff(level)[::-1][: len(coefficients) - 1]
    if len(changes) < len(coefficients) - 1 or np.isnan(changes).any():
        return 0.0
    return float(np.asarray(coefficients) @ np.concatenate([[1.0], changes]))
