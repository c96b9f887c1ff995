"""Files of what came true: `join_key,value[,observed_at]`, one truth a row.

`observed_at` is an ISO instant or a day. How days and numbers are written is decided from all cells (notations.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from bellwether.models.domain.capture import Actual
from bellwether.monitoring.domain.evaluated_predictions import is_valid_actual
from bellwether.shared.domain.delimited import (
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
)

INBOX = "actuals/inbox/"
ORIGINALS = "actuals/originals/"
QUARANTINE = "actuals/quarantine/"
KEY, VALUE, OBSERVED_AT = "join_key", "value", "observed_at"
KEY_CHARACTERS = 300


@dataclass(frozen=True)
class ActualsReading:
    """What a file holds; rows that can't be read are rejected, the others go on.

    `assumptions` say what was decided where the file can be read in more than one way.
    """

    actuals: tuple[Actual, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    left_out: int = 0
    assumptions: tuple[str, ...] = ()


def model_of(key: str) -> str:
    """The model that a file of the inbox is about: its folder."""
    return key.removeprefix(INBOX).partition("/")[0]


def read_actuals(content: bytes, *, model: str, file_name: str, received_at: datetime) -> ActualsReading:
    """Read a file received at that instant, which is when its rows count as observed that don't say so themselves."""
    findings = Findings()
    try:
        lines = lines_of(content)
        number, header = first_cells(lines)
        delimiter = delimiter_of(lines[number - 1])
        columns = _columns([cell.lower() for cell in header], number)
        rows = _rows(lines, number, columns, delimiter, findings)
        numbers = _number_notation(rows, number, delimiter)
        days = _date_notation(rows, number, received_at.date())
    except UnreadableError as problem:
        return ActualsReading(rejections=(problem.rejection,))
    actuals: list[Actual] = []
    for row in rows:
        try:
            value = _value(row, numbers)
            observed_at = _instant(row, days) or received_at
            if observed_at > received_at:
                raise UnreadableError(f"{shown(row.observed_at)} is in the future", line=row.line, field=OBSERVED_AT)
        except UnreadableError as problem:
            findings.add(problem.line, problem.field, problem.reason)
            continue
        actuals.append(Actual(model=model, join_key=row.key, value=value, observed_at=observed_at, source=file_name))
    assumptions = tuple(f"{name}: {note}" for name, note in _assumed(numbers, days) if note)
    return ActualsReading(tuple(actuals), findings.kept(), findings.left_out, assumptions)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    key: str
    value: str
    observed_at: str


def _columns(header: Sequence[str], line: int) -> dict[str, int]:
    for name in (KEY, VALUE):
        if name not in header:
            raise UnreadableError(f"column {name} is missing", line=line, field="header")
    if len(set(header)) != len(header):
        raise UnreadableError("a column appears twice", line=line, field="header")
    return {name: place for place, name in enumerate(header)}


def _rows(
    lines: Sequence[str], header_line: int, columns: dict[str, int], delimiter: str, findings: Findings
) -> list[_Row]:
    rows: list[_Row] = []
    for number, line in enumerate(lines[header_line:], start=header_line + 1):
        if is_blank(line):
            continue
        try:
            cells = split_line(line, number, delimiter)
            if any(cells[len(columns) :]):  # as a decimal comma or grouped thousands without quotes make it
                reason = f"{len(cells)} cells where the header has {len(columns)}"
                raise UnreadableError(reason, line=number, field="row")
            texts = {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}
            if not 0 < len(texts[KEY]) <= KEY_CHARACTERS:
                raise UnreadableError(f"has to be 1 to {KEY_CHARACTERS} characters", line=number, field=KEY)
        except UnreadableError as problem:
            findings.add(problem.line, problem.field, problem.reason)
            continue
        rows.append(_Row(number, texts[KEY], texts[VALUE], texts.get(OBSERVED_AT, "")))
    return rows


def _number_notation(rows: Sequence[_Row], header_line: int, delimiter: str) -> NumberNotation:
    """How values are written; nothing is known of their size, so that an open one refuses the file."""
    try:
        notation = decide_numbers((row.value for row in rows), delimiter=delimiter)
        if notation.percent:
            raise AmbiguousError("has percent signs; write the figure in the unit of the model's predictions")
    except AmbiguousError as error:
        raise UnreadableError(error.reason, line=header_line, field=VALUE) from error
    return notation


def _date_notation(rows: Sequence[_Row], header_line: int, received_on: date) -> DateNotation:
    """How days are written that are no ISO instants. A day after the file's arrival is not plausible."""
    cells = [row.observed_at for row in rows if row.observed_at and _iso_instant(row.observed_at) is None]
    try:
        return decide_dates(cells, plausible=lambda days: days[-1] <= received_on)
    except AmbiguousError as error:
        raise UnreadableError(error.reason, line=header_line, field=OBSERVED_AT) from error


def _assumed(numbers: NumberNotation, days: DateNotation) -> tuple[tuple[str, str], ...]:
    return (VALUE, numbers.assumed), (OBSERVED_AT, days.assumed)


def _value(row: _Row, notation: NumberNotation) -> float:
    plain = notation.plain(row.value)
    value = None if plain is None else read_number(plain)
    if value is None:
        raise UnreadableError(f"{shown(row.value)} is not a number", line=row.line, field=VALUE)
    if not is_valid_actual(value):
        raise UnreadableError(f"{shown(row.value)} is out of range", line=row.line, field=VALUE)
    return value


def _instant(row: _Row, days: DateNotation) -> datetime | None:
    """A day or an ISO instant, UTC unless it says otherwise; None for an empty cell."""
    text = row.observed_at
    if not text:
        return None
    instant = _iso_instant(text)
    if instant is None and (day := days.read(text)) is not None:
        instant = datetime.combine(day, time(), UTC)
    try:
        if instant is not None:
            return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        pass
    raise UnreadableError(f"{shown(text)} is not a date or time (ISO is expected)", line=row.line, field=OBSERVED_AT)


def _iso_instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
