"""What the two sides of training agree on: the files `manifest.json`, `bundle.json`, `evaluation.json`.

Jobs write them without importing this package; these types read them and refuse what does not fit.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Error = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


# --- manifest.json: beside the data that a model is trained on ------------------------------------------------------


class Manifest(_Report, ABC):
    """What training needs to know of any dataset: which bytes it is, and from when until when it reaches."""

    schema_version: Literal[1]
    dataset: str
    sha256: Sha256
    rows: Annotated[int, Field(ge=1)]

    @property
    @abstractmethod
    def begins(self) -> str:
        """First month or day."""

    @property
    @abstractmethod
    def ends(self) -> str:
        """Last month or day."""

    @property
    @abstractmethod
    def origins(self) -> dict[str, str]:
        """Where each of its columns comes from, as far as is known."""


class SeriesEntry(_Report):
    """One column of the merged file."""

    series: str
    title: str
    unit: str
    frequency: Literal["daily", "weekly", "monthly", "quarterly"]
    aggregation: Literal["mean", "last", "sum"]
    tcode: Annotated[int, Field(ge=1, le=7)]
    publication_lag_months: Annotated[int, Field(ge=0)]
    first_month: Month
    last_month: Month
    rows: Annotated[int, Field(ge=1)]
    vintage: str
    sha256: Sha256


class DatasetManifest(Manifest):
    """What is in `fred_merged_data.csv`: one row a month end, one column a series, by reference month, not shifted.

    A series' value for month m is known `publication_lag_months` months after m; features have to respect that.
    """

    first_month: Month
    last_month: Month
    series: Annotated[tuple[SeriesEntry, ...], Field(min_length=1)]

    @property
    def begins(self) -> str:
        """First month."""
        return self.first_month

    @property
    def ends(self) -> str:
        """Last month."""
        return self.last_month

    @property
    def origins(self) -> dict[str, str]:
        """Vintage of each series."""
        return {entry.series: entry.vintage for entry in self.series}


class SalesColumn(_Report):
    """One column of the sales. `monotone`: as it rises, the price may only rise (1), may only fall (-1), or do both."""

    name: str
    role: Literal["id", "date", "price", "number", "category", "latitude", "longitude"]
    unit: str = ""
    minimum: Finite | None = None
    maximum: Finite | None = None
    fill: Literal["refuse", "unknown"] = "refuse"
    monotone: Literal[-1, 0, 1] = 0


class SalesManifest(Manifest):
    """What is in `sales.csv`: one row a sale, by day; `layout` names the description that its files were read by."""

    layout: str = ""
    first_day: Day
    last_day: Day
    columns: Annotated[tuple[SalesColumn, ...], Field(min_length=2)]

    @property
    def begins(self) -> str:
        """Day of the first sale."""
        return self.first_day

    @property
    def ends(self) -> str:
        """Day of the last sale."""
        return self.last_day

    @property
    def origins(self) -> dict[str, str]:
        """All columns come from files of one layout."""
        return {column.name: self.layout for column in self.columns}


# --- bundle.json: inside model.tar.gz -------------------------------------------------------------------------------


class InputColumn(_Report):
    """One column a caller may send; `fill` says what happens when it is left out."""

    name: str
    kind: Literal["number", "category"] = "number"
    unit: str = ""
    fill: Literal["refuse", "last_known", "unknown"]
    minimum: float | None = None
    maximum: float | None = None


class Golden(_Report):
    """A request kept with the model and the response it gave when it was trained."""

    request: dict[str, Any]
    response: dict[str, Any]


class NumericReference(_Report):
    """How often a figure fell between edges in training: `counts[i]` lie above `edges[i - 1]`, not above `edges[i]`."""

    kind: Literal["numeric"]
    edges: tuple[Finite, ...]
    counts: tuple[Count, ...]
    missing: Count = 0


class CategoricalReference(_Report):
    """How often each level came in training; `other` counts levels that were too rare to be named."""

    kind: Literal["categorical"]
    levels: dict[str, Count]
    other: Count = 0
    missing: Count = 0


Reference = Annotated[NumericReference | CategoricalReference, Field(discriminator="kind")]


class DriftReference(_Report):
    """What served inputs and answers are compared with; empty for a model that nothing is known of.

    A model that gives one figure calls it `prediction`.
    """

    features: dict[str, Reference] = Field(default_factory=dict)
    prediction: dict[str, NumericReference] = Field(default_factory=dict)
    rows: Count = 0

    @field_validator("prediction", mode="before")
    @classmethod
    def _of_one_figure(cls, value: object) -> object:
        return {"prediction": value} if isinstance(value, dict) and "kind" in value else value


class BundleManifest(_Report):
    """A model and all that belongs to it; `parts` maps each other file of the tar to its SHA-256."""

    schema_version: Literal[1]
    model: str
    target: str
    unit: str
    horizons_months: tuple[int, ...] = ()
    inputs: Annotated[tuple[InputColumn, ...], Field(min_length=1)]
    features: tuple[str, ...]
    training_window: dict[str, Any]
    dataset_sha256: Sha256
    seed: int
    metrics: dict[str, Any]
    recession: dict[str, Any] | None = None  # the second head of a forecaster of unemployment, or why it is left out
    drift_reference: DriftReference
    golden: Golden
    parts: Annotated[dict[str, Sha256], Field(min_length=1)]

    @field_validator("drift_reference", mode="before")
    @classmethod
    def _of_older_bundles(cls, value: object) -> object:
        """Versions from before references had kinds stay fit to be rolled back to; theirs were of figures only."""
        if isinstance(value, dict) and value and "features" not in value:
            return {"features": {name: {"kind": "numeric", **each} for name, each in value.items()}}
        return value


# --- evaluation.json: what the gate reads ---------------------------------------------------------------------------


class Comparison(_Report):
    """The model against one baseline; `p_value` is one-sided: small means the model's errors are smaller."""

    rmse_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    dm_statistic: float
    p_value: Annotated[float, Field(ge=0, le=1)]


