"""What `bellwether predict` sends, and how it shows what comes back."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli import predictions
from cli.problems import CommandError
from cli.target import Target

TARGET = Target(where="test", stack="bellwether-dev", client=lambda service: None, region="us-east-1")
GOLDEN = {"data": {"sqft_living": 1180, "zipcode": "98178", "lat": 47.5}, "as_of": "2015-05-27"}


@pytest.fixture(autouse=True)
def golden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "golden_request", lambda *_: GOLDEN)


def ask(*pairs: str, file: Path | None = None, **own: Any) -> dict[str, Any]:
    return predictions.question(TARGET, "housing", pairs, file, **own)


def test_without_figures_the_model_is_asked_what_it_was_tested_with() -> None:
    assert ask() == GOLDEN
    assert ask(as_of="2015-06-01") == GOLDEN | {"as_of": "2015-06-01"}


def test_pairs_become_what_the_model_knows_them_as() -> None:
    pairs = ("sqft_living=2000", "zipcode=98103", "lat=47.61", "new=3", "town=Ames")
    data = {"sqft_living": 2000, "zipcode": "98103", "lat": 47.61, "new": 3, "town": "Ames"}
    assert ask(*pairs, as_of=None) == {"data": data}


def test_a_text_stays_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the golden request of a model that classifies, as its endpoint takes it
    golden = predictions.as_the_api_takes_it({"instances": [{"id": "golden-0", "text": "Profit rises"}]})
    assert golden == {"instances": [{"data": {"text": "Profit rises"}}]}
    monkeypatch.setattr(predictions, "golden_request", lambda *_: golden)
    # When it is asked about a text that looks like a number; Then as a text
    assert ask("text=2008", entity_id="story 7") == {"data": {"text": "2008"}, "entity_id": "story 7"}


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"sqft_living": 1}, {"data": {"sqft_living": 1}}),
        ({"data": {"x": 1}, "entity_id": "7"}, {"data": {"x": 1}, "entity_id": "7"}),
        ({"instances": [{"data": {"x": 1}}]}, {"instances": [{"data": {"x": 1}}]}),
    ],
)
def test_a_file_holds_a_row_or_a_request(tmp_path: Path, content: dict[str, Any], body: dict[str, Any]) -> None:
    file = tmp_path / "row.json"
    file.write_text(json.dumps(content))
    assert ask(file=file) == body


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "row.json"
    file.write_text(content)
    with pytest.raises(CommandError, match=r"row\.json"):
        ask(file=file)
    with pytest.raises(CommandError, match="missing"):
        ask(file=tmp_path / "missing.json")


def test_a_file_and_pairs_are_too_much(tmp_path: Path) -> None:
    file = tmp_path / "row.json"
    file.write_text("{}")
    with pytest.raises(CommandError, match="not both"):
        ask("x=1", file=file)


INTERVAL = {"level": 0.8, "lower": 400_000.0, "upper": 620_000.0}
VALUED = {"prediction": 512_345.678, "unit": "USD", "interval": INTERVAL, "filled": [], "unseen": ["zipcode"]}


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (VALUED | {"model": "housing", "model_version": "housing-1"}, ["512,345.68", "400,000.00 … 620,000.00 (80%)"]),
        ({"model": "housing", "results": [VALUED, VALUED]}, ["│   1 │ 512,345.68 │"]),
        (
            {"model": "sentiment", "model_version": "s-1", "label": "positive", "scores": {"positive": 0.9}},
            ["positive"],
        ),
        (
            {
                "model": "macro",
                "model_version": "m-1",
                "unit": "percent",
                "predictions": [{"horizon_months": 3, "prediction": 4.9, "interval": INTERVAL}],
            },
            ["4.90"],
        ),
    ],
)
def test_every_kind_of_answer_is_shown(answer: dict[str, Any], lines: list[str]) -> None:
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(predictions.answer_table(answer))
    for line in lines:
        assert line in captured.get()
