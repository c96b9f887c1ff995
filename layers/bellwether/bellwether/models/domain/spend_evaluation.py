"""The evaluation report (`evaluation.json`) of a spend forecast."""

from typing import Annotated, Any

from pydantic import Field

from bellwether.models.domain.evaluation import IntervalCoverage, TrainedReport
from bellwether.models.domain.report_schema import Error, Finite, Month, Report, Share


class SpendErrors(Report):
    """Errors of month totals: `mse` and `rmse` in currency, the others are shares of the actual, 0.1 = 10%."""

    mse: Error
    rmse: Error
    mape: Error
    median_ape: Error
    within_12: Share  # within the FinOps Foundation's run level
    bias: Finite


class SpendPart(Report):
    """MAPE of the model and its baselines on a part of the forecasts."""

    n: Annotated[int, Field(ge=1)]
    mape: dict[str, Error]


class SpendDay(SpendPart):
    """Forecasts made on one day of the month."""

    day: Annotated[int, Field(ge=1, le=31)]


class SpendSlice(SpendPart):
    """Forecasts for a part of the accounts, such as those that spend little."""

    slice: str


class SpendWindow(Report):
    """Months whose totals were forecast."""

    first_month: Month
    last_month: Month


class SpendReport(TrainedReport):
    """Month totals of accounts in months that had no part in the choice of the model.

    `scored_share` is the part of the spend that was forecast and scored; the rest is too small to forecast.
    """

    window: SpendWindow
    n: Annotated[int, Field(ge=1)]
    scored_share: Share
    errors: dict[str, SpendErrors]
    by_day: tuple[SpendDay, ...]
    slices: tuple[SpendSlice, ...] = ()
    intervals: tuple[IntervalCoverage, ...]
    candidates: dict[str, Error] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    tuning: dict[str, Any] = Field(default_factory=dict)
