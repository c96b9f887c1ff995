"""Hyperparameters of the macro model: of a job, read from the strings that SageMaker passes, and of the ensemble."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidParameterError
from ..months import Span, parse_month

PANDEMIC = Span(parse_month("2020-03"), parse_month("2021-06"))


@dataclass(frozen=True)
class EnsembleParameters:
    """Hyperparameters of the ensemble's parts. The defaults were chosen on US data of 1975-89 alone."""

    ridge_lambda: float = 500.0
    linear_lambda: float = 0.5
    linear_alpha: float = 0.05
    linear_eta: float = 1.0
    linear_rounds: int = 60
    tree_depth: int = 2
    tree_eta: float = 0.05
    tree_rounds: int = 150
    tree_subsample: float = 0.7
    tree_colsample: float = 0.3
    tree_min_child_weight: float = 10.0
    tree_lambda: float = 5.0
    tree_max_bin: int = 64
    tree_seeds: int = 3
    tree_weight: float = 1 / 3  # the trees' share in the ensemble; the linear parts share the rest


@dataclass(frozen=True)
class RecessionParameters:
    """Hyperparameters of the recession head; fixed, as recessions are too few to choose by.

    `calibration_precision` is that of a normal prior on the calibration's coefficients, about eight years in
    weight, as neighbouring labels overlap and each year is counted twelve times.
    """

    depth: int = 2
    eta: float = 0.05
    rounds: int = 100
    subsample: float = 0.7
    colsample: float = 0.7
    min_child_weight: float = 5.0
    penalty: float = 5.0
    max_bin: int = 64
    seeds: int = 3
    refit_months: int = 3
    calibration_precision: float = 100.0


@dataclass(frozen=True)
class JobParameters:
    """Hyperparameters of a training job, under their names in SageMaker.

    `backtest_months`: target months of the backtest; `warm_up_months`: those before it whose errors make the first
    intervals; tuning has what comes before that. `linear_refit_months`, `tree_refit_months`: after how many months of
    the backtest a part is estimated anew. `excluded_months` (`YYYY-MM..YYYY-MM`, or `none`): pairs of origin and target
    that touch them teach nothing and are scored apart; by default the months in which the pandemic's lay-offs and
    recalls drown every other relation. `time_budget_seconds` ends tuning early on a slow machine; a job that it cuts
    short is as good, but no longer the same bit for bit.
    """

    model: str = "macro"
    target: str = "UNRATE"
    horizons: tuple[int, ...] = (1, 3, 6, 12)
    seed: int = 7
    trials: int = 20
    time_budget_seconds: float = 900.0
    backtest_months: int = 120
    warm_up_months: int = 60
    linear_refit_months: int = 3
    tree_refit_months: int = 12
    excluded_months: Span | None = PANDEMIC
    mlflow_tracking_uri: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "JobParameters":
        """Read hyperparameters; SageMaker's own (`sagemaker_…`) are passed over.

        Raises InvalidParameterError for an unknown name or a value that can't be used.
        """
        own = {name: text for name, text in given.items() if not name.startswith("sagemaker_")}
        for name in own:
            if name not in _READERS:
                raise InvalidParameterError(name, f"unknown; known are {', '.join(sorted(_READERS))}")
        values: dict[str, Any] = {}
        for name, text in own.items():
            try:
                values[name] = _READERS[name](str(text).strip())
            except ValueError as error:
                raise InvalidParameterError(name, str(error)) from error
        return replace(cls(), **values)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return value

    return read


def _seconds(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"'{text}' is no positive number of seconds")
    return value


def _horizons(text: str) -> tuple[int, ...]:
    read = _whole(1, 36)
    found = sorted({read(part) for part in text.split(",")})
    return tuple(found)


def _span(text: str) -> Span | None:
    if text.lower() in {"", "none"}:
        return None
    first, dots, last = text.partition("..")
    if not dots:
        raise ValueError(f"'{text}' is no span; write YYYY-MM..YYYY-MM or none")
    span = Span(parse_month(first), parse_month(last))
    if span.first > span.last:
        raise ValueError(f"'{text}' ends before it starts")
    return span


def _word(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


_READERS: Mapping[str, Callable[[str], object]] = {
    "model": _word,
    "target": _word,
    "horizons": _horizons,
    "seed": _whole(0, 2**31 - 1),
    "trials": _whole(1, 500),
    "time_budget_seconds": _seconds,
    "backtest_months": _whole(24, 600),
    "warm_up_months": _whole(0, 240),
    "linear_refit_months": _whole(1, 60),
    "tree_refit_months": _whole(1, 60),
    "excluded_months": _span,
    "mlflow_tracking_uri": str,
}
