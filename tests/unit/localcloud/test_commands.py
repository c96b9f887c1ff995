"""`bellwether status | logs | down | reset` where nothing runs."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from localcloud.lock import exclusive

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for the command line."""
    monkeypatch.setenv("BELLWETHER_HOME", str(tmp_path))
    return tmp_path


def test_status_of_nothing_is_told_to_people_and_programs_and_is_a_failure(home: Path) -> None:
    told = RUNNER.invoke(app, ["status", "--json"])
    status = json.loads(told.output)
    assert told.exit_code == 1
    assert (status["healthy"], status["stack"], status["home"]) == (False, None, str(home))
    assert {service["name"]: service["state"] for service in status["services"]} == {
        "emulator": "down",
        "sagemaker": "down",
        "replay": "down",
        "postgres": "down",
    }
    assert "run `bellwether up`" in RUNNER.invoke(app, ["status"]).output


def test_logs_of_a_function_need_a_running_cloud() -> None:
    told = RUNNER.invoke(app, ["logs", "ingest_series"])
    assert told.exit_code == 1
    assert "bellwether up" in told.stderr
    assert "Traceback" not in told.stderr


def test_logs_of_a_service_are_there_when_it_is_down(home: Path) -> None:
    (home / "logs").mkdir()
    (home / "logs" / "emulator.log").write_text("one\ntwo\nthree\n")
    assert RUNNER.invoke(app, ["logs", "emulator", "-n", "2"]).output == "two\nthree\n"


def test_reset_asks_first_and_then_removes_everything(home: Path) -> None:
    (home / "postgres").mkdir()
    assert RUNNER.invoke(app, ["reset"], input="n\n").exit_code == 1
    assert (home / "postgres").exists()
    assert RUNNER.invoke(app, ["reset", "--yes"]).exit_code == 0
    assert [path.name for path in home.iterdir()] == ["lock"]


def test_down_of_nothing_is_fine_and_a_busy_cloud_is_an_error_with_a_reason(home: Path) -> None:
    assert RUNNER.invoke(app, ["down"]).exit_code == 0
    with exclusive(home / "lock", "up"):
        told = RUNNER.invoke(app, ["down"])
    assert told.exit_code == 1
    assert "is running on" in told.stderr


@pytest.mark.parametrize("command", ["up", "down", "reset", "status", "logs"])
def test_every_command_explains_itself(command: str) -> None:
    told = RUNNER.invoke(app, [command, "--help"])
    assert told.exit_code == 0
    assert "Usage" in told.output
