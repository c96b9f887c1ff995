"""The training channel: `fred_merged_data.csv` and `manifest.json`, checked against each other."""

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidDatasetError
from ..months import format_month, parse_month
from .transforms import Array

DATA_FILE = "fred_merged_data.csv"
MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True)
class Series:
    """What the manifest says about one column."""

    name: str
    unit: str
    frequency: str
    tcode: int
    publication_lag_months: int


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
    """A panel with the description of its columns and the SHA-256 of its file."""

    panel: Panel
    series: tuple[Series, ...]
    sha256: str

    def describe(self, name: str) -> Series:
        """Description of one column; raises KeyError."""
        return next(entry for entry in self.series if entry.name == name)


def read_dataset(folder: Path) -> Dataset:
    """Read and check the training channel; raises InvalidDatasetError that names file and place."""
    content, manifest = _read(folder / DATA_FILE), _read_json(folder / MANIFEST_FILE)
    observed = hashlib.sha256(content).hexdigest()
    if observed != manifest.get("sha256"):
        raise InvalidDatasetError(f"{DATA_FILE} has SHA-256 {observed}, the manifest says {manifest.get('sha256')}")
    series = tuple(_series(entry, number) for number, entry in enumerate(manifest.get("series", [])))
    panel = parse_panel(content.decode("utf-8-sig"), DATA_FILE)
    if missing := sorted({entry.name for entry in series} - set(panel.names)):
        raise InvalidDatasetError(f"{DATA_FILE} lacks columns that the manifest lists: {', '.join(missing)}")
    return Dataset(_select(panel, [entry.name for entry in series]), series, observed)


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
        raise ValueError(f"'{cell[:40]}' is no finite number")
    return value


def _series(entry: Mapping[str, Any], number: int) -> Series:
    try:
        described = Series(
            name=str(entry["series"]),
            unit=str(entry["unit"]),
            frequency=str(entry["frequency"]),
            tcode=int(entry["tcode"]),
            publication_lag_months=int(entry["publication_lag_months"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidDatasetError(f"{MANIFEST_FILE}: series[{number}] has no usable {error}") from error
    if not 1 <= described.tcode <= 7 or described.publication_lag_months < 0:
        raise InvalidDatasetError(f"{MANIFEST_FILE}: {described.name} has a tcode or a lag out of range")
    return described


def _select(panel: Panel, names: Sequence[str]) -> Panel:
    return Panel(panel.first_month, tuple(names), panel.values[:, [panel.names.index(name) for name in names]])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidDatasetError(f"the training channel has no readable {path.name}: {error.strerror}") from error


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(_read(path))
    except ValueError as error:
        raise InvalidDatasetError(f"{path.name} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidDatasetError(f"{path.name} is no JSON object")
    return content
