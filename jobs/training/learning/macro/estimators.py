"""The parts of the ensemble: XGBoost's linear booster, XGBoost's trees, and ridge regression. Each predicts a change.

Linear parts see standardised features, clipped, with a missing one at its mean; trees see the raw ones and know missing
values by themselves. Both learn the change divided by its standard deviation, with a base score of zero, so that with
nothing to say they say "no change".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xgboost

from .parameters import EnsembleParameters
from .transforms import Array

CLIP = 5.0  # standard deviations
TREES, LINEAR, RIDGE = "gbtree", "gblinear", "ridge"
PART_NAMES = (RIDGE, LINEAR, TREES)


@dataclass(frozen=True)
class Scaling:
    """How a window of features is standardised; a feature that is constant or missing there is left out (scale 0)."""

    mean: Array
    scale: Array

    @classmethod
    def learn(cls, features: Array) -> "Scaling":
        """Take mean and 1/standard deviation of each column, over the values that are there."""
        present = ~np.isnan(features)
        count = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, features, 0.0).sum(axis=0) / count
        deviation = np.sqrt(np.where(present, (features - mean) ** 2, 0.0).sum(axis=0) / count)
        varied = deviation > 1e-9 * np.maximum(1.0, np.abs(mean))
        return cls(mean, np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varied))

    def apply(self, features: Array) -> Array:
        """Standardise and clip; a missing value becomes 0, the mean."""
        scaled = np.clip((features - self.mean) * self.scale, -CLIP, CLIP)
        return np.where(np.isnan(scaled), 0.0, scaled)


@dataclass(frozen=True)
class LinearPart:
    """A weighted sum of standardised features, in units of the target."""

    scaling: Scaling
    weights: Array
    intercept: float

    def predict(self, features: Array) -> Array:
        """Change of the target for each row."""
        result: Array = self.scaling.apply(features) @ self.weights + self.intercept
        return result

    def influence(self) -> Array:
        """Size of each feature's effect: |weight| on a standardised feature."""
        return np.abs(self.weights)


@dataclass(frozen=True)
class TreePart:
    """Mean of boosted trees of several seeds, times the target's standard deviation."""

    boosters: tuple[xgboost.Booster, ...]
    scale: float

    def predict(self, features: Array) -> Array:
        """Change of the target for each row."""
        rows = xgboost.DMatrix(features, nthread=1)
        answers = [booster.predict(rows).astype(np.float64) for booster in self.boosters]
        result: Array = np.mean(answers, axis=0) * self.scale
        return result

    def influence(self, features: int) -> Array:
        """Total gain of each feature."""
        result = np.zeros(features)
        for booster in self.boosters:
            for name, gain in booster.get_score(importance_type="total_gain").items():
                result[int(name[1:])] += float(np.asarray(gain).item())
        return result


Part = LinearPart | TreePart


def ensemble_weights(parameters: EnsembleParameters) -> Mapping[str, float]:
    """Share of each part in the ensemble's forecast, adding up to 1."""
    linear = (1.0 - parameters.tree_weight) / 2.0
    return {RIDGE: linear, LINEAR: linear, TREES: parameters.tree_weight}


def fit_part(name: str, features: Array, change: Array, parameters: EnsembleParameters, seed: int) -> Part:
    """Fit one part of the ensemble on the rows given."""
    fit = fit_trees if name == TREES else fit_ridge if name == RIDGE else fit_gblinear
    return fit(features, change, parameters, seed)


def fit_ridge(features: Array, change: Array, parameters: EnsembleParameters, seed: int) -> LinearPart:  # noqa: ARG001
    """Minimise squared errors plus `ridge_lambda` · |weights|², the change in standard deviations."""
    scaling, scale = Scaling.learn(features), _scale(change)
    rows = scaling.apply(features)
    centre, mean = rows.mean(axis=0), float(change.mean())
    centred = rows - centre
    gram = centred.T @ centred + parameters.ridge_lambda * np.eye(rows.shape[1])
    weights: Array = np.linalg.solve(gram, centred.T @ ((change - mean) / scale)) * scale
    return LinearPart(scaling, weights, mean - float(centre @ weights))


def fit_gblinear(features: Array, change: Array, parameters: EnsembleParameters, seed: int) -> LinearPart:
    """XGBoost's linear booster: cyclic coordinate descent with both penalties. Its weights are read from the model."""
    scaling, scale = Scaling.learn(features), _scale(change)
    booster = xgboost.train(
        {
            "booster": "gblinear",
            "updater": "coord_descent",
            "feature_selector": "cyclic",
            "eta": parameters.linear_eta,
            "reg_lambda": parameters.linear_lambda,
            "reg_alpha": parameters.linear_alpha,
            **_every_booster(seed),
        },
        xgboost.DMatrix(scaling.apply(features), change / scale, nthread=1),
        parameters.linear_rounds,
    )
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    *weights, bias = model["weights"]
    return LinearPart(scaling, np.asarray(weights, dtype=np.float64) * scale, float(bias) * scale)


def fit_trees(features: Array, change: Array, parameters: EnsembleParameters, seed: int) -> TreePart:
    """XGBoost's trees, once for each seed."""
    scale = _scale(change)
    rows = xgboost.QuantileDMatrix(features, change / scale, max_bin=parameters.tree_max_bin, nthread=1)
    shape: Mapping[str, object] = {
        "booster": "gbtree",
        "tree_method": "hist",
        "max_bin": parameters.tree_max_bin,
        "max_depth": parameters.tree_depth,
        "eta": parameters.tree_eta,
        "subsample": parameters.tree_subsample,
        "colsample_bytree": parameters.tree_colsample,
        "min_child_weight": parameters.tree_min_child_weight,
        "reg_lambda": parameters.tree_lambda,
    }
    seeds: Sequence[int] = range(seed, seed + parameters.tree_seeds)
    boosters = [xgboost.train({**shape, **_every_booster(one)}, rows, parameters.tree_rounds) for one in seeds]
    return TreePart(tuple(boosters), scale)


def _scale(change: Array) -> float:
    """Root mean square of the changes; 1 where nothing ever changed."""
    return float(np.sqrt(np.mean(change**2))) or 1.0


def _every_booster(seed: int) -> Mapping[str, object]:
    # verbosity 0: from 3.4 on XGBoost announces at every fit that gblinear will go. The container's 3.2 has it, and
    # what a bundle keeps of it are plain weights.
    return {"objective": "reg:squarederror", "base_score": 0.0, "nthread": 1, "seed": seed, "verbosity": 0}
