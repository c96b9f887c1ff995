"""Types of the model catalogue: the specification of a dataset or model, and its policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType


@dataclass(frozen=True)
class SkillLimit:
    """What a candidate has to show against one baseline at one horizon.

    Its RMSE has to stay below `rmse_ratio_below` times the baseline's; `p_value_max`, where given, limits the
    one-sided p-value of the Diebold-Mariano test.
    """

    horizon_months: int
    baseline: str
    rmse_ratio_below: float
    p_value_max: float | None = None


@dataclass(frozen=True)
class RecessionPolicy:
    """What the chance of a recession has to show: a lower Brier score than the probit's, and no bias to speak of.

    `bias_sigmas` counts standard errors of a base rate among as many origins as don't look at the same months.
    """

    origins_min: int = 60
    brier_ratio_below: float = 1.0
    bias_sigmas: float = 2.0


@dataclass(frozen=True)
class GatePolicy:
    """Limits of the quality gate of one model. Ratios and shares are plain numbers, 1.0 = the same.

    `fallback_rmse_ratio_max` holds for what serves a horizon where the model fails: it claims no skill, but must not do
    much worse than a baseline.
    """

    skill: tuple[SkillLimit, ...]
    interval_level: float
    interval_tolerance: float
    slice_rmse_ratio_max: float
    slice_points_min: int
    backtest_points_min: int
    fallback_rmse_ratio_max: float = 1.05
    recession: RecessionPolicy | None = None

    @property
    def hyperparameter(self) -> str:
        """The limits as the training job reads them: they decide which horizons the model itself serves."""
        parts = [
            *(
                f"h{each.horizon_months} {each.baseline} {each.rmse_ratio_below}"
                + (f" {each.p_value_max}" if each.p_value_max is not None else "")
                for each in self.skill
            ),
            f"interval {self.interval_level} {self.interval_tolerance}",
            f"slice {self.slice_rmse_ratio_max} {self.slice_points_min}",
        ]
        if self.recession is not None:
            head = self.recession
            parts.append(f"recession {head.origins_min} {head.brier_ratio_below} {head.bias_sigmas}")
        return "; ".join(parts)

    @property
    def horizons_months(self) -> tuple[int, ...]:
        """Horizons that the policy names, in order."""
        return tuple(sorted({limit.horizon_months for limit in self.skill}))


class DatasetKind(StrEnum):
    """What a dataset holds; decides the schema of its manifest."""

    SERIES = "series"
    SALES = "sales"
    SPEND = "spend"


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset's kind and its location in the data bucket.

    `folder` is the first part of all its keys, `file_name` the name of its data file, also in a frozen copy.
    """

    name: str
    folder: str
    file_name: str
    kind: DatasetKind
    fresh_days: int = 62  # age at which it counts as stale, from its last day or month

    @property
    def data_key(self) -> str:
        """Where ingestion leaves the data."""
        return f"{self.folder}/train/{self.file_name}"

    @property
    def manifest_key(self) -> str:
        """Where ingestion leaves the manifest."""
        return f"{self.folder}/train/manifest.json"

    @property
    def inbox(self) -> str:
        """Where people drop files."""
        return f"{self.folder}/inbox/"

    @property
    def originals(self) -> str:
        """Where files are kept as they came."""
        return f"{self.folder}/originals/"

    @property
    def quarantine(self) -> str:
        """Where files go with something wrong in them."""
        return f"{self.folder}/quarantine/"


@dataclass(frozen=True)
class AgreementPolicy:
    """Limits of the gate of a model that is judged by labelled texts; differences are to a model that says neutral."""

    texts_min: int
    accuracy_gain_min: float
    macro_f1_gain_min: float


@dataclass(frozen=True)
class CapturePolicy:
    """What is kept of predictions: `sample_share` of the requests, without the input columns named in `redacted`."""

    sample_share: float = 1.0
    redacted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MonitorPolicy:
    """When served predictions give an alarm.

    `family_alpha` is the chance of a false alarm in one look at all features together; a drift below `psi_floor` (PSI
    without its bias) is too small to matter, however sure. Accuracy alarms above `rmse_ratio_max` times the backtest's
    own error, over predictions of the last `accuracy_days`. With fewer than `rows_min` predictions or `actuals_min`
    actuals nothing is said.
    """

    family_alpha: float = 0.01
    psi_floor: float = 0.02
    rows_min: int = 50
    window_days: int = 30
    accuracy_days: int = 90
    rmse_ratio_max: float = 1.5
    actuals_min: int = 12


@dataclass(frozen=True)
class RetrainPolicy:
    """How often and how dearly a model may be trained anew by itself; a person's order is bound by nothing of this."""

    cooldown_days: float = 7.0
    monthly_budget_usd: Decimal = Decimal("5.00")


