"""Reads FRED's CSV files: one series or many, older or newer header, and says which rows it had to leave out.

Accepted: `DATE,<ID>` and `observation_date,<ID>` with any number of series columns; `VALUE` as the name of the one
column (the file is then named after the series); ALFRED's `<ID>_<YYYYMMDD>` (a vintage of that day); FRED-MD's
`sasdate` with its `Transform:` row. Dates are ISO or M/D/YYYY. `.`, an empty cell and NaN in its spellings are
missing.

A row that can't be read is rejected with its line, the others go on. Where a date comes twice with the same value the
second is dropped; with different values the later line stands (corrections are appended) and the earlier is rejected.
In a file of one series a missing value is a statement (the figure was withdrawn, or there never was one). In a wide
file it is none: series of different frequencies share the rows there.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath

from bellwether.datasets.domain.series import SERIES_PATTERN, SeriesSpec, frequency_of
from bellwether.datasets.domain.series_catalogue import spec_of
from bellwether.shared.domain.delimited import (
    MISSING,
    Findings,
    Rejection,
    UnreadableError,
    day_of,
    first_cells,
    lines_of,
    looks_like_day,
    read_day,
    read_number,
    shown,
    split_line,
)

MAX_ROWS = 200_000
MAX_COLUMNS = 2_000
PROJECTION_YEARS = 15

DATE_COLUMNS = frozenset({"date", "observation_date", "sasdate"})
_NOTE_ROWS = frozenset({"transform:", "transform", "factors"})
_VINTAGE_COLUMN = re.compile(r"(.+)_(\d{4})(\d{2})(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Observation:
    """A figure as delivered; `value` is None for a missing one."""

    day: date
    text: str
    value: float | None


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """One series of a file: at least one value, dates ascending, each once. `known_on` where the header tells it."""

    series: str
    observations: tuple[Observation, ...]
    known_on: date | None = None


@dataclass(frozen=True, slots=True)
class TableReading:
    """What a file holds. `left_out` counts rejections over the number that is kept."""

    tables: tuple[SeriesTable, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    left_out: int = 0
    duplicates: int = 0


def read_table(content: bytes, *, file_name: str, received_on: date) -> TableReading:
    """Read a CSV file received on that day; never raises for what is in it."""
    try:
        lines = lines_of(content)
        number, cells = _header(lines)
    except UnreadableError as problem:
        return TableReading(rejections=(problem.rejection,))
    findings = Findings()
    columns = _columns(cells, number, file_name, received_on, findings)
    if columns:
        _read_rows(lines, number, cells, columns, findings)
    tables = tuple(_tables(columns, findings))
    return TableReading(tables, findings.kept(), findings.left_out, sum(column.duplicates for column in columns))


# --- the file -------------------------------------------------------------------------------------------------------


def _header(lines: Sequence[str]) -> tuple[int, list[str]]:
    number, cells = first_cells(lines)
    if looks_like_day(cells[0]):
        raise UnreadableError("no header row: the first line is a data row", line=number, field="header")
    if cells[0].casefold() not in DATE_COLUMNS:
        reason = f"the first column is {shown(cells[0])}; DATE or observation_date is expected"
        raise UnreadableError(reason, line=number, field="header")
    if len(cells) == 1:
        raise UnreadableError("no series column beside the date", line=number, field="header")
    if len(cells) > MAX_COLUMNS:
        raise UnreadableError(f"more than {MAX_COLUMNS} columns", line=number, field="header")
    return number, cells


# --- columns --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Column:
    index: int
    spec: SeriesSpec
    known_on: date | None
    latest: date
    blanks_are_statements: bool
    observations: dict[date, tuple[int, Observation]] = field(default_factory=dict)
    duplicates: int = 0


def _columns(
    cells: Sequence[str], line: int, file_name: str, received_on: date, findings: Findings
) -> tuple[_Column, ...]:
    alone = len(cells) == 2
    names = [PurePosixPath(file_name).stem if alone and name.casefold() == "value" else name for name in cells]
    columns: dict[tuple[str, date | None], _Column] = {}
    for index, name in enumerate(names[1:], start=1):
        identifier, known_on = _identified(name)
        spec = spec_of(identifier)
        if not SERIES_PATTERN.fullmatch(identifier):
            findings.add(line, shown(name), "no series identifier (letters, digits, underscore)")
        elif (spec.series, known_on) in columns:
            findings.add(line, spec.series, "the column comes twice; the first one counts")
        else:
            latest = received_on if spec.known else received_on.replace(year=received_on.year + PROJECTION_YEARS, day=1)
            columns[spec.series, known_on] = _Column(index, spec, known_on, latest, blanks_are_statements=alone)
    return tuple(columns.values())


def _identified(name: str) -> tuple[str, date | None]:
    """Take ALFRED's vintage day off a column's name."""
    match = _VINTAGE_COLUMN.fullmatch(name)
    if match is None:
        return name, None
    day = day_of(*(int(part) for part in match.groups()[1:]))
    return (match[1], day) if day else (name, None)


def _tables(columns: Sequence[_Column], findings: Findings) -> Iterator[SeriesTable]:
    for column in columns:
        series = column.spec.series
        observations = tuple(observation for _, (_, observation) in sorted(column.observations.items()))
        days = [each.day for each in observations if each.value is not None]
        if not days:
            findings.add(None, series, "no values")
        elif frequency_of(column.spec, days) is None:
            findings.add(None, series, "neither daily, weekly, monthly nor quarterly, by its dates")
        else:
            yield SeriesTable(series, observations, column.known_on)


# --- rows -----------------------------------------------------------------------------------------------------------


def _read_rows(
    lines: Sequence[str], header_line: int, header: Sequence[str], columns: Sequence[_Column], findings: Findings
) -> None:
    width = len(header)
    date_column = header[0]
    rows = 0
    for number, line in enumerate(lines[header_line:], start=header_line + 1):
        if not line.strip(", \t"):
            continue
        rows += 1
        if rows > MAX_ROWS:
            findings.add(number, "file", f"more than {MAX_ROWS} rows; those from here on are left out")
            return
        try:
            cells = split_line(line, number)
        except UnreadableError as problem:
            findings.add(number, problem.field, problem.reason)
            continue
        if cells[0].casefold() in _NOTE_ROWS and date_column.casefold() == "sasdate":
            continue
        if len(cells) < width or any(cells[width:]):
            findings.add(number, "row", f"{len(cells)} cells where the header has {width}")
            continue
        day = read_day(cells[0])
        if day is None:
            findings.add(number, date_column, f"{shown(cells[0])} is no date (YYYY-MM-DD or M/D/YYYY)")
            continue
        for column in columns:
            _read_cell(column, day, cells[column.index], number, findings)


def _read_cell(column: _Column, day: date, text: str, line: int, findings: Findings) -> None:
    missing = text.casefold() in MISSING
    if missing and not column.blanks_are_statements:
        return
    value = None if missing else read_number(text)
    reason = _objection(column, day, text, value, missing=missing)
    if reason:
        findings.add(line, column.spec.series, reason)
        return
    _keep(column, line, Observation(day, "" if missing else text, value), findings)


def _objection(column: _Column, day: date, text: str, value: float | None, *, missing: bool) -> str:
    if day > column.latest:
        return f"{day.isoformat()} lies in the future"
    if missing:
        return ""
    if value is None:
        return f"{shown(text)} is no number"
    if not math.isfinite(value):
        return f"{shown(text)} is out of range"
    if not column.spec.admits(value):
        spec = column.spec
        return f"{shown(text)} is not plausible: {spec.minimum:g} to {spec.maximum:g} {spec.unit} is expected"
    return ""


def _keep(column: _Column, line: int, new: Observation, findings: Findings) -> None:
    before = column.observations.get(new.day)
    if before is None:
        column.observations[new.day] = line, new
        return
    earlier_line, old = before
    if new.value is None or new.value == old.value:
        column.duplicates += 1
        return
    column.observations[new.day] = line, new
    if old.value is None:
        column.duplicates += 1
    else:
        reason = f"{new.day.isoformat()} has {shown(old.text)} here and {shown(new.text)} on line {line}, which stands"
        findings.add(earlier_line, column.spec.series, reason)
