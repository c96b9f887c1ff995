"""A whole training as the container runs it: same bits twice, honest figures, a bundle that stands on its own."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.training.learning.bundle import read_registered, read_verified
from jobs.training.learning.errors import BundleTamperedError
from tests.model.conftest import JobRun, Training


def files_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def evaluation(trained: JobRun) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((trained.output_data / "evaluation.json").read_text(encoding="utf-8"))
    return content


def test_the_same_training_twice_is_the_same_bit_for_bit(trained: JobRun, macro_training: Training) -> None:
    # Given the same data, seed and parameters, when trained twice, then bundle and evaluation don't differ in a byte
    first, second = trained, macro_training.run("second")
    assert files_of(first.model) == files_of(second.model)
    for name in ("evaluation.json", "backtest.csv"):
        assert (first.output_data / name).read_bytes() == (second.output_data / name).read_bytes()


def test_the_model_beats_its_baselines_where_there_is_something_to_learn(evaluation: dict[str, Any]) -> None:
    # Given an economy with a leading indicator, when evaluated, then every horizon is better than both baselines
    for horizon in evaluation["horizons"]:
        assert horizon["n"] == 48
        for comparison in horizon["versus"].values():
            assert comparison["rmse_ratio"] < 0.9
            assert comparison["p_value"] < 0.1


def test_the_evaluation_is_about_this_bundle_and_agrees_with_its_own_forecasts(
    trained: JobRun, evaluation: dict[str, Any]
) -> None:
    # Given the report, when errors are computed anew from the forecasts beside it
    _, digest, _ = read_verified(trained.model)
    assert evaluation["bundle_sha256"] == digest
    rows = list(csv.DictReader((trained.output_data / "backtest.csv").read_text(encoding="utf-8").splitlines()))
    for horizon in evaluation["horizons"]:
        own = [row for row in rows if int(row["horizon_months"]) == horizon["horizon_months"]]
        for name in ("model", "random_walk", "ar"):
            squares = [(float(row[name]) - float(row["actual"])) ** 2 for row in own]
            # Then they are those of the report
            assert (sum(squares) / len(squares)) ** 0.5 == pytest.approx(horizon["rmse"][name], abs=1e-5)
        held = [float(row["lower_0.8"]) <= float(row["actual"]) <= float(row["upper_0.8"]) for row in own]
        assert sum(held) / len(held) == pytest.approx(horizon["intervals"][0]["coverage"])


def test_importance_adds_up_and_names_what_leads(evaluation: dict[str, Any]) -> None:
    shares = {entry["feature"]: entry["share"] for entry in evaluation["feature_importance"]}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert any(name.startswith(("ICSA", "HOUST", "GS10")) for name in list(shares)[:8])


def test_the_log_shows_progress(trained: JobRun) -> None:
    # Given a job's log, then it tells data, trials, backtest, each horizon and the bundle
    steps = (
        *("11 series, 240 months", "dropped USREC: a label", "trial 2/2", "backtest 100%"),
        *("horizon=3 n=48 rmse_model=", "recession n=73 recessions=1 brier_model=", "bundle macro-"),
    )
    assert [step for step in steps if step not in trained.log] == []
    assert trained.log.rstrip().endswith("tracked 2 trials")


def test_mlflow_has_the_job_and_each_trial(trained: JobRun, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the file store beside the evaluation, when MLflow reads it
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tracking = pytest.importorskip("mlflow.tracking")
    client = tracking.MlflowClient(tracking_uri=(trained.output_data / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("macro")
    runs = client.search_runs([experiment.experiment_id])
    # Then there are one job and two trials with score and parameters, all of them finished
    job = next(run for run in runs if run.info.run_name == "training")
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == job.info.run_id]
    assert len(trials) == 2
    assert all("rmse_over_random_walk" in run.data.metrics and "ridge_lambda" in run.data.params for run in trials)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {"rmse_model_h1", "brier_model_recession", "brier_probit_recession"} <= set(job.data.metrics)


def test_the_bundle_s_code_needs_nothing_of_this_repository(trained: JobRun, tmp_path: Path) -> None:
    # Given the bundle alone, when its own inference.py answers the golden request in a bare process
    program = (
        "import json, pathlib, sys\n"
        "sys.path.insert(0, sys.argv[1] + '/code')\n"
        "import inference\n"
        "model = inference.model_fn(sys.argv[1])\n"
        "golden = json.loads(pathlib.Path(sys.argv[1], 'bundle.json').read_text())['golden']\n"
        "request = inference.input_fn(json.dumps(golden['request']), 'application/json')\n"
        "text, content_type = inference.output_fn(inference.predict_fn(request, model), 'application/json')\n"
        "answer = json.loads(text)\n"
        "assert content_type == 'application/json'\n"
        "assert answer.pop('model_version').startswith('macro-')\n"
        "assert answer == golden['response'], (answer, golden['response'])\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('jobs', 'mlflow', 'optuna', 'pydantic')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-B", "-c", program, str(trained.model)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    # Then it gives the golden answer, without a warning
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def change_a_byte(model: Path) -> None:
    path = model / "weights.json"
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))


def remove_a_part(model: Path) -> None:
    (model / "trees-h01-0.ubj").unlink()


def add_a_part(model: Path) -> None:
    (model / "code" / "sitecustomize.py").write_text("print('hello')\n", encoding="utf-8")


def remove_the_manifest(model: Path) -> None:
    (model / "bundle.json").unlink()


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (change_a_byte, "weights.json has SHA-256"),
        (remove_a_part, "parts are missing: trees-h01-0.ubj"),
        (add_a_part, "parts are not listed in bundle.json: code/sitecustomize.py"),
        (remove_the_manifest, "bundle.json is missing"),
    ],
)
def test_a_bundle_tampered_with_is_not_loaded(trained: JobRun, tmp_path: Path, tamper: Any, reason: str) -> None:
    # Given a copy of the bundle that somebody touched, when it is loaded, then it is refused with the part's name
    for name, content in files_of(trained.model).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    read_verified(tmp_path)
    tamper(tmp_path)
    with pytest.raises(BundleTamperedError, match=reason):
        read_verified(tmp_path)


def test_a_whole_bundle_other_than_the_registered_one_is_not_loaded(
    trained: JobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWETHER_BUNDLE_SHA256", read_verified(trained.model)[1])
    assert read_registered(trained.model)[0]["model"] == "macro"
    monkeypatch.setenv("BELLWETHER_BUNDLE_SHA256", "0" * 64)
    with pytest.raises(BundleTamperedError, match="expected 0000"):
        read_registered(trained.model)


def test_the_interpreter_s_own_leavings_are_no_tampering(trained: JobRun, tmp_path: Path) -> None:
    for name, content in files_of(trained.model).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "code" / "__pycache__").mkdir()
    (tmp_path / "code" / "__pycache__" / "inference.cpython-313.pyc").write_bytes(b"x")
    assert read_verified(tmp_path)[0]["model"] == "macro"
