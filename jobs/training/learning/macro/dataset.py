"""Monthly figures of many series as a panel, and its CSV form."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import InvalidDatasetError
from ..months import format_month, parse_month
from .transforms import Array


@dataclass(frozen=True)
class Series:
    """What the manifest says about one column; `stands_for`: the series whose place it takes, empty for its own."""

    name: str
    unit: str
    frequency: str
    tcode: int
    publication_lag_months: int
    stands_for: str = ""


@dataclass(frozen=True)
class Panel:
    """Monthly figures by reference month, not shifted: `values[row, column]`, NaN = missing, months without a gap."""

    first_month: int
    names: tuple[str, ...]
    values: Array

    @property
    def last_month(self) -> int:
        """Reference month of the last row."""
        return self.first_month + len(self.values) - 1

    def column(self, name: str) -> Array:
        """Figures of one series; raises ValueError for an unknown one."""
        return self.values[:, self.names.index(name)]

    def until(self, month: int) -> "Panel":
        """Rows up to and including a month."""
        return Panel(self.first_month, self.names, self.values[: max(0, month - self.first_month + 1)])


@dataclass(frozen=True)
class Dataset:
    """A panel with the description of its columns and the SHA-256 of its file.

    `left_out`: columns that the dataset wants left out of training, and why.
    """

    panel: Panel
    series: tuple[Series, ...]
    sha256: str
    left_out: Mapping[str, str] = field(default_factory=dict)

    def describe(self, name: str) -> Series:
        """Description of one column; raises KeyError."""
        return next(entry for entry in self.series if entry.name == name)


def parse_panel(text: str, where: str) -> Panel:
    """Read CSV text with a `month` column; raises InvalidDatasetError with file and line."""
    rows = list(csv.reader(io.StringIO(text)))
    if len(rows) < 2 or not rows[0] or rows[0][0] != "month":
        raise InvalidDatasetError(f"{where}:1: a header that starts with 'month' and at least one row are expected")
    header, names = rows[0], tuple(rows[0][1:])
    if len(set(names)) != len(names):
        raise InvalidDatasetError(f"{where}:1: a column name occurs twice")
    months, values = [], np.full((len(rows) - 1, len(names)), np.nan)
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InvalidDatasetError(f"{where}:{line}: {len(row)} fields, expected {len(header)}")
        try:
            months.append(parse_month(row[0]))
            values[line - 2] = [_number(cell) for cell in row[1:]]
        except ValueError as error:
            raise InvalidDatasetError(f"{where}:{line}: {error}") from error
        if months[-1] != months[0] + line - 2:
            raise InvalidDatasetError(f"{where}:{line}: {row[0]} does not follow the month before it")
    return Panel(months[0], names, values)


def format_panel(panel: Panel) -> str:
    """Write a panel as CSV that `parse_panel` reads back to the same bits."""
    lines = [",".join(("month", *panel.names))]
    for offset, row in enumerate(panel.values):
        cells = ("" if math.isnan(value) else repr(float(value)) for value in row)
        lines.append(",".join((format_month(panel.first_month + offset), *cells)))
    return "\n".join(lines) + "\n"


def _number(cell: str) -> float:
    if cell.strip() in {"", "."}:
        return math.nan
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"'{cell[:40]}' is not a finite number")
    return value
