"""Reads FRED's CSV files: one series or many, older or newer header, and says which rows it had to leave out.

Accepted: `DATE,<ID>` and `observation_date,<ID>` with any number of series columns; `VALUE` as the name of the one
column (the file is then named after the series); ALFRED's `<ID>_<YYYYMMDD>` (a vintage of that day); FRED-MD's
`sasdate` with its `Transform:` row; long files with columns for date, series and value. Cells are separated by commas,
semicolons or tabs; text before the header and an unnamed column of row numbers are passed over. How dates and numbers
are written is decided from all cells (notations.py). What was decided is an assumption of each series. `.`, an empty
cell and NaN in its spellings are missing.

A row that can't be read is rejected with its line, the others go on. Where a date comes twice with the same value the
second is dropped; with different values the later line stands (corrections are appended) and the earlier is rejected.
A series is refused when its dates, the size of its figures or its repeated dates cannot be those of the series.
In a file of one series a missing value is a statement (the figure was withdrawn, or there never was one). In a wide
file it is none: series of different frequencies share the rows there.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath

from bellwether.datasets.domain.series import (
    SERIES_PATTERN,
    Frequency,
    SeriesSpec,
    frequency_problem,
    infer_frequency,
    is_finer,
)
from bellwether.datasets.domain.series_catalogue import spec_of
from bellwether.datasets.domain.series_sizes import size_problem, unit_change
from bellwether.shared.domain.delimited import (
    MISSING,
    Findings,
    Rejection,
    UnreadableError,
    delimiter_of,
    first_cells,
    is_blank,
    lines_of,
    read_number,
    shown,
    split_line,
)
from bellwether.shared.domain.notations import (
    AmbiguousError,
    DateNotation,
    NumberNotation,
    decide_dates,
    decide_numbers,
    looks_like_date,
)

MAX_ROWS = 200_000
MAX_COLUMNS = 2_000
PROJECTION_YEARS = 15
HEADER_LINES = 40  # so many lines may stand before the header
REPEATED_SHARE = 0.1  # of dates with two different values: more are several series in one column
REPEATED_DATES = 2

DATE_COLUMNS = frozenset({"date", "observation_date", "sasdate"})
_LONG_DATES = DATE_COLUMNS | {"ds", "time_period"}
_LONG_SERIES = frozenset(
    {"series_id", "series", "seriesid", "id", "unique_id", "variable", "symbol", "indicator", "mnemonic", "code"}
)
_LONG_VALUES = frozenset({"value", "values", "obs_value", "observation_value", "y"})
_MARKET_PRICES = frozenset({"open", "high", "low", "close", "adj_close", "last", "price", "volume"})
_NOTE_ROWS = frozenset({"transform:", "transform", "factors"})
_VINTAGE_COLUMN = re.compile(r"(.+)_(\d{4})(\d{2})(\d{2})", re.ASCII)
_COPY_NUMBER = re.compile(r" ?\(\d+\)$")
_ROW_NUMBER = re.compile(r"\d+", re.ASCII)

Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Observation:
    """A figure as delivered; `value` is None for a missing one."""

    day: date
    text: str
    value: float | None


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """One series of a file: at least one value, dates ascending, each once. `known_on` where the header tells it.

    `assumptions` say what was decided where the file can be read in more than one way.
    """

    series: str
    observations: tuple[Observation, ...]
    known_on: date | None = None
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableReading:
    """What a file holds. `left_out` counts rejections over the number that is kept."""

    tables: tuple[SeriesTable, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    left_out: int = 0
    duplicates: int = 0


def read_table(content: bytes, *, file_name: str, received_on: date) -> TableReading:
    """Read a CSV file received on that day; never raises for what is in it."""
    findings = Findings()
    try:
        lines = lines_of(content)
        header = _header(lines)
        rows = _rows(lines, header, findings)
        header = _without_row_numbers(header, rows)
        columns = _columns(header, rows, file_name, received_on, findings)
        notation = _date_notation(header, rows, columns) if columns else None
    except UnreadableError as problem:
        return TableReading(rejections=(problem.rejection,))
    if notation:
        _read_rows(header, rows, columns, notation, findings)
    tables = tuple(_tables(columns, findings))
    return TableReading(tables, findings.kept(), findings.left_out, sum(column.duplicates for column in columns))


# --- header ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Header:
    """Where the header stands and which column is what; `series` and `value` are those of a long file."""

    line: int
    delimiter: str
    cells: Sequence[str]
    date: int
    series: int | None = None
    value: int | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def date_name(self) -> str:
        return self.cells[self.date] or "date"


def _header(lines: Sequence[str]) -> _Header:
    before = 0
    for number, line in enumerate(lines, start=1):
        if is_blank(line):
            continue
        if before > HEADER_LINES or line.lstrip().startswith("<"):
            break
        found = _header_of(lines, number, line)
        if found is not None:
            if len(found.cells) > MAX_COLUMNS:
                raise UnreadableError(f"more than {MAX_COLUMNS} columns", line=number, field="header")
            note = (f"{before} lines before the header are left out",) if before else ()
            return _Header(
                number, found.delimiter, found.cells, found.date, found.series, found.value, found.assumptions + note
            )
        if looks_like_date(line.partition(delimiter_of(line))[0].strip(' "')):
            break
        before += 1
    raise _header_problem(lines)


def _header_of(lines: Sequence[str], number: int, line: str) -> _Header | None:
    delimiter = delimiter_of(line)
    try:
        cells = split_line(line, number, delimiter)
    except UnreadableError:
        return None
    while cells and not cells[-1]:
        cells.pop()
    names = [cell.casefold() for cell in cells]
    dates = [place for place, name in enumerate(names) if name in _LONG_DATES]
    series = [place for place, name in enumerate(names) if name in _LONG_SERIES]
    values = [place for place, name in enumerate(names) if name in _LONG_VALUES]
    if dates and series:
        if not (len(dates) == len(series) == len(values) == 1):
            reason = "a column names the series, but there is not one column of dates and one named value"
            raise UnreadableError(reason, line=number, field="header")
        note = "one row a figure: the series is named by column " + shown(cells[series[0]])
        unused = [
            cells[place] for place in range(len(cells)) if cells[place] and place not in (*dates, *series, *values)
        ]
        notes = (note, *((f"columns are left out: {', '.join(unused)}",) if unused else ()))
        return _Header(number, delimiter, cells, dates[0], series[0], values[0], notes)
    for place in (0, 1):
        if len(names) > place and names[place] in DATE_COLUMNS and not any(names[:place]):
            if len(names) == place + 1:
                raise UnreadableError("no series column beside the date", line=number, field="header")
            return _Header(number, delimiter, cells, place)
    following = next((each for each in lines[number:] if not is_blank(each)), "")
    if len(names) > 1 and not names[0] and looks_like_date(following.partition(delimiter)[0].strip(' "')):
        note = "the unnamed first column is read as the dates"
        return _Header(number, delimiter, cells, 0, assumptions=(note,))
    return None


def _header_problem(lines: Sequence[str]) -> UnreadableError:
    """Why there is no header."""
    number, cells = first_cells(lines)
    if looks_like_date(cells[0]):
        return UnreadableError("no header row: the first line is a data row", line=number, field="header")
    if cells[0].startswith(("{", "[")):
        return UnreadableError("JSON; CSV is expected", line=number)
    reason = f"the first column is {shown(cells[0])}; DATE or observation_date is expected"
    return UnreadableError(reason, line=number, field="header")


def _without_row_numbers(header: _Header, rows: Sequence[Row]) -> _Header:
    """Refuse an unnamed column before the dates unless it numbers the rows."""
    if header.date == 0 or header.series is not None:
        return header
    numbers = [cells[0] for _, cells in rows]
    if not all(_ROW_NUMBER.fullmatch(number) for number in numbers) or len(set(numbers)) < len(numbers):
        raise UnreadableError("an unnamed first column that does not number the rows", line=header.line, field="header")
    note = (*header.assumptions, "the unnamed column of row numbers is left out")
    return _Header(header.line, header.delimiter, header.cells, header.date, assumptions=note)


# --- columns --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Column:
    """One series of the file. `index` is where its figures are, `label` the cell that names its rows in a long file."""

    index: int
    spec: SeriesSpec
    known_on: date | None
    received_on: date
    blanks_are_statements: bool
    assumptions: list[str]
    label: str | None = None
    cells: list[tuple[int, date, str]] = field(default_factory=list)
    observations: dict[date, tuple[int, Observation]] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: int = 0
    refused: bool = False

    @property
    def latest(self) -> date:
        """The last day that a figure may have: a series that nobody knows may be a projection."""
        if self.spec.known:
            return self.received_on
        return self.received_on.replace(year=self.received_on.year + PROJECTION_YEARS, day=1)


def _columns(
    header: _Header, rows: Sequence[Row], file_name: str, received_on: date, findings: Findings
) -> tuple[_Column, ...]:
    named: list[tuple[int, str, str | None]]
    if header.series is not None and header.value is not None:
        labels = dict.fromkeys(cells[header.series] for _, cells in rows if len(cells) > header.series)
        if len(labels) > MAX_COLUMNS:
            raise UnreadableError(f"more than {MAX_COLUMNS} series", line=header.line, field="header")
        named = [(header.value, label, label) for label in labels]
        alone = True
    else:
        places = range(header.date + 1, len(header.cells))
        alone = len(places) == 1
        named = [(place, header.cells[place], None) for place in places]
    columns: dict[tuple[str, date | None], _Column] = {}
    for index, written, label in named:
        notes = list(header.assumptions)
        name = written
        if alone and label is None and name.casefold() in _LONG_VALUES:
            name = _COPY_NUMBER.sub("", PurePosixPath(file_name.replace("!", "/")).stem)
            notes.append("the series is named after the file")
        identifier, known_on = _identified(name)
        spec = spec_of(identifier)
        if not SERIES_PATTERN.fullmatch(identifier) or identifier.casefold() in _LONG_VALUES:
            findings.add(header.line, shown(name), "no series identifier (letters, digits, underscore)")
        elif identifier.casefold() in _MARKET_PRICES:
            findings.add(header.line, shown(name), "names a market price, which every price file has, and no series")
        elif (spec.series, known_on) in columns:
            findings.add(header.line, spec.series, "the column comes twice; the first one counts")
        else:
            columns[spec.series, known_on] = _Column(index, spec, known_on, received_on, alone, notes, label)
    return tuple(columns.values())


def _identified(name: str) -> tuple[str, date | None]:
    """Take ALFRED's vintage day off a column's name."""
    match = _VINTAGE_COLUMN.fullmatch(name)
    if match is None:
        return name, None
    try:
        return match[1], date(*(int(part) for part in match.groups()[1:]))
    except ValueError:
        return name, None


def _tables(columns: Sequence[_Column], findings: Findings) -> Iterator[SeriesTable]:
    for column in (each for each in columns if not each.refused):
        series = column.spec.series
        observations = tuple(observation for _, (_, observation) in sorted(column.observations.items()))
        days = [each.day for each in observations if each.value is not None]
        problem = _column_problem(column, observations, days)
        if problem:
            findings.add(None, series, problem)
            continue
        if days[-1] > column.received_on:
            ahead = sum(day > column.received_on for day in days)
            column.assumptions.append(f"{ahead} figures are dated in the future: taken for a projection")
        yield SeriesTable(series, observations, column.known_on, tuple(column.assumptions))


def _column_problem(column: _Column, observations: Sequence[Observation], days: Sequence[date]) -> str:
    """Why the figures cannot be those of the series."""
    if not days:
        return "no values"
    if column.conflicts > max(REPEATED_DATES, REPEATED_SHARE * len(days)):
        return f"{column.conflicts} times a date comes again with another value: several series in one column"
    values = [each.value for each in observations if each.value is not None]
    return (
        frequency_problem(column.spec, days)
        or size_problem(column.spec, values, days)
        or unit_change(column.spec, values, days)
    )


# --- rows -----------------------------------------------------------------------------------------------------------


def _rows(lines: Sequence[str], header: _Header, findings: Findings) -> list[Row]:
    width = len(header.cells)
    rows: list[Row] = []
    wrong = seen = 0
    for number, line in enumerate(lines[header.line :], start=header.line + 1):
        if is_blank(line):
            continue
        seen += 1
        if seen > MAX_ROWS:
            findings.add(number, "file", f"more than {MAX_ROWS} rows; those from here on are left out")
            break
        try:
            cells = split_line(line, number, header.delimiter)
        except UnreadableError as problem:
            findings.add(number, problem.field, problem.reason)
            continue
        if cells[0].casefold() in _NOTE_ROWS and header.date_name.casefold() == "sasdate":
            continue
        if len(cells) < width or any(cells[width:]):
            findings.add(number, "row", f"{len(cells)} cells where the header has {width}")
            wrong += 1
            continue
        rows.append((number, cells))
    if wrong > len(rows) > 0:
        reason = f"{wrong} of {seen} rows do not have the header's {width} cells; a cell may hold an unquoted comma"
        raise UnreadableError(reason, line=header.line, field="header")
    return rows


def _date_notation(header: _Header, rows: Sequence[Row], columns: Sequence[_Column]) -> DateNotation:
    specs = [column.spec for column in columns]
    try:
        return decide_dates(
            (cells[header.date] for _, cells in rows), plausible=lambda days: _plausible_dates(days, specs)
        )
    except AmbiguousError as error:
        raise UnreadableError(error.reason, line=header.line, field=header.date_name) from error


def _plausible_dates(days: Sequence[date], specs: Collection[SeriesSpec]) -> bool:
    """Whether these can be the dates of series like these."""
    known = [spec.frequency for spec in specs if spec.known]
    by_dates = infer_frequency(days)
    periodic = {Frequency.MONTHLY, Frequency.QUARTERLY}
    if known and len(known) == len(specs) and set(known) <= periodic:
        return by_dates in periodic or (by_dates is None and all(day.day == 1 for day in days))
    if by_dates is None:
        return len(set(days)) == 1 and not specs
    return not any(is_finer(by_dates, frequency) for frequency in known)


def _read_rows(
    header: _Header, rows: Sequence[Row], columns: Sequence[_Column], notation: DateNotation, findings: Findings
) -> None:
    by_label = {column.label: column for column in columns if column.label is not None}
    for number, cells in rows:
        text = cells[header.date]
        day = notation.read(text)
        if day is None:
            findings.add(number, header.date_name, f"{shown(text)} is not a date ({notation.order.value} is expected)")
            continue
        if header.series is not None:
            column = by_label.get(cells[header.series])
            if column is not None:
                column.cells.append((number, day, cells[column.index]))
            continue
        for column in columns:
            column.cells.append((number, day, cells[column.index]))
    for column in columns:
        _read_column(column, header, notation, findings)


def _read_column(column: _Column, header: _Header, dates: DateNotation, findings: Findings) -> None:
    try:
        numbers = decide_numbers(
            (text for _, _, text in column.cells), delimiter=header.delimiter, plausible=_plausible_sizes(column.spec)
        )
    except AmbiguousError as error:
        findings.add(header.line, column.spec.series, error.reason)
        column.cells.clear()
        column.refused = True
        return
    if numbers.percent and column.spec.known and "percent" not in column.spec.unit:
        findings.add(header.line, column.spec.series, f"has percent signs, but its unit is {column.spec.unit}")
        column.cells.clear()
        column.refused = True
        return
    column.assumptions.extend(note for note in (dates.assumed, numbers.assumed) if note)
    for number, day, text in column.cells:
        _read_cell(column, numbers, day, text, number, findings)
    column.cells.clear()


def _plausible_sizes(spec: SeriesSpec) -> Callable[[Sequence[float]], bool] | None:
    if not spec.known:
        return None
    return lambda values: all(map(spec.admits, values)) and not size_problem(spec, values, ())


def _read_cell(column: _Column, numbers: NumberNotation, day: date, text: str, line: int, findings: Findings) -> None:
    missing = text.casefold() in MISSING
    if missing and not column.blanks_are_statements:
        return
    plain = None if missing else numbers.plain(text)
    value = None if plain is None else read_number(plain)
    reason = _objection(column, day, text, value, missing=missing)
    if reason:
        findings.add(line, column.spec.series, reason)
        return
    _keep(column, line, Observation(day, plain or "", value), findings)


def _objection(column: _Column, day: date, text: str, value: float | None, *, missing: bool) -> str:
    if day > column.latest:
        return f"{day.isoformat()} lies in the future"
    if missing:
        return ""
    if value is None:
        return f"{shown(text)} is not a number"
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
        column.conflicts += 1
        reason = f"{new.day.isoformat()} has {shown(old.text)} here and {shown(new.text)} on line {line}, which stands"
        findings.add(earlier_line, column.spec.series, reason)
