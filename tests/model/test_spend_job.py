"""A whole spend training as the container runs it, and the endpoint's answers from its bundle."""

import csv
import hashlib
import io
import json
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.training.learning import job
from jobs.training.learning.bundle import read_verified
from jobs.training.learning.cloudspend import serving
from jobs.training.learning.cloudspend.channel import parse
from jobs.training.learning.errors import InvalidDatasetError, RefusedInputError
from samples.billing.spend import simulate_spend

FIRST, DAYS = date(2026, 1, 1), 151
LAST = FIRST + timedelta(days=DAYS - 1)


def write_channel(folder: Path) -> None:
    amounts: dict[tuple[date, str, str, str], float] = defaultdict(float)
    for charge in simulate_spend(6, 6, 2, FIRST, DAYS):
        if charge.key.category == "Usage":
            key = charge.key
            amounts[key.day, key.account, key.service, key.cost_center] += float(charge.effective)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["day", "account", "service", "cost_center", "amount"])
    writer.writerows((day, *rest, f"{amount:.4f}") for (day, *rest), amount in sorted(amounts.items()))
    folder.mkdir(parents=True)
    (folder / "spend.csv").write_text(text.getvalue(), encoding="utf-8")
    manifest = {
        "schema_version": 1,
        "dataset": "cost",
        "sha256": hashlib.sha256(text.getvalue().encode()).hexdigest(),
        "rows": len(amounts),
        "first_day": str(FIRST),
        "last_day": str(LAST),
        "metric": "effective",
        "currency": "USD",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def train(root: Path, **hyperparameters: str) -> int:
    environment = {
        "SM_CHANNEL_TRAIN": str(root / "train"),
        "SM_MODEL_DIR": str(root / "model"),
        "SM_OUTPUT_DATA_DIR": str(root / "output" / "data"),
        "SM_OUTPUT_DIR": str(root / "output"),
    }
    given = {"model": "cloudspend", "trials": "1", "holdout_months": "1", "choosing_months": "1"} | hyperparameters
    return job.main([part for name, value in given.items() for part in (f"--{name}", value)], environment)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spend")
    write_channel(folder / "train")
    assert train(folder) == 0
    return folder


@pytest.fixture(scope="module")
def evaluation(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "output" / "data" / "evaluation.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def model(root: Path) -> serving.Model:
    manifest, digest, parts = read_verified(root / "model")
    return serving.from_manifest(manifest, parts, f"cloudspend-{digest[:8]}")


def ask(model: serving.Model, **data: Any) -> dict[str, Any]:
    return dict(serving.answer(model, serving.read_request({"data": data})))


def test_the_report_has_mse_rmse_and_mape_of_the_model_and_its_baselines(evaluation: dict[str, Any]) -> None:
    assert evaluation["errors"].keys() == {"model", "weekly_naive", "optscale_rule"}
    for errors in evaluation["errors"].values():
        assert errors["mse"] == pytest.approx(errors["rmse"] ** 2)
    assert [part["day"] for part in evaluation["by_day"]] == [1, 5, 10, 15, 20, 25]
    assert sum(part["n"] for part in evaluation["by_day"]) == evaluation["n"]
    assert [each["level"] for each in evaluation["intervals"]] == [0.8, 0.95]
    assert "trees bottom_up" in evaluation["candidates"]


def test_each_forecast_of_the_holdout_is_kept_with_window_actual_and_error(
    root: Path, evaluation: dict[str, Any]
) -> None:
    lines = (root / "output" / "data" / "forecasts.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [json.loads(line) for line in lines]
    assert len(kept) == evaluation["n"]
    for each in kept:
        assert each["error"] == pytest.approx(each["forecast"] - each["actual"], abs=0.011)
        assert each["made_on"] < each["window_first"] <= each["window_last"] == "2026-05-31"


def test_the_bundle_holds_the_policy_the_trees_and_the_code(root: Path) -> None:
    manifest, _, parts = read_verified(root / "model")
    assert parts.keys() >= {"spend.json", "series.json", "trees.json", "code/inference.py"}
    policy = json.loads(parts["spend.json"])
    assert policy["reconciliation"] in {"bottom_up", "top_down", "mean"}
    assert all(len(each["grid"]) == 81 and each["grid"] == sorted(each["grid"]) for each in policy["sums"])
    assert "learner" in json.loads(parts["trees.json"])
    assert manifest["metrics"]["model"]["rmse"] > 0


def test_what_if_a_service_grows_by_ten_percent(model: serving.Model) -> None:
    account = model.series[0][0][0]
    base, grown = ask(model, account=account), ask(model, account=account, growth_percent=10)
    assert grown["prediction"] == pytest.approx(1.1 * base["prediction"], abs=0.011)
    assert grown["difference"] == pytest.approx(0.1 * base["prediction"], abs=0.02)
    assert grown["without_growth"] == base["prediction"]
    assert grown["interval"]["lower"] <= grown["prediction"] <= grown["interval"]["upper"]
    # And the parts of an account add up to it
    services = {key[1] for key, _ in model.series if key[0] == account}
    parts = [ask(model, account=account, service=service)["prediction"] for service in services]
    assert sum(parts) == pytest.approx(base["prediction"], abs=0.05)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"service": "AmazonNothing"}, "service"),
        ({"growth_percent": "much"}, "growth_percent"),
        ({"growth_percent": -101}, "growth_percent"),
        ({"days": 0}, "days"),
        ({"days": 1.5}, "days"),
        ({"region": "eu-west-1"}, "region"),
        ({"account": 7}, "account"),
    ],
)
def test_a_request_that_can_not_be_answered_names_the_column(
    model: serving.Model, data: dict[str, Any], field: str
) -> None:
    with pytest.raises(RefusedInputError) as refused:
        ask(model, **data)
    assert refused.value.field == field


def test_too_little_history_ends_the_job_with_a_reason(root: Path, tmp_path: Path) -> None:
    (tmp_path / "train").symlink_to(root / "train")
    assert train(tmp_path, holdout_months="6") == 1
    reason = (tmp_path / "output" / "failure").read_text(encoding="utf-8")
    assert "a backtest needs them from" in reason


@pytest.mark.parametrize(
    "row",
    ["2026-01-01,1,AmazonEC2,web,-1.0", "2025-12-31,1,AmazonEC2,web,1.0", "2026-01-01,1,AmazonEC2,web,nan", "x,1,2"],
)
def test_a_row_that_can_not_be_used_is_named_by_its_line(row: str) -> None:
    with pytest.raises(InvalidDatasetError, match=r"spend\.csv:2"):
        parse(f"day,account,service,cost_center,amount\n{row}\n", FIRST, LAST)
