"""What the lifecycle commands decide before they speak to a cloud."""

from pathlib import Path
from typing import Any

import pytest

from cli import deployments, ingestion, predictions, training
from cli.problems import CommandError
from cli.target import Target


def test_folder_stands_for_its_csv_files(tmp_path: Path) -> None:
    # Given a folder with two CSV files and something else
    for name in ("B.csv", "A.csv", "notes.txt"):
        (tmp_path / name).write_text("DATE,X\n")
    # Then only the CSV files are taken, by name
    assert [path.name for path in ingestion.csv_files([tmp_path])] == ["A.csv", "B.csv"]


def test_nothing_to_ingest_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No CSV file"):
        ingestion.csv_files([tmp_path])
    with pytest.raises(CommandError, match="does not exist"):
        ingestion.csv_files([tmp_path / "missing"])


@pytest.mark.parametrize("pair", ["UNRATE", "=4.1", "UNRATE=", ""])
def test_half_a_figure_is_refused_with_an_example(pair: str) -> None:
    with pytest.raises(CommandError, match="bedrooms=3"):
        predictions.parse_pairs([pair])


def test_figures_keep_their_text() -> None:
    assert predictions.parse_pairs(["UNRATE=4.10", "X=a=b"]) == {"UNRATE": "4.10", "X": "a=b"}


def test_remarks_name_the_series() -> None:
    # Given merged data with a column that was held back, an assumption about two series, and none at all
    dataset = {
        "findings": [
            {"series": "CPIAUCSL", "reason": "assumed: named after the file"},
            {"series": "CPIAUCSL", "reason": "vanished; the column before is kept"},
            {"series": "UNRATE", "reason": "assumed: named after the file"},
        ]
    }
    # Then each remark is a line with the series that it is about
    assert ingestion.dataset_remarks(dataset).splitlines() == [
        "CPIAUCSL, UNRATE: assumed: named after the file",
        "CPIAUCSL: vanished; the column before is kept",
    ]
    assert ingestion.dataset_remarks(None) == ""


def test_further_findings_of_a_file_are_counted() -> None:
    # Given a file with three rows that could not be read, one of them left out of the list
    finding = {"file": "X.csv", "line": 3, "field": "X", "reason": "'a' is not a number", "left_out": 1}
    table = ingestion.findings_table([finding | {"findings": [[3, "X", "…"], [4, "X", "…"]]}])
    assert list(table.columns[3].cells) == ["'a' is not a number (and 2 more)"]
    # And one that came alone is not followed by a count
    assert list(ingestion.findings_table([finding | {"left_out": 0}]).columns[3].cells) == ["'a' is not a number"]


def test_a_model_that_arrives_finished_is_not_trained() -> None:
    target = Target(where="test", stack="bellwether-dev", client=lambda service: None, region="us-east-1")
    with pytest.raises(CommandError, match="bellwether model register sentiment"):
        training.start(target, "sentiment", {})


def test_an_approval_is_told_from_a_rejection_of_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given deployments that two events have started, and one of another version
    machine = "arn:aws:states:us-east-1:123456789012:execution:Deploy:FredRecessionModels"
    started = {f"{machine}-v2-{kind}-0b1c" for kind in ("reject", "deploy")} | {f"{machine}-v21-deploy-0b1c"}
    monkeypatch.setattr(deployments, "started", lambda _target: frozenset(started))
    target = Target(where="test", stack="bellwether-dev", client=lambda service: None, region="us-east-1")
    # When the approval of version 2 is waited for, then it is found
    name = deployments.approval_prefix("macro", 2)
    assert deployments.await_start(target, frozenset(), name_prefix=name) == f"{machine}-v2-deploy-0b1c"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            {"recession": {"probability": 0.31, "within_months": 12, "baseline_probability": 0.18, "month": "2016-06"}},
            "recession within 12 months: 31% (term spread alone: 18%)",
        ),
        (
            {"recession": None, "recession_left_out": "the dataset has no USREC"},
            "no recession probability: the dataset",
        ),
        ({}, "unit: percent"),
    ],
)
def test_a_prediction_shows_the_chance_of_a_recession_or_why_there_is_none(said: dict[str, Any], told: str) -> None:
    answer = {"model": "macro", "model_version": "macro-0badcafe", "unit": "percent", "predictions": [], **said}
    assert told in str(predictions.prediction_table(answer).caption)
