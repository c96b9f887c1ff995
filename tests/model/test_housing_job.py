"""A whole housing training as the container runs it, and the endpoint of its bundle."""

import csv
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from jobs.training.learning import job
from jobs.training.learning.bundle import read_verified
from jobs.training.learning.errors import BundleTamperedError, RefusedInputError
from jobs.training.learning.housing import serving
from jobs.training.learning.requests import parse_object
from tests.model.conftest import TRAINING, JobRun, Training
from tests.model.test_training import files_of
from tests.model.town import Town, channel_manifest, write_channel

JSON, LINES = "application/json", "application/jsonlines"


@pytest.fixture(scope="session")
def trained(housing: JobRun) -> JobRun:
    return housing


@pytest.fixture(scope="module")
def evaluation(trained: JobRun) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((trained.output_data / "evaluation.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def manifest(trained: JobRun) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((trained.model / "bundle.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def model(trained: JobRun) -> serving.Model:
    return serving.load(trained.model)


def ask(model: serving.Model, data: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return dict(serving.answer(model, serving.read_request({"data": data, **beside})))


# --- the job ---------------------------------------------------------------------------------------------------------


def test_the_same_training_twice_is_the_same_bit_for_bit(housing: JobRun, housing_training: Training) -> None:
    # Given the same data, seed and parameters, when trained twice, then all is equal but the time that it took
    first, second = runs = (housing, housing_training.run("second"))
    assert files_of(first.model) == files_of(second.model)
    reports = [json.loads((run.output_data / "evaluation.json").read_text(encoding="utf-8")) for run in runs]
    assert all(report["training"].pop("seconds") > 0 for report in reports)
    assert reports[0] == reports[1]
    assert (first.output_data / "holdout.csv").read_bytes() == (second.output_data / "holdout.csv").read_bytes()


def test_the_model_beats_the_median_of_the_place(evaluation: dict[str, Any]) -> None:
    for part in ("holdout", "holdout_online", "eval"):
        assert evaluation[part]["versus"]["median_by_place"]["mape_ratio"] < 0.7
        assert evaluation[part]["versus"]["median_by_place"]["p_value"] < 0.001
        assert abs(evaluation[part]["bias"]) < 0.05
    assert evaluation["holdout"]["intervals"][0]["coverage"] == pytest.approx(0.8, abs=0.1)


def test_the_evaluation_agrees_with_its_own_holdout(trained: JobRun, evaluation: dict[str, Any]) -> None:
    # Given every sale of the holdout, when errors are computed anew, then they are those of the report
    rows = list(csv.DictReader((trained.output_data / "holdout.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == evaluation["holdout"]["n"] == evaluation["split"]["n_holdout"]
    assert {row["day"] >= "2022-01-01" for row in rows} == {True}
    for column, part, name in (
        ("model", "holdout", "model"),
        ("median_by_place", "holdout", "median_by_place"),
        ("model_online", "holdout_online", "model"),
    ):
        errors = [float(row[column]) / float(row["paid"]) - 1.0 for row in rows]
        assert sum(map(abs, errors)) / len(errors) == pytest.approx(evaluation[part]["mape"][name], abs=1e-6)
    held = [float(row["lower_0.8"]) <= float(row["paid"]) <= float(row["upper_0.8"]) for row in rows]
    assert sum(held) / len(held) == pytest.approx(evaluation["holdout"]["intervals"][0]["coverage"])


def test_the_report_tells_how_it_came_about(evaluation: dict[str, Any], trained: JobRun) -> None:
    assert evaluation["bundle_sha256"] == read_verified(trained.model)[1]
    assert evaluation["split"] | {"first_day": "2017-01-01", "by": "dates"} == evaluation["split"]
    assert sum(entry["share"] for entry in evaluation["feature_importance"]) == pytest.approx(1.0)
    curve = evaluation["training"]["loss_curve"]
    assert [point["round"] for point in curve] == sorted({point["round"] for point in curve})
    assert curve[-1]["eval"] < curve[0]["eval"]
    assert evaluation["tuning"]["trials"] == 4


def test_the_log_shows_progress(trained: JobRun) -> None:
    steps = ("1000 sales from 2017-01-01", "trial 4/4 log_mae=", "holdout n=", "bundle housing-", "tracked 4 trials")
    assert [step for step in steps if step not in trained.log] == []


def test_mlflow_has_the_job_and_each_trial(trained: JobRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tracking = pytest.importorskip("mlflow.tracking")
    client = tracking.MlflowClient(tracking_uri=(trained.output_data / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("housing")
    runs = client.search_runs([experiment.experiment_id])
    parent = next(run for run in runs if run.info.run_name == "training")
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(trials) == 4
    assert {run.data.params["loss"] for run in trials} == {"absolute", "squared"}
    assert all("log_mae" in run.data.metrics and "pruned" in run.data.tags for run in trials)
    assert "holdout_mape_model" in parent.data.metrics


def test_it_is_what_the_functions_read(trained: JobRun) -> None:
    pytest.importorskip("pydantic")
    evaluation = pytest.importorskip("bellwether.models.domain.valuation_evaluation")
    bundle_manifest = pytest.importorskip("bellwether.models.domain.bundle_manifest")
    gate = pytest.importorskip("bellwether.models.domain.valuation_gate")
    catalogue = pytest.importorskip("bellwether.models.domain.catalogue")
    report = evaluation.ValuationReport.model_validate_json((trained.output_data / "evaluation.json").read_bytes())
    gate.check_consistent(report, catalogue.HOUSING)
    failed = [each.name for each in gate.gates(report, catalogue.HOUSING.policy) if not each.passed]
    assert set(failed) <= {"holdout_rows"}
    bundle = bundle_manifest.BundleManifest.model_validate_json((trained.model / "bundle.json").read_bytes())
    assert set(bundle.parts) == set(read_verified(trained.model)[2])
    assert set(bundle.drift_reference.features) == {column.name for column in bundle.inputs} - {"house"}
    assert bundle.drift_reference.prediction["prediction"].counts


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": "free"}, "sales.csv:4: price: could not convert string to float: 'free'"),
        ({"price": -5}, "sales.csv:4: price: '-5' can't be used as a price"),
        ({"living": ""}, "sales.csv:4: living: could not convert string to float: ''"),
        ({"living": 9999}, "sales.csv:4: living: 9999 is out of range: above 1500"),
        ({"living": "inf"}, "sales.csv:4: living: 'inf' can't be used as a number"),
        ({"sold": "2018-02-30"}, "sales.csv:4: sold: day"),
        ({"sold": "20180228"}, "sales.csv:4: sold: '20180228' is not a day; write YYYY-MM-DD"),
        ({"district": ""}, "sales.csv:4: district: is empty"),
    ],
)
def test_a_bad_row_is_named(sold: Town, tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    # Given one row that can't be, when the job starts, then it ends with file, line and column
    rows = list(sold.rows[:10])
    rows[2] = {**rows[2], **change}
    write_channel(tmp_path / "channel", Town(tuple(rows)))
    environment = {"SM_CHANNEL_TRAIN": str(tmp_path / "channel"), "SM_OUTPUT_DIR": str(tmp_path)}
    assert job.main(["--model", "housing"], environment) == 1
    assert (tmp_path / "failure").read_text(encoding="utf-8").startswith(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": "0" * 64}, "sales.csv has SHA-256"),
        ({"rows": 7}, "sales.csv has 1000 sales, the manifest says 7"),
        ({"columns": []}, "manifest.json: 0 columns have the role 'date'"),
        ({"columns": [{"name": "x"}]}, "manifest.json: columns[0] has no usable 'role'"),
        ({"columns": [{"name": "x", "role": "colour"}]}, "manifest.json: x has a role, fill or monotone"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    sold: Town, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    channel = write_channel(tmp_path / "channel", sold)
    content = channel_manifest(sold, (channel / "sales.csv").read_text(encoding="utf-8"))
    (channel / "manifest.json").write_text(json.dumps(content | change), encoding="utf-8")
    environment = {"SM_CHANNEL_TRAIN": str(channel), "SM_OUTPUT_DIR": str(tmp_path)}
    assert job.main(["--model", "housing"], environment) == 1
    assert (tmp_path / "failure").read_text(encoding="utf-8").startswith(reason)


# --- the bundle ------------------------------------------------------------------------------------------------------


def test_the_bundle_s_code_needs_nothing_of_this_repository(trained: JobRun, tmp_path: Path) -> None:
    # Given the bundle alone, when its own inference.py answers the golden request in a bare process
    program = (
        "import json, pathlib, sys\n"
        "sys.path.insert(0, sys.argv[1] + '/code')\n"
        "import inference\n"
        "model = inference.model_fn(sys.argv[1])\n"
        "golden = json.loads(pathlib.Path(sys.argv[1], 'bundle.json').read_text())['golden']\n"
        "request = inference.input_fn(json.dumps(golden['request']), 'application/json')\n"
        "answer = json.loads(inference.output_fn(inference.predict_fn(request, model), 'application/json')[0])\n"
        "assert answer.pop('model_version').startswith('housing-')\n"
        "assert answer == golden['response'], (answer, golden['response'])\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('jobs', 'mlflow', 'optuna', 'pydantic')]\n"
    )
    command = [sys.executable, "-W", "error", "-B", "-c", program, str(trained.model)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    # Then it gives the golden answer, without a warning
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("part", ["model.ubj", "encoders.json", "index.json", "comparables.csv", "spread.ubj"])
def test_a_part_of_another_run_is_refused(trained: JobRun, tmp_path: Path, part: str) -> None:
    # Given a bundle of which one part was exchanged, when it is loaded, then the part is named
    for name, content in files_of(trained.model).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if name != part else content[:-2] + b"  ")
    with pytest.raises(BundleTamperedError, match=f"{part} has SHA-256"):
        serving.load(tmp_path)


# --- the endpoint ----------------------------------------------------------------------------------------------------


def test_the_golden_house_has_its_golden_value(model: serving.Model, manifest: dict[str, Any]) -> None:
    golden = manifest["golden"]
    answer = ask(model, golden["request"]["data"], as_of=golden["request"]["as_of"])
    assert answer.pop("model_version") == model.version
    assert answer == golden["response"]
    narrow, wide = answer["intervals"]
    assert answer["interval"] == narrow
    assert wide["lower"] < narrow["lower"] < answer["prediction"] < narrow["upper"] < wide["upper"]


def test_the_order_of_columns_means_nothing(model: serving.Model, manifest: dict[str, Any]) -> None:
    golden = manifest["golden"]
    turned = dict(reversed(golden["request"]["data"].items()))
    assert ask(model, turned)["prediction"] == golden["response"]["prediction"]


def test_numbers_may_come_as_text_and_codes_as_numbers(model: serving.Model, manifest: dict[str, Any]) -> None:
    data = manifest["golden"]["request"]["data"]
    texts = {name: f" {value} " for name, value in data.items()}
    assert ask(model, texts)["prediction"] == manifest["golden"]["response"]["prediction"]
    assert ask(model, data | {"district": 98178})["unseen"] == ["district"]


def test_what_may_be_unknown_is_told_as_filled(model: serving.Model, manifest: dict[str, Any]) -> None:
    data = {**manifest["golden"]["request"]["data"], "lot": None, "kind": None}
    data.pop("rooms", None)
    assert ask(model, data)["filled"] == ["kind", "lot", "rooms"]


def test_a_level_never_seen_is_answered_and_told(model: serving.Model, manifest: dict[str, Any]) -> None:
    data = manifest["golden"]["request"]["data"]
    answer = ask(model, data | {"district": "Atlantis", "kind": "castle"})
    assert answer["unseen"] == ["district", "kind"]
    assert 0.5 < answer["prediction"] / manifest["golden"]["response"]["prediction"] < 2.0


def test_a_house_that_was_sold_before_is_known_by_its_id(model: serving.Model, manifest: dict[str, Any]) -> None:
    data = manifest["golden"]["request"]["data"]
    known = str(model.valuer.past.ids[-200])
    houses = [serving._house(model.schema, data | {"house": name}, model.last_day)[0] for name in (known, "nobody's")]
    features = [model.valuer.features(house) for house in houses]
    at = features[0].names.index("previous.price")
    assert features[0].values[0, at] == features[0].values[0, at]
    assert features[1].values[0, at] != features[1].values[0, at]
    assert ask(model, data | {"house": "nobody's"})["unseen"] == []


def test_a_later_day_is_at_a_later_price_level(model: serving.Model, manifest: dict[str, Any]) -> None:
    # Given the last day and half a year later, when asked, then the value moves by what the index says it will
    data = manifest["golden"]["request"]["data"]
    today, later = ask(model, data), ask(model, data, as_of="2024-06-15")
    assert (today["as_of"], later["as_of"]) == (manifest["training_window"]["last_day"], "2024-06-15")
    assert later["prediction"] != today["prediction"]
    assert later["prediction"] == pytest.approx(today["prediction"], rel=0.15)


def test_a_larger_house_is_not_cheaper(model: serving.Model, manifest: dict[str, Any]) -> None:
    data = manifest["golden"]["request"]["data"]
    assert ask(model, data | {"condition": 1})["prediction"] <= ask(model, data | {"condition": 5})["prediction"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"living": None}, "living"),
        ({"living": "big"}, "living"),
        ({"living": ""}, "living"),
        ({"living": "1_0"}, "living"),
        ({"living": "nan"}, "living"),
        ({"living": float("nan")}, "living"),
        ({"living": float("inf")}, "living"),
        ({"living": 10**400}, "living"),
        ({"living": True}, "living"),
        ({"living": [100]}, "living"),
        ({"living": {"value": 100}}, "living"),
        ({"living": 14.9}, "living"),
        ({"living": 1500.1}, "living"),
        ({"lot": -5000}, "lot"),
        ({"lot": 1e9}, "lot"),
        ({"latitude": 91.0}, "latitude"),
        ({"district": None}, "district"),
        ({"district": ""}, "district"),
        ({"district": "  "}, "district"),
        ({"district": True}, "district"),
        ({"district": 1.5}, "district"),
        ({"district": ["A"]}, "district"),
        ({"district": "A" * 101}, "district"),
        ({"district": "\ud800\x00"}, "district"),
        ({"swimming_pool": 1}, "swimming_pool"),
        ({"price": 100_000}, "price"),
        ({"sold": "2022-01-01"}, "sold"),
    ],
)
def test_a_column_that_can_t_be_used_is_named(
    model: serving.Model, manifest: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    with pytest.raises(RefusedInputError) as caught:
        ask(model, manifest["golden"]["request"]["data"] | change)
    assert caught.value.field == field
    assert json.loads(str(caught.value).encode())["field"] == field  # it has to travel as UTF-8


@pytest.mark.parametrize("as_of", ["2022", "soon", "2022-02-30", 20220101, True, "2016-12-31", "2031-01-01", ["2022"]])
def test_a_day_that_can_t_be_used_is_named(model: serving.Model, manifest: dict[str, Any], as_of: Any) -> None:
    with pytest.raises(RefusedInputError) as caught:
        ask(model, manifest["golden"]["request"]["data"], as_of=as_of)
    assert caught.value.field == "as_of"


# --- the entry point -------------------------------------------------------------------------------------------------


@pytest.fixture
def entry(trained: JobRun, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """inference.py as the bundle carries it, imported as the endpoint's worker does."""
    code = trained.model / "code"
    assert (code / "inference.py").read_bytes() == (TRAINING / "inference.py").read_bytes()
    monkeypatch.syspath_prepend(str(code))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in [name for name in sys.modules if name.split(".")[0] == "learning"]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.util.spec_from_file_location("inference_of_housing", code / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "inference_of_housing", module)
    spec.loader.exec_module(module)
    return module


def call(entry: ModuleType, served: Any, body: str | bytes, content_type: str = JSON) -> str:
    text, answered = entry.output_fn(entry.predict_fn(entry.input_fn(body, content_type), served), content_type)
    assert answered == content_type
    return str(text)


def houses(manifest: dict[str, Any], count: int) -> list[dict[str, Any]]:
    data = manifest["golden"]["request"]["data"]
    made = [{"data": data | {"living": 40.0 + 7.3 * number, "district": "ABCQ"[number % 4]}} for number in range(count)]
    made[1]["as_of"] = "2023-07-01"
    return made


def test_many_houses_are_answered_as_each_would_be_alone(
    entry: ModuleType, trained: JobRun, manifest: dict[str, Any]
) -> None:
    # Given houses in one request, in JSON lines, and one by one, when answered, then the bytes are the same
    served = entry.model_fn(str(trained.model))
    rows = houses(manifest, 23)
    alone = [call(entry, served, json.dumps(row)) for row in rows]
    assert len(set(alone)) == len(rows)
    together = call(entry, served, json.dumps({"instances": rows}))
    assert together == '{"results": [' + ", ".join(alone) + "]}"
    lines = "\n".join(json.dumps(row) for row in rows)
    for body in (lines, lines + "\n", lines.encode(), lines.replace("\n", "\r\n")):
        assert call(entry, served, body, LINES) == "\n".join(alone)


def test_a_bad_line_is_answered_in_its_place(entry: ModuleType, trained: JobRun, manifest: dict[str, Any]) -> None:
    served = entry.model_fn(str(trained.model))
    row = houses(manifest, 2)[0]
    bad = {"data": row["data"] | {"living": "big"}}
    body = "\n".join([json.dumps(row), "oh dear", json.dumps(bad), "", json.dumps(row)])
    first, second, third, last = call(entry, served, body, LINES).split("\n")
    assert first == last == call(entry, served, json.dumps(row))
    assert json.loads(second) == {"error": "invalid_input", "field": "body", "message": "is not JSON"}
    assert json.loads(third)["field"] == "living"


def test_one_bad_instance_refuses_the_request_by_its_place(
    entry: ModuleType, trained: JobRun, manifest: dict[str, Any]
) -> None:
    served = entry.model_fn(str(trained.model))
    rows = houses(manifest, 4)
    rows[3]["data"]["living"] = -1
    with pytest.raises(ValueError, match=r'"field": "instances\.3\.living"'):
        call(entry, served, json.dumps({"instances": rows}))


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"instances": []}, "instances"),
        ({"instances": {"data": {}}}, "instances"),
        ({"instances": [7]}, "instances.0"),
        ({"instances": [{}]}, "instances.0.data"),
        ({"instances": [{"data": {}}], "data": {}}, "data"),
        ({"data": 7}, "data"),
        ({}, "data"),
    ],
)
def test_a_request_of_no_form_is_refused(
    entry: ModuleType, trained: JobRun, content: dict[str, Any], field: str
) -> None:
    served = entry.model_fn(str(trained.model))
    with pytest.raises(ValueError, match=f'"field": "{field}"'):
        call(entry, served, json.dumps(content))


def test_what_is_said_once_goes_for_all_instances(entry: ModuleType, trained: JobRun, manifest: dict[str, Any]) -> None:
    served = entry.model_fn(str(trained.model))
    rows = houses(manifest, 3)
    found = json.loads(call(entry, served, json.dumps({"instances": rows, "as_of": "2023-02-01", "entity_id": "x"})))
    assert [each["as_of"] for each in found["results"]] == ["2023-02-01", "2023-07-01", "2023-02-01"]


def test_in_the_container_a_refusal_is_a_response_with_status_400(
    entry: ModuleType, trained: JobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the container's own library, whose wrapper would make a 500 of any exception
    worker = SimpleNamespace(Response=lambda **fields: fields)
    for name, module in (
        ("sagemaker_containers", SimpleNamespace()),
        ("sagemaker_containers.beta", SimpleNamespace()),
        ("sagemaker_containers.beta.framework", SimpleNamespace(worker=worker)),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    served = entry.model_fn(str(trained.model))
    for body, content_type, field in (
        ('{"data": {}}', JSON, "district"),
        ("no", JSON, "body"),
        ("a,b", "text/csv", "content_type"),
    ):
        answer = entry.output_fn(entry.predict_fn(entry.input_fn(body, content_type), served), JSON)
        assert answer["status"] == 400
        assert json.loads(answer["response"])["field"] == field


def test_a_body_that_is_no_text_is_refused() -> None:
    for body, reason in (
        (b"\xff\xfe{}", "is not UTF-8"),
        (b"[]", "has to be a JSON object"),
        ("[" * 99_999, "is not JSON"),
    ):
        with pytest.raises(RefusedInputError, match=reason):
            parse_object(body)
    assert parse_object(b'\xef\xbb\xbf{"data": {}}') == {"data": {}}
