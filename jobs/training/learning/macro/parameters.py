"""Hyperparameters of the macro model: of a job, read from the strings that SageMaker passes, and of the ensemble."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..months import Span, parse_month
from ..parameters import EVERY_JOB, Reader, read_hyperparameters, whole_number
from .gate import Limits, parse_limits

FEWEST_BACKTEST_MONTHS = 60
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

    `backtest_months`: target months of the backtest, fewer where the history is too short for them (but no fewer than
    `FEWEST_BACKTEST_MONTHS`); `warm_up_months`: those before it whose errors make the first
    intervals; tuning has what comes before that. `linear_refit_months`, `tree_refit_months`: after how many months of
    the backtest a part is estimated anew. `excluded_months` (`YYYY-MM..YYYY-MM`, or `none`): pairs of origin and target
    that touch them teach nothing and are scored apart; by default the months in which the pandemic's lay-offs and
    recalls drown every other relation. `time_budget_seconds` ends tuning early on a slow machine; a job that it cuts
    short is as good, but no longer the same bit for bit. `gate`: the limits that the model has to keep at a horizon
    to serve it (gate.py).
    """

    model: str = "macro"
    target: str = "UNRATE"
    horizons: tuple[int, ...] = (1, 3, 6, 12)
    seed: int = 7
    trials: int = 20
    time_budget_seconds: float = 900.0
    backtest_months: int = 180
    warm_up_months: int = 60
    linear_refit_months: int = 3
    tree_refit_months: int = 12
    excluded_months: Span | None = PANDEMIC
    mlflow_tracking_uri: str = ""
    gate: Limits = field(default_factory=Limits)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "JobParameters":
        """Read hyperparameters; raises InvalidParameterError."""
        return replace(cls(), **read_hyperparameters(given, _READERS))


def _horizons(text: str) -> tuple[int, ...]:
    read = whole_number(1, 36)
    found = sorted({read(part) for part in text.split(",")})
    return tuple(found)


def _span(text: str) -> Span | None:
    if text.lower() in {"", "none"}:
        return None
    first, dots, last = text.partition("..")
    if not dots:
        raise ValueError(f"'{text}' is not a span; write YYYY-MM..YYYY-MM or none")
    span = Span(parse_month(first), parse_month(last))
    if span.first > span.last:
        raise ValueError(f"'{text}' ends before it starts")
    return span


_READERS: Mapping[str, Reader] = {
    **EVERY_JOB,
    "horizons": _horizons,
    "backtest_months": whole_number(24, 600),
    "warm_up_months": whole_number(0, 240),
    "linear_refit_months": whole_number(1, 60),
    "tree_refit_months": whole_number(1, 60),
    "excluded_months": _span,
    "gate": parse_limits,
}
