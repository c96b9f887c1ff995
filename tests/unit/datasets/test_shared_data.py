"""Real downloads of every kind, where that data is at hand: it is no part of this repository."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median, quantiles

import pytest

from bellwether.datasets.domain.dataset import build_dataset
from bellwether.datasets.domain.merged_series import merge_series
from bellwether.datasets.domain.monthly import month_text
from bellwether.datasets.domain.series_catalogue import spec_of
from bellwether.datasets.domain.tabular import read_table
from bellwether.datasets.domain.vintages import make_vintage
from tests.places import SHARED

RECEIVED = datetime(2024, 3, 1, tzinfo=UTC)
SERIES = SHARED / "fred" / "series"
FILES = sorted(SERIES.glob("*.csv"))
FRED_MD = sorted((SHARED / "fred").glob("fredmd_vintage_*.csv.gz"))

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not FILES, reason=f"no files at {SERIES} (set BELLWETHER_SHARED)"),
]

EXPECTED = {  # series: frequency, first and last month, months with a value
    "DFF": ("monthly", "1954-07", "2024-02", 836),
    "DTWEXBGS": ("daily", "2019-02", "2023-12", 59),
    "GASREGW": ("weekly", "1990-09", "2023-09", None),
    "GDPC1": ("quarterly", "1947-03", "2023-06", 306),
    "ICSA": ("weekly", "1967-01", "2024-01", 685),
    "T10Y3M": ("daily", "2001-01", "2023-12", 276),
    "T10YFF": ("daily", "1962-01", "2021-03", 711),
    "UNRATE": ("monthly", "1948-01", "2022-10", 898),
    "USREC": ("monthly", "1854-12", "2021-03", 1996),
    "USSTHPI": ("quarterly", "1975-03", "2022-06", 190),
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_file_is_read_without_a_finding(path: Path) -> None:
    # Given a file as downloaded from FRED
    reading = read_table(path.read_bytes(), file_name=path.name, received_on=RECEIVED.date())
    (table,) = reading.tables
    assert (table.series, reading.rejections, reading.duplicates) == (path.stem, (), 0)
    assert spec_of(table.series).known
    # When it is brought to months
    merged = merge_series(table.series, [make_vintage(table, RECEIVED)])
    # Then it is what its kind promises
    assert merged.findings == ()
    assert merged.column is not None
    entry = merged.column.entry
    if path.stem in EXPECTED:
        frequency, first, last, rows = EXPECTED[path.stem]
        assert (entry.frequency, entry.first_month, entry.last_month) == (frequency, first, last)
        assert rows in (None, entry.rows)


def test_all_of_them_together_are_one_table() -> None:
    merged = []
    for path in FILES:
        (table,) = read_table(path.read_bytes(), file_name=path.name, received_on=RECEIVED.date()).tables
        merged.append(merge_series(table.series, [make_vintage(table, RECEIVED)]))
    dataset = build_dataset(merged, inputs_sha256="")
    assert (dataset.manifest.first_month, dataset.manifest.last_month) == ("1854-12", "2024-02")
    assert len(dataset.manifest.series) == len(FILES)


def test_a_daily_series_averages_to_the_monthly_one_that_fred_publishes() -> None:
    """T10YFF by day against T10YFFM: mostly a rounding apart (the monthly funds rate counts weekends, too)."""
    months = {}
    for name in ("T10YFF", "T10YFFM"):
        content = (SERIES / f"{name}.csv").read_bytes()
        (table,) = read_table(content, file_name=f"{name}.csv", received_on=RECEIVED.date()).tables
        column = merge_series(name, [make_vintage(table, RECEIVED)]).column
        assert column is not None
        months[name] = {month_text(month): value for month, value in column.months.items()}
    common = months["T10YFF"].keys() & months["T10YFFM"].keys()
    apart = [abs(months["T10YFF"][month] - months["T10YFFM"][month]) for month in common]
    assert len(common) > 600
    assert median(apart) < 0.02
    assert quantiles(apart, n=20)[-1] < 0.15


@pytest.mark.parametrize("path", FRED_MD, ids=lambda path: path.name)
def test_a_whole_fred_md_file_is_a_pack_by_itself(path: Path) -> None:
    content = gzip.decompress(path.read_bytes())
    reading = read_table(content, file_name="current.csv", received_on=date(2024, 3, 1))
    assert reading.rejections == ()
    assert len(reading.tables) == content.split(b"\n", 1)[0].count(b",")
    assert all(spec_of(table.series).known for table in reading.tables)
