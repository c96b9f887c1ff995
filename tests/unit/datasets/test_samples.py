"""The sample packs are what their generator makes, and every file of them can be read."""

from datetime import date
from pathlib import Path

import pytest

from bellwether.datasets.domain.series import Frequency, frequency_of
from bellwether.datasets.domain.series_catalogue import spec_of
from bellwether.datasets.domain.tabular import read_table
from samples.make_fred_pack import AGENCIES, PACKS, QUARTERLY, make
from tests.places import SAMPLES

FOLDER = SAMPLES / "fred"
FILES = sorted(FOLDER.rglob("*.csv"))


def test_the_packs_are_what_the_generator_makes(tmp_path: Path) -> None:
    # Given the packs made anew from the installed package
    assert make(tmp_path) == len(FILES) == len(PACKS) * len(AGENCIES)
    # Then the ones carried here are the same, byte for byte, and there are no others
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(FOLDER): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    assert made == kept


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_file_is_read_without_a_finding(path: Path) -> None:
    reading = read_table(path.read_bytes(), file_name=path.name, received_on=date.fromisoformat(path.parent.name))
    (table,) = reading.tables
    assert (table.series, reading.rejections, reading.duplicates) == (path.stem, (), 0)
    spec = spec_of(table.series)
    assert spec.known
    days = [each.day for each in table.observations if each.value is not None]
    expected = Frequency.QUARTERLY if table.series in QUARTERLY else Frequency.MONTHLY
    assert frequency_of(spec, days) is spec.frequency is expected
