"""The recession head from data to bundle and report; or the reason why this dataset can't have one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...months import format_month
from ..dataset import Dataset
from ..known import Known
from ..parameters import RecessionParameters
from .backtest import (
    EMBARGO_MONTHS,
    FEWEST_ROWS,
    FEWEST_STARTS,
    Question,
    ask,
    backtest,
    first_origin,
    fit_calibration,
    fit_probit,
    fit_trees,
)
from .evaluation import evaluate_head
from .head import SERIES, SPREADS, WITHIN_MONTHS, Head, HeadFeatures, build_head_features


@dataclass(frozen=True)
class TrainedHead:
    """The head for service, what the bundle's manifest says of it, and its backtest."""

    head: Head
    manifest: Mapping[str, Any]
    evaluation: Mapping[str, Any]


@dataclass(frozen=True)
class LeftOut:
    """Why there is no head; `figures` are the backtest of one that failed its gate."""

    reason: str
    figures: Mapping[str, Any] | None = None

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the bundle's manifest says in place of a head."""
        return {"left_out": self.reason}

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """What the report says."""
        return self.manifest if self.figures is None else {**self.manifest, "evaluation": self.figures}


def train_head(dataset: Dataset, known: Known, newest: int, seed: int) -> TrainedHead | LeftOut:
    """Backtest, calibrate and fit the head for the newest origin; a dataset that is too poor gives the reason.

    `known` is the view that all features are made from; its rows are the dataset's.
    """
    if SERIES not in dataset.panel.names:
        return LeftOut(f"the dataset has no {SERIES}")
    features = build_head_features(known)
    if features is None:
        return LeftOut(f"the dataset has no term spread: {', '.join(' with '.join(names) for names in SPREADS)}")
    question = ask(features, dataset.panel.column(SERIES), newest)
    start, until = first_origin(question), question.settled - EMBARGO_MONTHS
    if start is None or question.starts(np.arange(start, until + 1, dtype=np.intp)) == 0:
        return LeftOut(_shortage(question, known.first_month))
    return _train(question, start, newest, known.first_month, seed)


def _train(question: Question, start: int, newest: int, first_month: int, seed: int) -> TrainedHead:
    parameters = RecessionParameters()
    until = question.settled - EMBARGO_MONTHS
    forecasts = backtest(question, range(start, newest + 1), parameters, seed)
    evaluation = evaluate_head(question, forecasts, first_month, until)
    settled = forecasts.origins <= until
    rows = question.known_at(newest)
    head = Head(
        features=question.features.names,
        boosters=fit_trees(question, rows, parameters, seed),
        calibration=fit_calibration(forecasts.raw[settled], question.label[forecasts.origins[settled]], parameters),
        baseline=fit_probit(question, rows),
    )
    manifest = {
        "within_months": WITHIN_MONTHS,
        "label_embargo_months": EMBARGO_MONTHS,
        "features": _described(question.features),
        "baseline": f"probit on {question.features.names[0]}",
        "calibration": asdict(head.calibration),
        "calibrated_on": int(settled.sum()),
        "training": {
            "first_origin": format_month(first_month + int(rows[0])),
            "last_origin": format_month(first_month + int(rows[-1])),
            "rows": len(rows),
            "recessions": question.starts(rows),
            "base_rate": float(question.label[rows].mean()),
        },
        "parameters": asdict(parameters),
        "metrics": {name: evaluation[name] for name in ("n", "recessions", "brier", "auc", "bias", "versus")},
    }
    return TrainedHead(head, manifest, evaluation)


def _described(features: HeadFeatures) -> list[Mapping[str, Any]]:
    return [
        {"name": name, "direction": direction}
        for name, direction in zip(features.names, features.directions, strict=True)
    ]


def _shortage(question: Question, first_month: int) -> str:
    rows = question.known_at(question.settled)
    if len(rows) == 0:
        return f"no month has a term spread and a recession label that is {EMBARGO_MONTHS} months old"
    span = f"{format_month(first_month + int(rows[0]))}..{format_month(first_month + int(rows[-1]))}"
    return (
        f"{question.starts(rows)} recessions begin in the {len(rows)} months with a settled label ({span}); "
        f"{FEWEST_STARTS} in {FEWEST_ROWS} months are needed to learn from, and one more to be judged by"
    )