class Loss(StrEnum):
    """What an error costs when two versions are compared: as it is, or as a share of the truth."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"


@dataclass(frozen=True)
class GuardPolicy:
    """When a version is taken out of service by itself.

    No more than `error_share_max` of its requests may fail, and 95% of its answers have to come within
    `latency_p95_ms_max`, unless the other version does no better; `alpha` is the chance that a version that keeps a
    limit exactly is ever taken for one that breaks it, however often anybody looks. Before `requests_min` requests
    nothing is said.
    """

    error_share_max: float = 0.02
    latency_p95_ms_max: float = 3000.0  # a cold start of a serverless endpoint has to have room
    alpha: float = 0.01
    requests_min: int = 20


@dataclass(frozen=True)
class ExperimentPolicy:
    """How a challenger is judged.

    `alpha` is the chance, over the whole experiment, of calling a challenger better that is not, and the same of
    giving up one whose losses are smaller by `worthwhile` or more. Before `points_min` pairs nothing is said.
    """

    loss: Loss = Loss.ABSOLUTE
    alpha: float = 0.05
    worthwhile: float = 0.05
    points_min: int = 30
    guard: GuardPolicy = field(default_factory=GuardPolicy)


@dataclass(frozen=True)
class ProbationPolicy:
    """How long a version is watched after it went into service: so many hours or requests, whichever ends first."""

    hours: float = 24.0
    requests_max: int = 2000
    guard: GuardPolicy = field(default_factory=GuardPolicy)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model as registry and deployment see it: its names in SageMaker and the size of its endpoint."""

    name: str
    target: str
    description: str  # of the package group; changing it replaces the group
    package_group: str
    endpoint_name: str
    endpoint_memory_mb: int
    endpoint_max_concurrency: int
    golden_relative_tolerance: float = 1e-4
    capture: CapturePolicy = field(default_factory=CapturePolicy)
    monitor: MonitorPolicy = field(default_factory=MonitorPolicy)
    experiment: ExperimentPolicy = field(default_factory=ExperimentPolicy)
    probation: ProbationPolicy = field(default_factory=ProbationPolicy)
    keep_versions: int = 3  # in the registry's front row, besides whatever serves

    @property
    def challenger_endpoint_name(self) -> str:
        """Where a version answers that competes with the one in service."""
        return f"{self.endpoint_name}-Challenger"

    def artifact_name(self, version: int, bundle_sha256: str) -> str:
        """Name of one version's SageMaker model and endpoint configuration: the same bundle gets the same name."""
        return f"{self.name}-v{version}-{bundle_sha256[:8]}"

    def model_version(self, bundle_sha256: str) -> str:
        """What the endpoint calls itself in each answer."""
        return f"{self.name}-{bundle_sha256[:8]}"


@dataclass(frozen=True, kw_only=True)
class TrainedSpec(ModelSpec):
    """A model that is trained here on a dataset and judged by a report of the job that trained it."""

    dataset: DatasetSpec
    schedule: str  # when it is trained anew by itself, as EventBridge Scheduler takes it; UTC
    hyperparameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    has_error_alarm: bool = True  # whether an alarm on errors of its predictions requests a training
    retrain: RetrainPolicy = field(default_factory=RetrainPolicy)


@dataclass(frozen=True, kw_only=True)
class ForecastSpec(TrainedSpec):
    """Forecasts a series some months ahead; judged by a backtest."""

    horizons_months: tuple[int, ...]
    policy: GatePolicy


@dataclass(frozen=True)
class ValuationPolicy:
    """Limits of the gate of a model that puts a value on single things; shares are plain numbers, 1.0 = all.

    MAPE has to stay below `mape_ratio_below` times each baseline's, with a one-sided p-value of at most `p_value_max`;
    the mean relative error below `bias_max` either way; the interval has to hold its level within the tolerance.
    """

    baselines: tuple[str, ...]
    mape_ratio_below: float
    p_value_max: float
    bias_max: float
    interval_level: float
    interval_tolerance: float
    slice_mape_ratio_max: float
    slice_rows_min: int
    holdout_rows_min: int


@dataclass(frozen=True, kw_only=True)
class ValuationSpec(TrainedSpec):
    """Puts a value on single things, such as a house; judged by a holdout that is later than all it learned from."""

    policy: ValuationPolicy


@dataclass(frozen=True)
class SpendGatePolicy:
    """Limits of the gate of a spend forecast; shares are plain numbers, 1.0 = all.

    RMSE and MAPE of month totals may be at most these ratios of each baseline's; on parts (days of the month on which
    forecasts were made, sizes of spend) MAPE is compared with the first baseline's alone. `intervals` are levels with
    their tolerances. `scored_share_min` is the part of the spend that must be large enough to be forecast.
    """

    baselines: tuple[str, ...] = ("weekly_naive", "optscale_rule")
    rmse_ratio_max: float = 1.0
    mape_ratio_max: float = 1.0
    slice_mape_ratio_max: float = 1.25
    slice_forecasts_min: int = 24
    days: tuple[int, ...] = (5, 10, 15, 20, 25)
    bias_max: float = 0.05
    intervals: tuple[tuple[float, float], ...] = ((0.8, 0.1), (0.95, 0.05))
    forecasts_min: int = 12
    scored_share_min: float = 0.8


@dataclass(frozen=True, kw_only=True)
class SpendSpec(TrainedSpec):
    """Forecasts spend to the end of the month; judged by month totals that were forecast on several days."""

    policy: SpendGatePolicy = field(default_factory=SpendGatePolicy)


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec(ModelSpec):
    """A model that arrives as a finished bundle and is judged by how well it agrees with people's labels."""

    policy: AgreementPolicy
