"""Fit the ensemble that goes into service."""

from .backtest import Problem
from .estimators import LINEAR, RIDGE, ensemble_weights, fit_gblinear, fit_ridge, fit_trees
from .forecaster import Forecaster
from .parameters import EnsembleParameters
from .splits import Pairs


def fit_forecaster(
    problem: Problem, pairs: Pairs, origin: int, parameters: EnsembleParameters, seed: int
) -> Forecaster:
    """Fit every part on all pairs whose outcome was known at an origin."""
    rows = pairs.known_at(origin)
    features, change = problem.table.values[rows], pairs.outcome[rows]
    return Forecaster(
        horizon=pairs.horizon,
        weights=ensemble_weights(parameters),
        linear={
            RIDGE: fit_ridge(features, change, parameters, seed),
            LINEAR: fit_gblinear(features, change, parameters, seed),
        },
        trees=fit_trees(features, change, parameters, seed),
    )
