"""A job that can't do its work says why, in the file that SageMaker shows."""

import json
from pathlib import Path

import pytest

from jobs.training.learning import job
from jobs.training.learning.macro import training
from jobs.training.learning.macro.parameters import JobParameters
from tests.model.builders import Economy, write_dataset
from tests.model.conftest import start_job


def environment(root: Path, channel: Path) -> dict[str, str]:
    return {
        "SM_CHANNEL_TRAIN": str(channel),
        "SM_MODEL_DIR": str(root / "model"),
        "SM_OUTPUT_DIR": str(root / "output"),
        "SM_OUTPUT_DATA_DIR": str(root / "output" / "data"),
    }


def failure(root: Path) -> str:
    return (root / "output" / "failure").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--model", "weather"], "hyperparameter model: 'weather' is unknown; known are cloudspend, housing, macro"),
        (["--trails", "3"], "hyperparameter trails: unknown"),
        (["--trials", "3"], "UNRATE has 240 months; a backtest of at least 60 months"),
        (["--target", "GONE"], "the dataset has no series 'GONE'"),
    ],
)
def test_the_reason_is_written(made: Economy, tmp_path: Path, arguments: list[str], reason: str) -> None:
    # Given a job that can't succeed, when it runs, then it ends with status 1 and its reason, and leaves no bundle
    status = job.main(arguments, environment(tmp_path, write_dataset(tmp_path / "channel", made)))
    assert status == 1
    assert failure(tmp_path).startswith(reason)
    assert not (tmp_path / "model").exists()


def test_a_changed_dataset_is_not_learnt(made: Economy, tmp_path: Path) -> None:
    # Given data that are not what the manifest was made for
    channel = write_dataset(tmp_path / "channel", made)
    manifest = json.loads((channel / "manifest.json").read_text(encoding="utf-8"))
    (channel / "manifest.json").write_text(json.dumps(manifest | {"sha256": "0" * 64}), encoding="utf-8")
    # When the job runs as a process, then status and file tell
    run = start_job(tmp_path / "run", channel, {"trials": "2"}).wait()
    assert run.status == 1
    assert "has SHA-256" in run.failure
    assert run.failure in run.log


def test_the_unforeseen_has_a_reason_too(
    made: Economy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a bug, when the job runs into it, then the reason names it, and the log has the trace
    def bug(folder: Path) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(training, "read_dataset", bug)
    assert job.main([], environment(tmp_path, tmp_path)) == 1
    assert failure(tmp_path) == "ZeroDivisionError: division by zero"
    assert "Traceback" in capsys.readouterr().err


def test_without_the_variables_the_container_s_folders_are_used() -> None:
    folders = job.Folders.of({})
    assert str(folders.train) == "/opt/ml/input/data/train"
    assert str(folders.model) == "/opt/ml/model"
    assert str(folders.output / "failure") == "/opt/ml/output/failure"


def test_defaults_are_what_the_product_documents() -> None:
    assert JobParameters().horizons == (1, 3, 6, 12)
