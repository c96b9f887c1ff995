"""The training channel is believed only when manifest and data agree."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.training.learning.channel import MANIFEST_FILE
from jobs.training.learning.errors import InvalidDatasetError
from jobs.training.learning.macro.channel import DATA_FILE, read_dataset
from jobs.training.learning.macro.dataset import format_panel, parse_panel
from jobs.training.learning.months import format_month
from tests.model.builders import Economy, write_dataset


def test_what_was_written_is_read(made: Economy, tmp_path: Path) -> None:
    # Given a channel, when it is read, then figures, gaps and descriptions are those of the economy
    dataset = read_dataset(write_dataset(tmp_path, made))
    np.testing.assert_array_equal(dataset.panel.values, made.panel.values)
    assert dataset.series == made.series
    assert format_month(dataset.panel.first_month) == "1990-01"


def test_a_panel_survives_text_bit_for_bit(made: Economy) -> None:
    np.testing.assert_array_equal(parse_panel(format_panel(made.panel), "x").values, made.panel.values)


def change_data(channel: Path) -> None:
    (channel / DATA_FILE).write_text("month,UNRATE\n2000-01-31,4.0\n", encoding="utf-8")


def drop_data(channel: Path) -> None:
    (channel / DATA_FILE).unlink()


def break_manifest(channel: Path) -> None:
    (channel / MANIFEST_FILE).write_text("{", encoding="utf-8")


def manifest_with(**changes: object) -> Callable[[Path], None]:
    def apply(channel: Path) -> None:
        path = channel / MANIFEST_FILE
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["series"][0].update(changes)
        path.write_text(json.dumps(manifest), encoding="utf-8")

    return apply


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (change_data, "has SHA-256 .* the manifest says"),
        (drop_data, "no readable fred_merged_data.csv"),
        (break_manifest, "manifest.json is not JSON"),
        (manifest_with(series="GONE"), "lacks columns that the manifest lists: GONE"),
        (manifest_with(tcode=9), "tcode or a lag out of range"),
        (manifest_with(tcode=None), r"series\[0\] has no usable"),
    ],
)
def test_a_damaged_channel_is_refused(
    made: Economy, tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    # Given a channel with something wrong, when it is read, then the reason names it
    channel = write_dataset(tmp_path, made)
    damage(channel)
    with pytest.raises(InvalidDatasetError, match=reason):
        read_dataset(channel)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "x:1: a header"),
        ("date,A\n2000-01,1\n", "x:1: a header"),
        ("month,A,A\n2000-01,1,1\n", "x:1: a column name occurs twice"),
        ("month,A\n2000-01,1,2\n", "x:2: 3 fields, expected 2"),
        ("month,A\n2000-01,one\n", "x:2: could not convert"),
        ("month,A\n2000-01,inf\n", "x:2: 'inf' is not a finite number"),
        ("month,A\n2000-13,1\n", "x:2: '2000-13' is not a month"),
        ("month,A\n2000-01,1\n2000-03,1\n", "x:3: 2000-03 does not follow"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(InvalidDatasetError, match=reason):
        parse_panel(text, "x")
