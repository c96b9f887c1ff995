"""The recession head in figures: Brier score, log loss, AUC and reliability beside the term-spread probit's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score  # type: ignore[import-untyped]

from ...months import format_month
from ...significance import diebold_mariano
from ..evaluation import FEWEST_IN_SLICE, Mask
from ..methods import MODEL
from ..transforms import Array
from .backtest import EMBARGO_MONTHS, HeadForecasts, Question
from .head import WITHIN_MONTHS

PROBIT, RAW = "probit", "uncalibrated"
BINS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0)
SUREST = 1e-4  # a probability counts as this far from certain in the log loss, which else is infinite for one miss


def evaluate_head(question: Question, forecasts: HeadForecasts, first_month: int, until: int) -> Mapping[str, Any]:
    """The entry `recession` in evaluation.json: origins up to row `until`, by which the labels have to be there.

    Raises ValueError where no label is.
    """
    counted = (forecasts.origins <= until) & ~np.isnan(question.label[forecasts.origins])
    rows = forecasts.origins[counted]
    if len(rows) == 0:
        raise ValueError("no origin has a label")
    label = question.label[rows]
    said = {
        MODEL: forecasts.calibrated[counted],
        RAW: forecasts.raw[counted],
        PROBIT: forecasts.probit[counted],
    }
    return {
        "within_months": WITHIN_MONTHS,
        "label_embargo_months": EMBARGO_MONTHS,
        "first_origin": format_month(first_month + int(rows[0])),
        "last_origin": format_month(first_month + int(rows[-1])),
        "n": len(rows),
        "recessions": question.starts(rows),
        "base_rate": float(label.mean()),
        **_figures(said, label),
        "bias": float(np.mean(said[MODEL] - label)),
        "versus": {PROBIT: _versus(said, label)},
        "reliability": _reliability(said[MODEL], label),
        "slices": _slices(said, label, question.recession[rows] == 0),
    }


def _figures(said: Mapping[str, Array], label: Array) -> Mapping[str, Any]:
    both = 0.0 < label.mean() < 1.0
    bounded = {name: np.clip(each, SUREST, 1.0 - SUREST) for name, each in said.items()}
    return {
        "brier": {name: float(brier_score_loss(label, each)) for name, each in said.items()},
        "log_loss": {name: float(log_loss(label, each, labels=[0, 1])) for name, each in bounded.items()},
        "auc": {name: float(roc_auc_score(label, each)) if both else None for name, each in said.items()},
    }


def _versus(said: Mapping[str, Array], label: Array) -> Mapping[str, float]:
    own, other = said[MODEL] - label, said[PROBIT] - label
    # Labels of neighbouring origins overlap for as many months as they look ahead.
    test = diebold_mariano(own, other, WITHIN_MONTHS)
    ratio = float(np.mean(own**2) / max(1e-12, float(np.mean(other**2))))
    return {"brier_ratio": max(ratio, 1e-9), "dm_statistic": test.statistic, "p_value": test.p_value}


def _reliability(probability: Array, label: Array) -> Sequence[Mapping[str, float]]:
    place = np.clip(np.searchsorted(BINS, probability, side="right") - 1, 0, len(BINS) - 2)
    return [
        {
            "from": BINS[at],
            "to": BINS[at + 1],
            "n": int(here.sum()),
            "mean_probability": float(probability[here].mean()),
            "observed_share": float(label[here].mean()),
        }
        for at in range(len(BINS) - 1)
        if (here := place == at).any()
    ]


def _slices(said: Mapping[str, Array], label: Array, outside: Mask) -> Sequence[Mapping[str, Any]]:
    """Outside recessions, where the question is whether one comes; inside, the next month is one already."""
    parts = {"outside recessions": outside, "in recessions": ~outside}
    return [
        {"slice": name, "n": int(rows.sum()), **_figures({key: each[rows] for key, each in said.items()}, label[rows])}
        for name, rows in parts.items()
        if rows.sum() >= FEWEST_IN_SLICE
    ]
