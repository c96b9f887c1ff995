"""The command line as a person meets it: help, wrong words, a cloud that is down."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, NoCredentialsError
from typer.testing import CliRunner

from cli.main import app, model_app

COMMANDS = [
    *([command.name or (command.callback.__name__ if command.callback else "")] for command in app.registered_commands),
    *(["model", str(command.name)] for command in model_app.registered_commands),
]


@pytest.fixture(autouse=True)
def cloud_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own in which nothing runs."""
    monkeypatch.setenv("BELLWETHER_HOME", str(tmp_path))
    monkeypatch.delenv("BELLWETHER_TARGET", raising=False)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*(word.replace("_", "-") for word in command), "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    "words", [["models"], ["train", "macro"], ["predict", "macro"], ["rollback", "macro", "--yes"]]
)
def test_cloud_that_is_down_says_how_to_start_it(words: list[str]) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "bellwether up" in result.output


def test_an_unknown_model_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.models.current_target", lambda: None)
    result = CliRunner().invoke(app, ["train", "micro"])
    assert result.exit_code == 1
    assert "known: cloudspend, housing, macro" in result.output


def test_unknown_target_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLWETHER_TARGET", "moon")
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 1
    assert "'local' or 'aws'" in result.output


def test_demo_on_a_missing_pack_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BELLWETHER_FRED_PACK", str(tmp_path / "missing"))
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 1
    assert "is not a folder" in result.output


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/"), "bellwether status"),
        (ConnectionClosedError(endpoint_url="http://127.0.0.1:4566/"), "bellwether status"),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, "ListModelPackages"), "not yours"),
        (NoCredentialsError(), "credentials"),
    ],
)
def test_a_cloud_that_fails_meanwhile_is_a_message(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, said: str
) -> None:
    # Given a cloud that goes away, or refuses, while a command runs
    def fail(*_: object) -> None:
        raise problem

    monkeypatch.setattr("cli.models.current_target", lambda: None)
    monkeypatch.setattr("cli.registry.model_views", fail)
    # When it does, then one line says so
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
