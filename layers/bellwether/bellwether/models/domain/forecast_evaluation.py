"""The evaluation report (`evaluation.json`) of a forecasting model."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from bellwether.models.domain.evaluation import Importance, IntervalCoverage, TrainedReport
from bellwether.models.domain.report_schema import Count, Error, Finite, Month, Report, Share
from bellwether.shared.domain.field_types import NonEmptyText


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


Errors = dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]


class Method(StrEnum):
    """What makes the forecasts of a horizon."""

    MODEL = "model"
    MEAN = "mean_of_model_and_ar"
    AR = "ar"
    RANDOM_WALK = "random_walk"

    @property
    def title_text(self) -> str:
        """How a sentence names it."""
        return {"model": "the model", "mean_of_model_and_ar": "the mean of model and AR", "ar": "AR"}.get(
            self, "random walk"
        )


class ForecastErrors(Report):
    """Backtest of one way to forecast at one horizon, beside `random_walk` and `ar`, in units of the target."""

    n: Annotated[int, Field(ge=1)]
    rmse: Errors
    mae: Errors
    bias: Annotated[float, Field(allow_inf_nan=False)]
    versus: dict[str, Comparison]
    intervals: tuple[IntervalCoverage, ...]
    slices: tuple[SliceMetrics, ...] = ()


class FallbackEvaluation(ForecastErrors):
    """What serves where the model fails: at each origin the method that did best by then, by settled errors.

    `method` is the one for the next forecast, `shares` how often each was chosen in the backtest.
    """

    rule: str = ""
    method: Method
    shares: dict[Method, Share] = Field(default_factory=dict)


class HorizonEvaluation(ForecastErrors):
    """Backtest of the model at one horizon, and which method serves; `model_fails` says why it is not the model.

    `apart`: parts that are in no other figure, such as targets in 2020. Reports from before there were fallbacks have
    none, and the model serves.
    """

    horizon_months: Annotated[int, Field(ge=1)]
    method: Method = Method.MODEL
    model_fails: tuple[str, ...] = ()
    fallback: FallbackEvaluation | None = None
    apart: tuple[SliceMetrics, ...] = ()

    @property
    def served_rmse(self) -> float | None:
        """Error of what serves; None where the report lacks it."""
        if self.method is Method.MODEL:
            return self.rmse.get("model")
        return None if self.fallback is None else self.fallback.rmse.get("fallback")


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
    """Why a candidate gives no probability; with the figures of a head that failed its gate."""

    left_out: NonEmptyText
    evaluation: RecessionEvaluation | None = None


class EvaluationReport(TrainedReport):
    """The backtest of a candidate that forecasts."""

    backtest: dict[str, Any]
    horizons: Annotated[tuple[HorizonEvaluation, ...], Field(min_length=1)]
    recession: RecessionEvaluation | HeadLeftOut | None = None
    feature_importance: tuple[Importance, ...] = ()
