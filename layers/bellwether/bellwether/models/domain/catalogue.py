"""The model catalogue: every model with its dataset, its names in SageMaker and its policies."""

from collections.abc import Mapping
from types import MappingProxyType

from bellwether.models.domain.specs import (
    AgreementPolicy,
    ClassifierSpec,
    DatasetKind,
    DatasetSpec,
    ExperimentPolicy,
    ForecastSpec,
    GatePolicy,
    Loss,
    ModelSpec,
    MonitorPolicy,
    RecessionPolicy,
    SkillLimit,
    SpendSpec,
    TrainedSpec,
    ValuationPolicy,
    ValuationSpec,
)
from bellwether.shared.domain.errors import NotFoundError

FRED = DatasetSpec("fred", "fred-data", "fred_merged_data.csv", DatasetKind.SERIES, fresh_days=75)

MACRO_POLICY = GatePolicy(
    skill=(
        SkillLimit(1, "random_walk", 1.0, p_value_max=0.05),
        SkillLimit(1, "ar", 1.0, p_value_max=0.10),
        SkillLimit(3, "random_walk", 1.0, p_value_max=0.05),
        SkillLimit(3, "ar", 1.0, p_value_max=0.10),
        SkillLimit(6, "random_walk", 1.0),
        SkillLimit(6, "ar", 1.0),
        SkillLimit(12, "random_walk", 1.0),
        SkillLimit(12, "ar", 1.0),
    ),
    interval_level=0.8,
    interval_tolerance=0.10,
    slice_rmse_ratio_max=1.25,
    slice_points_min=12,
    backtest_points_min=60,
    recession=RecessionPolicy(),
)

MACRO = ForecastSpec(
    name="macro",
    description="the unemployment rate some months ahead, from FRED series",
    dataset=FRED,
    schedule="cron(0 15 10 * ? *)",  # when the month before is complete on FRED
    target="UNRATE",
    horizons_months=(1, 3, 6, 12),
    package_group="FredRecessionModels",
    endpoint_name="Fred-Serverless-Endpoint",
    endpoint_memory_mb=2048,
    endpoint_max_concurrency=5,
    monitor=MonitorPolicy(accuracy_days=400),  # one truth a month
    policy=MACRO_POLICY,
    hyperparameters=MappingProxyType(
        {
            "model": "macro",
            "target": "UNRATE",
            "horizons": "1,3,6,12",
            "seed": "7",
            "trials": "20",
            "gate": MACRO_POLICY.hyperparameter,
        }
    ),
)


SALES = DatasetSpec("housing", "housing-data", "sales.csv", DatasetKind.SALES)


HOUSING = ValuationSpec(
    name="housing",
    description="what a house is worth, from closed sales",
    dataset=SALES,
    schedule="cron(0 17 10 * ? *)",  # when the month before has been closed and recorded
    target="price",
    package_group="HousingPriceModels",
    endpoint_name="Housing-Serverless-Endpoint",
    endpoint_memory_mb=2048,
    endpoint_max_concurrency=5,
    policy=ValuationPolicy(
        baselines=("median_by_place",),
        mape_ratio_below=0.9,
        p_value_max=0.05,
        bias_max=0.05,
        interval_level=0.8,
        interval_tolerance=0.10,
        slice_mape_ratio_max=1.25,
        slice_rows_min=50,
        holdout_rows_min=200,
    ),
    experiment=ExperimentPolicy(loss=Loss.RELATIVE),
    hyperparameters=MappingProxyType({"model": "housing", "target": "price", "seed": "7", "trials": "4"}),
)


COSTS = DatasetSpec("cost", "cost-data", "spend.csv", DatasetKind.SPEND, fresh_days=7)


SPEND = SpendSpec(
    name="cloudspend",
    description="cloud spend to the end of the month and 90 days ahead, from daily charges",
    dataset=COSTS,
    schedule="cron(0 9 4 * ? *)",  # when the last days of the month before are no longer provisional
    target="effective_cost",
    package_group="CloudSpendModels",
    endpoint_name="CloudSpend-Serverless-Endpoint",
    endpoint_memory_mb=2048,
    endpoint_max_concurrency=2,  # answers "what if" questions only: the daily forecast calls no endpoint
    has_error_alarm=False,  # the scorecard compares each day's forecast with what came
    hyperparameters=MappingProxyType({"model": "cloudspend", "target": "effective_cost", "seed": "7", "trials": "4"}),
)


SENTIMENT = ClassifierSpec(
    name="sentiment",
    description="the tone of a headline",
    target="tone",
    package_group="NewsSentimentModels",
    endpoint_name="News-Sentiment-Serverless-Endpoint",
    endpoint_memory_mb=3072,  # FinBERT in int8; paid for only while it answers
    endpoint_max_concurrency=5,
    policy=AgreementPolicy(texts_min=200, accuracy_gain_min=0.02, macro_f1_gain_min=0.15),
    golden_relative_tolerance=0.02,  # another processor's arithmetic in int8
)


CATALOGUE: Mapping[str, ModelSpec] = MappingProxyType({spec.name: spec for spec in (MACRO, HOUSING, SPEND, SENTIMENT)})


def model_spec(name: str) -> ModelSpec:
    """Look a model up by its name; raises NotFoundError."""
    return _known(name, CATALOGUE)


def trained_spec(name: str) -> TrainedSpec:
    """Look up a model that is trained here; raises NotFoundError."""
    return _known(name, {each.name: each for each in CATALOGUE.values() if isinstance(each, TrainedSpec)})


def forecast_spec(name: str) -> ForecastSpec:
    """Look up a model that is trained here and asked for forecasts; raises NotFoundError."""
    return _known(name, {each.name: each for each in CATALOGUE.values() if isinstance(each, ForecastSpec)})


def valuation_spec(name: str) -> ValuationSpec:
    """Look up a model that is trained here and values single things; raises NotFoundError."""
    return _known(name, {each.name: each for each in CATALOGUE.values() if isinstance(each, ValuationSpec)})


def classifier_spec(name: str) -> ClassifierSpec:
    """Look up a model that classifies; raises NotFoundError."""
    return _known(name, {each.name: each for each in CATALOGUE.values() if isinstance(each, ClassifierSpec)})


def _known[S: ModelSpec](name: str, specs: Mapping[str, S]) -> S:
    try:
        return specs[name]
    except KeyError:
        known = ", ".join(sorted(specs))
        raise NotFoundError(f"there is no model '{name[:60]}'; known: {known}", field="model") from None


def spec_of_group(package_group: str) -> ModelSpec | None:
    """The model whose versions are registered in this group; None for a group that is not ours."""
    return next((spec for spec in CATALOGUE.values() if spec.package_group == package_group), None)
