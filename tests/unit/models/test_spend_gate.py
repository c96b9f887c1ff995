"""The gate of a spend forecast, and what people read about a candidate."""

from typing import Any

import pytest

from bellwether.models.domain.candidate_report import spend_summary
from bellwether.models.domain.specs import DatasetKind, DatasetSpec, SpendGatePolicy, SpendSpec
from bellwether.models.domain.spend_evaluation import SpendReport
from bellwether.models.domain.spend_gate import check_consistent, fidelity, gates
from bellwether.shared.domain.errors import InvalidInputError

SPEC = SpendSpec(
    name="cloudspend",
    description="cloud spend to the end of the month",
    dataset=DatasetSpec("cost", "cost-data", "spend.csv", DatasetKind.SPEND),
    schedule="cron(0 9 2 * ? *)",
    target="effective_cost",
    package_group="CloudSpendModels",
    endpoint_name="CloudSpend-Serverless-Endpoint",
    endpoint_memory_mb=2048,
    endpoint_max_concurrency=1,
)
DAYS = (1, 5, 10, 15, 20, 25)


def errors(rmse: float, mape: float, bias: float = 0.0) -> dict[str, float]:
    return {"mse": rmse**2, "rmse": rmse, "mape": mape, "median_ape": mape, "within_12": 0.9, "bias": bias}


def report(**changed: Any) -> SpendReport:
    mape = {"model": 0.04, "weekly_naive": 0.06, "optscale_rule": 0.05}
    content = {
        "schema_version": 1,
        "model": "cloudspend",
        "target": "effective_cost",
        "unit": "USD",
        "dataset_sha256": "a" * 64,
        "bundle_sha256": "b" * 64,
        "seed": 7,
        "window": {"first_month": "2026-07", "last_month": "2026-08"},
        "n": 240,
        "scored_share": 0.99,
        "errors": {
            "model": errors(80, 0.04, -0.01),
            "weekly_naive": errors(120, 0.06),
            "optscale_rule": errors(100, 0.05),
        },
        "by_day": [{"day": day, "n": 40, "mape": mape} for day in DAYS],
        "slices": [{"slice": "small spenders", "n": 80, "mape": mape}],
        "intervals": [
            {"level": 0.8, "coverage": 0.81, "mean_width": 0.2},
            {"level": 0.95, "coverage": 0.95, "mean_width": 0.4},
        ],
    }
    return SpendReport.model_validate(content | changed)


def failed(candidate: SpendReport) -> set[str]:
    return {gate.name for gate in gates(candidate, SPEC.policy) if not gate.passed}


def test_a_candidate_that_beats_both_rules_passes_every_gate() -> None:
    assert failed(report()) == set()
    assert {gate.name for gate in gates(report(), SPEC.policy)} >= {
        *("forecasts", "scored_share", "rmse_ratio.weekly_naive", "mape_ratio.optscale_rule", "mape_ratio.day_10"),
        *("bias", "interval_coverage.p80", "interval_coverage.p95", "slice.small_spenders"),
    }


OTHERS = {"weekly_naive": errors(120, 0.06), "optscale_rule": errors(100, 0.05)}
LEVELS = ({"level": 0.8, "coverage": 0.6, "mean_width": 0.1}, {"level": 0.95, "coverage": 0.99, "mean_width": 0.4})
WORSE = {"model": 0.09, "weekly_naive": 0.06}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"errors": OTHERS | {"model": errors(110, 0.04)}}, {"rmse_ratio.optscale_rule"}),
        ({"errors": OTHERS | {"model": errors(80, 0.055)}}, {"mape_ratio.optscale_rule"}),
        ({"errors": OTHERS | {"model": errors(80, 0.04, 0.06)}}, {"bias"}),
        (
            {"errors": {"model": errors(80, 0.04), "weekly_naive": errors(120, 0.06)}},
            {"rmse_ratio.optscale_rule", "mape_ratio.optscale_rule"},
        ),
        ({"scored_share": 0.5}, {"scored_share"}),
        ({"intervals": LEVELS[:1]}, {"interval_coverage.p80", "interval_coverage.p95"}),
        ({"slices": [{"slice": "small spenders", "n": 80, "mape": WORSE}]}, {"slice.small_spenders"}),
        ({"slices": [{"slice": "small spenders", "n": 3, "mape": WORSE}]}, set()),
    ],
)
def test_what_is_not_kept_has_failed(changed: dict[str, Any], expected: set[str]) -> None:
    assert failed(report(**changed)) == expected


def test_a_day_that_the_report_lacks_has_failed() -> None:
    days = [each for each in report().model_dump()["by_day"] if each["day"] != 10]
    assert failed(report(by_day=days, n=200)) == {"mape_ratio.day_10"}


def test_fidelity_is_rmse_and_mape_beside_each_baseline() -> None:
    found = {gate.name: gate.observed for gate in fidelity(report(), SpendGatePolicy())}
    assert found == {
        "rmse_ratio.weekly_naive": pytest.approx(80 / 120),
        "mape_ratio.weekly_naive": pytest.approx(4 / 6),
        "rmse_ratio.optscale_rule": pytest.approx(0.8),
        "mape_ratio.optscale_rule": pytest.approx(0.8),
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"model": "rents"}, "evaluation.json model"),
        ({"errors": OTHERS}, "evaluation.json errors"),
        ({"errors": OTHERS | {"model": errors(80, 0.04) | {"mse": 1.0}}}, "evaluation.json errors model"),
        ({"n": 241}, "evaluation.json by_day"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_consistent(report(**changed), SPEC)
    assert refused.value.field == field


def test_people_read_the_errors_by_day_beside_the_baselines() -> None:
    text = "\n".join(spend_summary(report()))
    assert "day 10" in text
    assert "4.0%" in text
    assert "5.0% (0.80)" in text
    assert "2026-07 to" in text
