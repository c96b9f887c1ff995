"""The ticker list from the terminal; SSM and the data bucket are played."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import tickers
from cli.problems import CommandError
from cli.target import Target
from tests.fakes.objects import InMemoryObjectStore


@dataclass
class PlayedParameter:
    """The parameter as SSM holds it."""

    value: str = '["AAPL", "nope", 7]'
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": self.value}}

    def put_parameter(self, **given: Any) -> None:
        self.value = given["Value"]


@pytest.fixture
def parameter(monkeypatch: pytest.MonkeyPatch) -> PlayedParameter:
    found = PlayedParameter()
    target = Target(where="embedded cloud", stack="x", client=lambda _: found, region="us-east-1")
    monkeypatch.setattr(Target, "environment", "local")
    monkeypatch.setattr(Target, "objects", found.objects)
    monkeypatch.setattr(tickers, "current_target", lambda: target)
    return found


def run(*words: str) -> str:
    return CliRunner().invoke(tickers.tickers_app, list(words), catch_exceptions=False, env={"COLUMNS": "200"}).output


def test_the_list_shows_companies_and_faults(parameter: PlayedParameter) -> None:
    shown = json.loads(run("list", "--json"))
    assert shown["tickers"] == [{"ticker": "AAPL", "company": "Apple"}]
    assert len(shown["problems"]) == 2
    assert "item 2 ('nope')" in run("list")


def test_tickers_are_added_once_and_removed_faulty_ones_too(parameter: PlayedParameter) -> None:
    assert run("add", "msft", "BRK.B", "AAPL", "MSFT") == "added: MSFT, BRK.B\nunchanged: AAPL\n"
    assert json.loads(parameter.value) == ["AAPL", "nope", 7, "MSFT", "BRK.B"]
    run("remove", "nope", "7", "msft")
    assert json.loads(parameter.value) == ["AAPL", "BRK.B"]


@pytest.mark.parametrize("words", [("add", "not a ticker"), ("add", "MSFT", "$X"), ("remove", "XOM")])
def test_a_change_that_is_wrong_changes_nothing(parameter: PlayedParameter, words: tuple[str, ...]) -> None:
    before = parameter.value
    with pytest.raises(CommandError):
        run(*words)
    assert parameter.value == before


def test_a_long_list_goes_to_the_data_bucket(parameter: PlayedParameter) -> None:
    run("add", *(f"T{count:04}" for count in range(1000)))
    key = json.loads(parameter.value)["s3_key"]
    assert key.startswith("news/tickers/")
    assert len(json.loads(parameter.objects.get(key).content)) == 1003
    assert len(json.loads(run("list", "--json"))["tickers"]) == 1001
