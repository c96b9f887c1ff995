"""What the two sides of training agree on: the files `manifest.json`, `bundle.json`, `evaluation.json`.

Jobs write them without importing this package; these types read them and refuse what does not fit.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


# --- manifest.json: beside the merged data --------------------------------------------------------------------------


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


class DatasetManifest(_Report):
    """What is in `fred_merged_data.csv`: one row a month end, one column a series, by reference month, not shifted.

    A series' value for month m is known `publication_lag_months` months after m; features have to respect that.
    """

    schema_version: Literal[1]
    dataset: str
    sha256: Sha256
    rows: Annotated[int, Field(ge=1)]
    first_month: Month
    last_month: Month
    series: Annotated[tuple[SeriesEntry, ...], Field(min_length=1)]


# --- bundle.json: inside model.tar.gz -------------------------------------------------------------------------------


class InputColumn(_Report):
    """One figure a caller may send; `fill` says what happens when it is left out."""

    name: str
    unit: str
    fill: Literal["refuse", "last_known"]
    minimum: float | None = None
    maximum: float | None = None


class Golden(_Report):
    """A request kept with the model and the response it gave when it was trained."""

    request: dict[str, Any]
    response: dict[str, Any]


class BundleManifest(_Report):
    """A model and all that belongs to it; `parts` maps each other file of the tar to its SHA-256."""

    schema_version: Literal[1]
    model: str
    target: str
    unit: str
    horizons_months: Annotated[tuple[int, ...], Field(min_length=1)]
    inputs: Annotated[tuple[InputColumn, ...], Field(min_length=1)]
    features: tuple[str, ...]
    training_window: dict[str, Any]
    dataset_sha256: Sha256
    seed: int
    metrics: dict[str, Any]
    drift_reference: dict[str, Any]
    golden: Golden
    parts: Annotated[dict[str, Sha256], Field(min_length=1)]


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


class EvaluationReport(_Report):
    """The backtest of a candidate, written by the training job beside its bundle."""

    schema_version: Literal[1]
    model: str
    target: str
    unit: str
    dataset_sha256: Sha256
    bundle_sha256: Sha256
    seed: int
    backtest: dict[str, Any]
    horizons: Annotated[tuple[HorizonEvaluation, ...], Field(min_length=1)]
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


class AgreementReport(_Report):
    """What a classifier was measured by; comes beside its bundle."""

    schema_version: Literal[1]
    model: str
    target: str
    engine: str
    bundle_sha256: Sha256
    sets: Annotated[tuple[LabelledSet, ...], Field(min_length=1)]
