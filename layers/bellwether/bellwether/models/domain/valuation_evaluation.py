"""The evaluation report (`evaluation.json`) of a valuation model."""

from typing import Annotated, Any

from pydantic import Field

from bellwether.models.domain.evaluation import Importance, IntervalCoverage, TrainedReport
from bellwether.models.domain.report_schema import Count, Error, Finite, Report, Share


class ErrorComparison(Report):
    """The model against one baseline; `p_value` is one-sided: small means the model's errors are smaller."""

    mape_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    dm_statistic: Finite
    p_value: Share


class ValuationSlice(Report):
    """Errors on a part of the sales (a place, a price band, …)."""

    slice: str
    n: Annotated[int, Field(ge=1)]
    mape: dict[str, Error]


class ValuationMetrics(Report):
    """How a model values sales that it has not seen; `mape` and `bias` are shares of the price, 0.1 = 10%."""

    n: Annotated[int, Field(ge=1)]
    mape: dict[str, Error]
    rmse: dict[str, Error]
    r2: Annotated[float, Field(le=1, allow_inf_nan=False)]
    bias: Finite
    versus: dict[str, ErrorComparison]
    intervals: tuple[IntervalCoverage, ...]
    slices: tuple[ValuationSlice, ...] = ()


class LossPoint(Report):
    """The error of log prices after so many rounds, on what was learned from and on what came later."""

    round: Count
    train: Error
    eval: Error


class TrainingEffort(Report):
    """What training took."""

    seconds: Error
    rounds: Count
    loss_curve: tuple[LossPoint, ...] = ()


class ValuationReport(TrainedReport):
    """A valuation's errors on sales later than all it learned from: `holdout` decides, `eval` is what it was tuned on.

    `split` says by which days the sales were divided; in `holdout_online` the price index is kept up to date.
    """

    split: dict[str, Any]
    holdout: ValuationMetrics
    holdout_online: ValuationMetrics | None = None
    eval: ValuationMetrics | None = None
    training: TrainingEffort | None = None
    feature_importance: tuple[Importance, ...] = ()
