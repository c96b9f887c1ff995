"""The second head: how probable a US recession is within twelve months. Its features, and what a bundle keeps of it.

The probability is that of boosted trees held to the direction in which each feature works, put right by a calibration
line on the scale of log odds. Beside it stands what it had to beat: a probit on the term spread alone.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost

from ..features import CLAIMS, change, minimum_over
from ..known import Known, delayed
from ..transforms import Array, log_of_positive

SERIES = "USREC"
WITHIN_MONTHS = 12
HEAD_FILE = "recession.json"
LEAST, MOST = 0.002, 0.998  # bounds before log odds are taken: trees that are surer have not seen enough
# Ten years against three months where both are there, otherwise what comes nearest.
SPREADS = (("GS10", "TB3MS"), ("GS10", "FEDFUNDS"), ("T10YFFM",), ("T10Y3M",), ("GS10", "GS3M"))


@dataclass(frozen=True)
class HeadFeatures:
    """`values[row, feature]`, the term spread first; `directions`: +1 makes a recession likelier, -1 less likely."""

    names: tuple[str, ...]
    directions: tuple[int, ...]
    values: Array

    @property
    def spread(self) -> Array:
        """The baseline's only feature."""
        return self.values[:, 0]


def build_head_features(known: Known) -> HeadFeatures | None:
    """Compute the features that the series allow, from rows up to each row's own; None without a term spread."""
    found = next((names for names in SPREADS if known.has(*names)), None)
    if found is None:
        return None
    spread = known.column(found[0]) - (known.column(found[1]) if len(found) > 1 else 0.0)
    name = "-".join(found)
    columns = {
        name: (-1, spread),
        f"{name}.lag6": (-1, delayed(spread, 6)),
        f"{name}.minimum12": (-1, minimum_over(spread, 12)),
    }
    for claims in CLAIMS:
        if known.has(claims):
            rate = 100.0 * log_of_positive(known.column(claims))
            columns[f"{claims}.above_low12"] = (1, rate - minimum_over(rate, 12))
            break
    if known.has("PERMIT"):
        columns["PERMIT.change12"] = (-1, change(100.0 * log_of_positive(known.column("PERMIT")), 12))
    directions, values = zip(*columns.values(), strict=True)
    return HeadFeatures(tuple(columns), directions, np.column_stack(values))


@dataclass(frozen=True)
class Calibration:
    """A line on the scale of log odds (Platt 1999); intercept 0 and slope 1 leave a probability as it is."""

    intercept: float
    slope: float

    def apply(self, probability: Array) -> Array:
        """The probability put right."""
        result: Array = 1.0 / (1.0 + np.exp(-(self.intercept + self.slope * log_odds(probability))))
        return result


def log_odds(probability: Array) -> Array:
    """Logarithm of p / (1 - p), kept away from certainty."""
    bounded = np.clip(probability, LEAST, MOST)
    result: Array = np.log(bounded / (1.0 - bounded))
    return result


@dataclass(frozen=True)
class Head:
    """The fitted head. `baseline`: intercept and slope of the probit on the spread."""

    features: tuple[str, ...]
    boosters: tuple[xgboost.Booster, ...]
    calibration: Calibration
    baseline: tuple[float, float]

    def probability(self, features: Array) -> Array:
        """Calibrated probability for each row of features."""
        return self.calibration.apply(raw_probability(self.boosters, features))

    def baseline_probability(self, spread: float) -> float:
        """What the term spread alone says, by the normal distribution."""
        intercept, slope = self.baseline
        return 0.5 * math.erfc(-(intercept + slope * spread) / math.sqrt(2.0))


def raw_probability(boosters: tuple[xgboost.Booster, ...], features: Array) -> Array:
    """Mean probability of several boosters for each row."""
    rows = xgboost.DMatrix(features, nthread=1)
    result: Array = np.mean([booster.predict(rows).astype(np.float64) for booster in boosters], axis=0)
    return result


def head_to_files(head: Head) -> Mapping[str, bytes]:
    """Write a head as files by name."""
    names = [f"recession-{number}.ubj" for number in range(len(head.boosters))]
    document = {
        "features": list(head.features),
        "trees": names,
        "calibration": {"intercept": head.calibration.intercept, "slope": head.calibration.slope},
        "baseline": {"intercept": head.baseline[0], "slope": head.baseline[1]},
    }
    files = {name: bytes(booster.save_raw("ubj")) for name, booster in zip(names, head.boosters, strict=True)}
    return {**files, HEAD_FILE: json.dumps(document, sort_keys=True, indent=1).encode()}


def head_from_files(files: Mapping[str, bytes]) -> Head:
    """Read a head; the inverse of `head_to_files`."""
    document: Mapping[str, Any] = json.loads(files[HEAD_FILE])
    boosters = []
    for name in document["trees"]:
        booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
        booster.load_model(bytearray(files[name]))
        boosters.append(booster)
    return Head(
        features=tuple(document["features"]),
        boosters=tuple(boosters),
        calibration=Calibration(**document["calibration"]),
        baseline=(document["baseline"]["intercept"], document["baseline"]["slope"]),
    )