class IntervalCoverage(_Report):
    """How often the interval held the truth in the backtest, beside how often it should."""

    level: Annotated[float, Field(gt=0, lt=1)]
    coverage: Annotated[float, Field(ge=0, le=1)]
    mean_width: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SliceMetrics(_Report):
    """Errors on a part of the backtest (a period, recessions, …)."""

    slice: str
    n: Annotated[int, Field(ge=1)]
    rmse: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]


class HorizonEvaluation(_Report):
    """Backtest of one horizon; `rmse` and `mae` of `model`, `random_walk` and `ar`, in units of the target."""

    horizon_months: Annotated[int, Field(ge=1)]
    n: Annotated[int, Field(ge=1)]
    rmse: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    mae: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    bias: Annotated[float, Field(allow_inf_nan=False)]
    versus: dict[str, Comparison]
    intervals: tuple[IntervalCoverage, ...]
    slices: tuple[SliceMetrics, ...] = ()


class Importance(_Report):
    """Share of a feature in the model, all shares adding up to 1."""

    feature: str
    share: Annotated[float, Field(ge=0, le=1)]


class CandidateReport(_Report):
    """What every candidate's figures begin with: of which model and bundle; without data if it was not trained here."""

    schema_version: Literal[1]
    model: str
    target: str
    bundle_sha256: Sha256
    dataset_sha256: Sha256 | None = None


class TrainedReport(CandidateReport):
    """Figures of a candidate that a job has trained here, written by it beside the bundle."""

    unit: str
    dataset_sha256: Sha256
    seed: int


class ProbabilityComparison(_Report):
    """The model's probabilities against a baseline's; `p_value` is one-sided: small means the model is better."""

    brier_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    dm_statistic: Finite
    p_value: Share


class ReliabilityBin(_Report):
    """Probabilities between two limits: their mean, beside how often it happened."""

    lower: Share = Field(alias="from")
    upper: Share = Field(alias="to")
    n: Annotated[int, Field(ge=1)]
    mean_probability: Share
    observed_share: Share


class ProbabilitySlice(_Report):
    """Scores on a part of the backtest; no AUC where all outcomes are equal."""

    slice: str
    n: Annotated[int, Field(ge=1)]
    brier: dict[str, Share]
    log_loss: dict[str, Error]
    auc: dict[str, Share | None]


class RecessionEvaluation(_Report):
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


class HeadLeftOut(_Report):
    """Why a candidate gives no probability."""

    left_out: Annotated[str, Field(min_length=1)]


class EvaluationReport(TrainedReport):
    """The backtest of a candidate that forecasts."""

    backtest: dict[str, Any]
    horizons: Annotated[tuple[HorizonEvaluation, ...], Field(min_length=1)]
    recession: RecessionEvaluation | HeadLeftOut | None = None
    feature_importance: tuple[Importance, ...] = ()


# --- evaluation.json of a valuation -----------------------------------------------------------------------------------


class ErrorComparison(_Report):
    """The model against one baseline; `p_value` is one-sided: small means the model's errors are smaller."""

    mape_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    dm_statistic: Finite
    p_value: Share


class ValuationSlice(_Report):
    """Errors on a part of the sales (a place, a price band, …)."""

    slice: str
    n: Annotated[int, Field(ge=1)]
    mape: dict[str, Error]


class ValuationMetrics(_Report):
    """How a model values sales that it has not seen; `mape` and `bias` are shares of the price, 0.1 = 10%."""

    n: Annotated[int, Field(ge=1)]
    mape: dict[str, Error]
    rmse: dict[str, Error]
    r2: Annotated[float, Field(le=1, allow_inf_nan=False)]
    bias: Finite
    versus: dict[str, ErrorComparison]
    intervals: tuple[IntervalCoverage, ...]
    slices: tuple[ValuationSlice, ...] = ()


class LossPoint(_Report):
    """The error of log prices after so many rounds, on what was learned from and on what came later."""

    round: Count
    train: Error
    eval: Error


class TrainingEffort(_Report):
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


# --- evaluation.json of a classifier ----------------------------------------------------------------------------------


class Agreement(_Report):
    """How well labels agree with people's, on `n` texts. `macro_f1` is the plain mean of the labels' F1."""

    n: Annotated[int, Field(ge=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    macro_f1: Annotated[float, Field(ge=0, le=1)]


class LabelledSet(_Report):
    """A set of labelled texts: the model on it, beside one that always says neutral."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]  # becomes part of names
    model: Agreement
    all_neutral: Agreement


class AgreementReport(CandidateReport):
    """What a classifier was measured by; comes beside its bundle."""

    engine: str
    sets: Annotated[tuple[LabelledSet, ...], Field(min_length=1)]
