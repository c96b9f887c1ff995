"""The evaluation report (`evaluation.json`) of a forecasting model."""

from typing import Annotated, Any

from pydantic import Field

from bellwether.models.domain.evaluation import Importance, IntervalCoverage, TrainedReport
from bellwether.models.domain.report_schema import Count, Error, Finite, Month, Report, Share


class Comparison(Report):
    """The model against one baseline; `p_value` is one-sided: small means the model's errors are smaller."""

    rmse_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    dm_statistic: float
    p_value: Annotated[float, Field(ge=0, le=1)]


class SliceMetrics(Report):
    """Errors on a part of the backtest (a period, recessions, …)."""

    slice: str
    n: Annotated[int, Field(ge=1)]
    rmse: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]


class HorizonEvaluation(Report):
    """Backtest of one horizon; `rmse` and `mae` of `model`, `random_walk` and `ar`, in units of the target."""

    horizon_months: Annotated[int, Field(ge=1)]
    n: Annotated[int, Field(ge=1)]
    rmse: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    mae: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    bias: Annotated[float, Field(allow_inf_nan=False)]
    versus: dict[str, Comparison]
    intervals: tuple[IntervalCoverage, ...]
    slices: tuple[SliceMetrics, ...] = ()


class ProbabilityComparison(Report):
    """The model's probabilities against a baseline's; `p_value` is one-sided: small means the model is better."""

    brier_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    dm_statistic: Finite
    p_value: Share


class ReliabilityBin(Report):
    """Probabilities between two limits: their mean, beside how often it happened."""

    lower: Share = Field(alias="from")
    upper: Share = Field(alias="to")
    n: Annotated[int, Field(ge=1)]
    mean_probability: Share
    observed_share: Share


class ProbabilitySlice(Report):
    """Scores on a part of the backtest; no AUC where all outcomes are equal."""

    slice: str
    n: Annotated[int, Field(ge=1)]
    brier: dict[str, Share]
    log_loss: dict[str, Error]
    auc: dict[str, Share | None]


class RecessionEvaluation(Report):
    """Backtest of the chance of a recession, of `model` and `probit`; `bias` is mean probability less base rate.

    `n` counts origins, `recessions` those of them right before a recession: labels of neighbours overlap.
    """

    within_months: Annotated[int, Field(ge=1)]
    label_embargo_months: Annotated[int, Field(ge=1)]
    first_origin: Month
    last_origin: Month
    n: Annotated[int, Field(ge=1)]
    recessions: Count
    base_rate: Share
    brier: dict[str, Share]
    log_loss: dict[str, Error]
    auc: dict[str, Share | None]
    bias: Annotated[float, Field(ge=-1, le=1)]
    versus: dict[str, ProbabilityComparison]
    reliability: tuple[ReliabilityBin, ...] = ()
    slices: tuple[ProbabilitySlice, ...] = ()


class HeadLeftOut(Report):
    """Why a candidate gives no probability."""

    left_out: Annotated[str, Field(min_length=1)]


class EvaluationReport(TrainedReport):
    """The backtest of a candidate that forecasts."""

    backtest: dict[str, Any]
    horizons: Annotated[tuple[HorizonEvaluation, ...], Field(min_length=1)]
    recession: RecessionEvaluation | HeadLeftOut | None = None
    feature_importance: tuple[Importance, ...] = ()
