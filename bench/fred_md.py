"""FRED-MD vintages as the benchmarks read them: `sasdate`, one column a series, a row of transformation codes."""

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bellwether.datasets.domain.series_catalogue import spec_of
from jobs.training.learning.macro.dataset import Panel, Series
from jobs.training.learning.months import parse_month


def read_fred_md(path: Path, names: Sequence[str], first_month: str, last_month: str) -> Panel:
    """Read some columns between two months, both included."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header, _tcodes, *rows = list(csv.reader(file))
    columns = [header.index(name) for name in names]
    first, last = parse_month(first_month), parse_month(last_month)
    values = [
        [float(row[column]) if row[column] else np.nan for column in columns]
        for row in rows
        if row[0] and first <= _month(row[0]) <= last
    ]
    return Panel(first, tuple(names), np.array(values))


def described(names: Sequence[str], lags: bool) -> tuple[Series, ...]:
    """Columns as the catalogue has them, or as if all figures were out at once."""
    specs = [spec_of(name) for name in names]
    return tuple(
        Series(spec.series, spec.unit, "monthly", spec.tcode, spec.publication_lag_months if lags else 0)
        for spec in specs
    )


def _month(text: str) -> int:
    month, _day, year = text.split("/")
    return int(year) * 12 + int(month) - 1
