"""What the lifecycle commands decide before they speak to a cloud."""

from pathlib import Path

import pytest

from cli import lifecycle
from cli.problems import CommandError


def test_folder_stands_for_its_csv_files(tmp_path: Path) -> None:
    # Given a folder with two CSV files and something else
    for name in ("B.csv", "A.csv", "notes.txt"):
        (tmp_path / name).write_text("DATE,X\n")
    # Then only the CSV files are taken, by name
    assert [path.name for path in lifecycle.csv_files([tmp_path])] == ["A.csv", "B.csv"]


def test_nothing_to_ingest_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No CSV file"):
        lifecycle.csv_files([tmp_path])
    with pytest.raises(CommandError, match="does not exist"):
        lifecycle.csv_files([tmp_path / "missing"])


@pytest.mark.parametrize("pair", ["UNRATE", "=4.1", "UNRATE=", ""])
def test_half_a_figure_is_refused_with_an_example(pair: str) -> None:
    with pytest.raises(CommandError, match=r"UNRATE=4\.1"):
        lifecycle.parse_figures([pair])


def test_figures_keep_their_text() -> None:
    assert lifecycle.parse_figures(["UNRATE=4.10", "X=a=b"]) == {"UNRATE": "4.10", "X": "a=b"}


def test_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(CommandError, match="macro"):
        lifecycle.spec_of("micro")
