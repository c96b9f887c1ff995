"""The monitoring report of one model version (`report.json`)."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.monitoring.domain.accuracy import AccuracyState
from bellwether.monitoring.domain.drift import Aspect, DriftState


class ReportPart(BaseModel):
    """Frozen; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ComparisonReport(ReportPart):
    """One aspect of a column; `psi` is without its bias."""

    aspect: Aspect
    p_value: float
    psi: float
    then: float | None = None
    now: float | None = None
    moved: bool = False


class ColumnReport(ReportPart):
    """One column of what was asked or answered. `then` and `now` are counts by the bins that `labels` name."""

    name: str
    is_prediction: bool
    state: DriftState
    rows: int
    independent_rows: float
    rows_missing: int
    comparisons: tuple[ComparisonReport, ...]
    labels: tuple[str, ...]
    then: tuple[int, ...]
    now: tuple[int, ...]
    missing_then: int
    missing_now: int

    @property
    def p_value(self) -> float | None:
        """The smallest of its comparisons."""
        return min((each.p_value for each in self.comparisons), default=None)

    @property
    def psi(self) -> float | None:
        """The largest of its comparisons."""
        return max((each.psi for each in self.comparisons), default=None)


class DriftReport(ReportPart):
    """All columns. A comparison had to show p at most `p_value_max`, and a PSI above `psi_floor`."""

    state: DriftState
    comparisons: int
    p_value_max: float
    psi_floor: float
    columns: tuple[ColumnReport, ...]


class AccuracyReport(ReportPart):
    """Errors of one kind of prediction, beside those that the version was accepted on."""

    kind: str
    state: AccuracyState
    actuals: int
    actuals_missing: int
    rmse: float | None
    rmse_ratio: float | None
    p_value: float | None
    bias: float | None
    mape: float | None
    coverage: float | None
    expected_rmse: float | None
    baselines: dict[str, float]


class EstimateReport(ReportPart):
    """What the answers say of their own accuracy, before anything has come true."""

    answers: int
    mean_absolute_error: float | None
    mean_confidence: float | None


class WeekReport(ReportPart):
    """Errors by the week in which the predictions were asked for."""

    week: str
    predictions: int
    rmse: float


class MonitorReport(ReportPart):
    """One look at one model. Times are UTC; `since` and `until` bound the requests that drift was measured on."""

    schema_version: int = 1
    model: str
    target: str
    version: int
    model_version: str
    measured_at: AwareDatetime
    since: AwareDatetime
    until: AwareDatetime
    accuracy_since: AwareDatetime
    answered: int
    refused: int
    failed: int
    predictions: int
    shadowed: int
    rmse_ratio_max: float
    interval_level: float | None
    drift: DriftReport
    accuracy_state: AccuracyState
    accuracy: tuple[AccuracyReport, ...]
    estimate: EstimateReport | None
    weeks: tuple[WeekReport, ...]
    findings: tuple[str, ...]
    remarks: tuple[str, ...] = Field(description="What could not be measured, and what is missing")

    @property
    def is_drifted(self) -> bool:
        """Whether any column moved."""
        return self.drift.state is DriftState.DRIFTED

    @property
    def is_inaccurate(self) -> bool:
        """Whether errors exceed the backtest's, surely."""
        return self.accuracy_state is AccuracyState.INACCURATE

    @property
    def drifted(self) -> tuple[ColumnReport, ...]:
        """Columns that moved."""
        return tuple(each for each in self.drift.columns if each.state is DriftState.DRIFTED)

    @property
    def rmse_ratio(self) -> float | None:
        """The largest ratio among kinds with enough actuals; None if there is none."""
        judged = (AccuracyState.AS_EXPECTED, AccuracyState.INACCURATE)
        ratios = [each.rmse_ratio for each in self.accuracy if each.state in judged and each.rmse_ratio is not None]
        return max(ratios, default=None)
