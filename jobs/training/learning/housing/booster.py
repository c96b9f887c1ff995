"""Gradient boosted trees (XGBoost) of log prices, monotone where the schema says so.

By default they minimise absolute errors: some sales are between relatives or of ruins, and on King County that was .2
points of MAPE, averaging a few trees in each round another .1. Where a flat's price is nearly a rule, as in Singapore,
squared ones were better by .1; tuning tries both.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xgboost
from xgboost.callback import TrainingCallback

from .dataset import Array
from .features import Table
from .parameters import BoosterParameters

OBJECTIVES = {"absolute": "reg:absoluteerror", "squared": "reg:squarederror"}
FEWEST_BINS, ROWS_A_BIN = 32, 40
_SPREAD = BoosterParameters(loss="squared", depth=4, eta=0.06, rounds=100, trees_per_round=1, min_child_weight=30.0)


def fit_trees(
    table: Table,
    outcome: Array,
    parameters: BoosterParameters,
    seed: int,
    *,
    beside: tuple[Table, Array] | None = None,
    callbacks: Sequence[TrainingCallback] = (),
) -> xgboost.Booster:
    """Fit trees to log prices. `beside` are rows that are measured in each round, and teach nothing."""
    parameters = _sized(parameters, len(outcome))
    rows = _matrix(table, outcome, parameters)
    watched: list[tuple[xgboost.DMatrix, str]] = [(rows, "train")]
    if beside is not None:
        watched.append((xgboost.DMatrix(beside[0].values, beside[1], nthread=1), "eval"))
    start = np.median(outcome) if parameters.loss == "absolute" else np.mean(outcome)
    return xgboost.train(
        {
            **_settings(parameters, seed),
            "base_score": float(start),
            "monotone_constraints": str(table.monotone),
        },
        rows,
        parameters.rounds,
        evals=watched if beside is not None else None,
        callbacks=list(callbacks),
        verbose_eval=False,
    )


def fit_spread(table: Table, residual: Array, seed: int) -> xgboost.Booster:
    """Fit how far off the trees are where: the logarithm of out-of-fold |residual|, a hundredth added."""
    outcome = np.log(np.abs(residual) + 0.01)
    parameters = _sized(_SPREAD, len(outcome))
    settings = {**_settings(parameters, seed), "base_score": float(outcome.mean())}
    return xgboost.train(settings, _matrix(table, outcome, parameters), parameters.rounds, verbose_eval=False)


def predict_trees(booster: xgboost.Booster, values: Array) -> Array:
    """The trees' answer to each row."""
    result: Array = np.asarray(booster.inplace_predict(values)).astype(np.float64)
    return result


def importance(booster: xgboost.Booster, features: int) -> Array:
    """Share of each feature in the total gain."""
    gain = np.zeros(features)
    for name, value in booster.get_score(importance_type="total_gain").items():
        gain[int(name[1:])] = float(np.asarray(value).item())
    return gain / max(float(gain.sum()), 1e-300)


def to_bytes(booster: xgboost.Booster) -> bytes:
    """XGBoost's own format (UBJSON), which later versions read."""
    return bytes(booster.save_raw("ubj"))


def from_bytes(content: bytes) -> xgboost.Booster:
    """Read what `to_bytes` gave; one thread, so that small requests don't wait for each other."""
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(content))
    return booster


def _sized(parameters: BoosterParameters, rows: int) -> BoosterParameters:
    """With few rows finer bins hold a handful of them each, and only cost time."""
    return replace(parameters, max_bin=min(parameters.max_bin, max(FEWEST_BINS, rows // ROWS_A_BIN)))


def _matrix(table: Table, outcome: Array, parameters: BoosterParameters) -> xgboost.QuantileDMatrix:
    return xgboost.QuantileDMatrix(table.values, outcome, max_bin=parameters.max_bin, nthread=1)


def _settings(parameters: BoosterParameters, seed: int) -> dict[str, object]:
    return {
        "objective": OBJECTIVES[parameters.loss],
        "tree_method": "hist",
        "max_bin": parameters.max_bin,
        "max_depth": parameters.depth,
        "eta": parameters.eta,
        "num_parallel_tree": parameters.trees_per_round,
        "subsample": parameters.subsample,
        "colsample_bytree": parameters.colsample,
        "min_child_weight": parameters.min_child_weight,
        "reg_lambda": parameters.reg_lambda,
        "eval_metric": "mae",
        "nthread": 1,
        "seed": seed,
        "verbosity": 0,
    }
