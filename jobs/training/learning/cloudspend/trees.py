"""Gradient boosted trees (XGBoost) over all series at once: a candidate beside the recipe, and a second opinion.

The target is the amount less the mean of its weekday one and two weeks back, in units of the series' level, so that
series of every size teach each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

WEEK, HISTORY = 7, 56
HORIZON_MAX = 34
STEPS = (1, 2, 3, 5, 7, 10, 14, 18, 22, 26, 30, 34)  # days ahead that are learnt
Array = NDArray[np.float64]
NAMES = (
    *(f"same_weekday_{weeks}w" for weeks in (1, 2, 3, 4)),
    *("mean_7", "mean_28", "last_less_week", "step", "spread", "slope", "ahead", "weekday_shape", "log_level"),
)


@dataclass(frozen=True)
class TreeParameters:
    """Hyperparameters that tuning chooses."""

    depth: int = 4
    eta: float = 0.06
    rounds: int = 120


GRID = (
    TreeParameters(),
    TreeParameters(depth=6, eta=0.05, rounds=200),
    TreeParameters(depth=3, eta=0.1, rounds=80),
    TreeParameters(depth=5, eta=0.04, rounds=300),
    TreeParameters(depth=2, eta=0.15, rounds=60),
    TreeParameters(depth=8, eta=0.03, rounds=300),
)


def rows(history: Sequence[float], steps: Sequence[int]) -> tuple[Array, Array, float] | None:
    """Features for each step ahead, the naive amount beside each, and the level; None for a history too short."""
    if len(history) < HISTORY:
        return None
    past = np.asarray(history[-HISTORY:], dtype=np.float64)
    level = float(past[-28:].mean())
    if level <= 0:
        return None
    recent, month = past[-WEEK:], past[-28:]
    slope = float(np.polyfit(np.arange(28), month / level, 1)[0])
    features, naive = np.empty((len(steps), len(NAMES))), np.empty(len(steps))
    for row, step in enumerate(steps):
        place = (step - 1) % WEEK - WEEK  # of the same weekday in the last week
        lags = [past[place - WEEK * back] for back in range(4)]
        naive[row] = (lags[0] + lags[1]) / 2
        features[row] = [
            *((lag - naive[row]) / level for lag in lags),
            (recent.mean() - naive[row]) / level,
            (level - naive[row]) / level,
            (past[-1] - past[-1 - WEEK]) / level,
            (recent.mean() - past[-2 * WEEK : -WEEK].mean()) / level,
            month.std() / level,
            slope,
            step,
            np.mean(lags) / level,
            np.log(level),
        ]
    return features, naive, level


def fit(series: Sequence[Sequence[float]], parameters: TreeParameters, seed: int) -> xgboost.Booster | None:
    """Learn from origins every fifth day of all series; None with too little to learn from."""
    parts, targets = [], []
    for amounts in series:
        for known in range(len(amounts) - 1, HISTORY - 1, -5):
            ahead = [step for step in STEPS if known + step <= len(amounts)]
            if (made := rows(amounts[:known], ahead)) is not None and ahead:
                features, naive, level = made
                came = np.asarray([amounts[known + step - 1] for step in ahead])
                parts.append(features)
                targets.append((came - naive) / level)
    if sum(map(len, targets)) < 500:
        return None
    target = np.clip(np.concatenate(targets), -5, 5)
    matrix = xgboost.QuantileDMatrix(np.concatenate(parts), target, nthread=1, max_bin=64)
    settings = {
        "objective": "reg:absoluteerror",
        "tree_method": "hist",
        "max_bin": 64,
        "max_depth": parameters.depth,
        "eta": parameters.eta,
        "subsample": 0.7,
        "colsample_bytree": 0.7,
        "min_child_weight": 20,
        "nthread": 1,
        "seed": seed,
        "verbosity": 0,
    }
    return xgboost.train(settings, matrix, parameters.rounds, verbose_eval=False)


def predict(booster: xgboost.Booster, history: Sequence[float], days: int) -> list[float] | None:
    """Amounts of the coming days; None for a history too short or without spend."""
    made = rows(history, range(1, days + 1))
    if made is None:
        return None
    features, naive, level = made
    features[:, NAMES.index("ahead")] = np.minimum(features[:, NAMES.index("ahead")], HORIZON_MAX)
    answer = np.asarray(booster.inplace_predict(features)).astype(np.float64)
    return [max(0.0, float(value)) for value in naive + level * answer]


def to_json(booster: xgboost.Booster) -> bytes:
    """XGBoost's own JSON, which any version and any language reads."""
    return bytes(booster.save_raw("json"))
