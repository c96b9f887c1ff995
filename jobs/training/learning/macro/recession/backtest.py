"""What the recession head would have said: rolling origin, expanding window, with labels that were settled by then.

A label says whether a recession month lies among the twelve months after an origin. The NBER dates turning points long
after: since 1979 peaks within 12 months, troughs within 21 (that of March 1991 in December 1992). Until then the series
holds zeros, or stale ones. So a label counts from 24 months after its origin on, and no earlier, also at the newest
origin and for the score.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import ndtr  # type: ignore[import-untyped]

from ..parameters import RecessionParameters
from ..splits import Rows
from ..transforms import Array
from .head import WITHIN_MONTHS, Calibration, HeadFeatures, log_odds, raw_probability
from .likelihood import fit, logit_link, probit_link

EMBARGO_MONTHS = 24
FEWEST_STARTS = 3  # recessions to learn from before the first forecast
FEWEST_ROWS = 120


@dataclass(frozen=True)
class Question:
    """Rows are months. `recession`: 0, 1 or NaN; `label`: whether one comes within twelve months, NaN = unknown.

    `settled`: the newest row by whose time a label can be settled, which is the newest origin, or the end of USREC.
    """

    features: HeadFeatures
    recession: Array
    label: Array
    settled: int

    def known_at(self, origin: int, embargo: int = EMBARGO_MONTHS) -> Rows:
        """Rows to learn from at an origin: settled by then, with label and spread."""
        stop = max(0, min(origin, self.settled) - embargo + 1)
        return np.flatnonzero(~np.isnan(self.label[:stop]) & ~np.isnan(self.features.spread[:stop]))

    def starts(self, rows: Rows) -> int:
        """Number of recessions whose first month follows one of these rows."""
        following = rows[rows + 1 < len(self.recession)]
        begun = (self.recession[following] == 0) & (self.recession[following + 1] == 1)
        return int(begun.sum())


@dataclass(frozen=True)
class HeadForecasts:
    """Probabilities by origin, in time order: as the trees gave them, calibrated, and the probit's."""

    origins: Rows
    raw: Array
    calibrated: Array
    probit: Array


def ask(features: HeadFeatures, recession: Array, newest: int) -> Question:
    """Pose the question from 0/1 figures by reference month, up to the newest origin."""
    ends = np.flatnonzero(~np.isnan(recession))
    return Question(features, recession, label_of(recession), min(newest, int(ends[-1])) if len(ends) else -1)


def label_of(recession: Array) -> Array:
    """1 where a recession month is among the twelve that follow, 0 where none is, NaN where one of them is missing."""
    label = np.full(recession.shape, np.nan)
    if len(recession) > WITHIN_MONTHS:
        label[:-WITHIN_MONTHS] = sliding_window_view(recession[1:], WITHIN_MONTHS).max(axis=1)
    return label


def first_origin(question: Question) -> int | None:
    """The first origin at which enough rows and recessions were settled; None when there never are."""
    rows = question.known_at(question.settled)
    starts = np.array([question.starts(rows[at : at + 1]) for at in range(len(rows))])
    enough = (np.cumsum(starts) >= FEWEST_STARTS) & (np.arange(1, len(rows) + 1) >= FEWEST_ROWS)
    return int(rows[np.argmax(enough)]) + EMBARGO_MONTHS if enough.any() else None


def backtest(
    question: Question,
    origins: range,
    parameters: RecessionParameters,
    seed: int,
    *,
    embargo: int = EMBARGO_MONTHS,
) -> HeadForecasts:
    """Give every origin its probabilities, from what was settled there and nothing later.

    Trees and probit are estimated anew every `refit_months`; the calibration at every origin, on forecasts made before
    whose label was settled. `embargo` is there for the benchmark, which shows what a shorter one pretends.
    """
    rows = np.array([row for row in origins if not np.isnan(question.features.spread[row])], dtype=np.intp)
    raw, probit = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for block in _blocks(rows, parameters.refit_months):
        known = question.known_at(int(rows[block[0]]), embargo)
        boosters = fit_trees(question, known, parameters, seed)
        raw[block] = raw_probability(boosters, question.features.values[rows[block]])
        intercept, slope = fit_probit(question, known)
        probit[block] = ndtr(intercept + slope * question.features.spread[rows[block]])
    calibrated = np.empty(len(rows))
    for at, origin in enumerate(rows):
        settled = rows[:at] <= min(int(origin), question.settled) - embargo
        line = fit_calibration(raw[:at][settled], question.label[rows[:at][settled]], parameters)
        calibrated[at] = line.apply(raw[at : at + 1])[0]
    return HeadForecasts(rows, raw, calibrated, probit)


def fit_trees(
    question: Question, rows: Rows, parameters: RecessionParameters, seed: int
) -> tuple[xgboost.Booster, ...]:
    """Trees that respect each feature's direction, once for each seed."""
    features = question.features
    label = question.label[rows]
    data = xgboost.DMatrix(features.values[rows], label, nthread=1)
    shape = {
        "objective": "binary:logistic",
        "base_score": float(np.clip(label.mean(), 0.01, 0.99)),
        "tree_method": "hist",
        "max_bin": parameters.max_bin,
        "max_depth": parameters.depth,
        "eta": parameters.eta,
        "subsample": parameters.subsample,
        "colsample_bytree": parameters.colsample,
        "min_child_weight": parameters.min_child_weight,
        "reg_lambda": parameters.penalty,
        "monotone_constraints": "(" + ",".join(str(direction) for direction in features.directions) + ")",
        "nthread": 1,
        "verbosity": 0,
    }
    seeds = range(seed, seed + parameters.seeds)
    return tuple(xgboost.train({**shape, "seed": one}, data, parameters.rounds) for one in seeds)


def fit_probit(question: Question, rows: Rows) -> tuple[float, float]:
    """Intercept and slope of the baseline, after Estrella and Mishkin (1998)."""
    intercept, slope = fit(question.features.spread[rows][:, None], question.label[rows], probit_link)
    return float(intercept), float(slope)


def fit_calibration(raw: Array, label: Array, parameters: RecessionParameters) -> Calibration:
    """A line through log odds and labels, held to "as it is" by a prior: a few recessions can't bend it far."""
    found = fit(
        log_odds(raw)[:, None],
        label,
        logit_link,
        around=np.array([0.0, 1.0]),
        precision=parameters.calibration_precision,
    )
    return Calibration(float(found[0]), float(found[1]))


def _blocks(rows: Rows, months: int) -> Iterator[NDArray[np.intp]]:
    start = 0
    while start < len(rows):
        stop = int(np.searchsorted(rows, rows[start] + months))
        yield np.arange(start, stop)
        start = stop
