"""The fitted ensemble of one horizon, and the files that it is kept in: plain weights and XGBoost's own `.ubj`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost

from .estimators import LINEAR, RIDGE, TREES, LinearPart, Scaling, TreePart
from .transforms import Array

WEIGHTS_FILE = "weights.json"


@dataclass(frozen=True)
class Forecaster:
    """Direct forecaster of the change over a horizon: a weighted mean of linear parts and trees."""

    horizon: int
    weights: Mapping[str, float]
    linear: Mapping[str, LinearPart]
    trees: TreePart

    def predict(self, features: Array) -> Array:
        """Change of the target for each row of features."""
        result = self.weights[TREES] * self.trees.predict(features)
        for name, part in self.linear.items():
            result = result + self.weights[name] * part.predict(features)
        return result

    def importance(self, count: int) -> Array:
        """Share of each of `count` features, adding up to 1; within a part by effect size or gain, parts by weight."""
        shares = {TREES: self.trees.influence(count), **{name: part.influence() for name, part in self.linear.items()}}
        total = np.zeros(count)
        for name, share in shares.items():
            if share.sum() > 0:
                total += self.weights[name] * share / share.sum()
        return total / total.sum() if total.sum() > 0 else total


def to_files(forecasters: Sequence[Forecaster]) -> Mapping[str, bytes]:
    """Write forecasters as files by name."""
    files, document = {}, {}
    for one in forecasters:
        names = [f"trees-h{one.horizon:02d}-{number}.ubj" for number in range(len(one.trees.boosters))]
        for name, booster in zip(names, one.trees.boosters, strict=True):
            files[name] = bytes(booster.save_raw("ubj"))
        document[str(one.horizon)] = {
            "weights": dict(one.weights),
            "linear": {name: _linear_document(part) for name, part in one.linear.items()},
            "trees": {"files": names, "scale": one.trees.scale},
        }
    files[WEIGHTS_FILE] = json.dumps(document, sort_keys=True, indent=1).encode()
    return files


def from_files(files: Mapping[str, bytes]) -> Mapping[int, Forecaster]:
    """Read forecasters by horizon; the inverse of `to_files`."""
    document = json.loads(files[WEIGHTS_FILE])
    return {int(horizon): _forecaster(int(horizon), entry, files) for horizon, entry in document.items()}


def _forecaster(horizon: int, entry: Mapping[str, Any], files: Mapping[str, bytes]) -> Forecaster:
    boosters = []
    for name in entry["trees"]["files"]:
        booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
        booster.load_model(bytearray(files[name]))
        boosters.append(booster)
    linear = {name: _linear_part(entry["linear"][name]) for name in (RIDGE, LINEAR)}
    return Forecaster(horizon, entry["weights"], linear, TreePart(tuple(boosters), entry["trees"]["scale"]))


def _linear_document(part: LinearPart) -> Mapping[str, Any]:
    return {
        "mean": part.scaling.mean.tolist(),
        "scale": part.scaling.scale.tolist(),
        "weights": part.weights.tolist(),
        "intercept": part.intercept,
    }


def _linear_part(entry: Mapping[str, Any]) -> LinearPart:
    mean, scale, weights = (np.asarray(entry[name], dtype=np.float64) for name in ("mean", "scale", "weights"))
    return LinearPart(Scaling(mean, scale), weights, float(entry["intercept"]))
