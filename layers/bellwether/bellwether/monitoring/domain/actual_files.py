"""Files of what came true: `join_key,value[,observed_at]`, one truth a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bellwether.models.domain.capture import Actual
from bellwether.monitoring.domain.evaluated_predictions import is_valid_actual
from bellwether.shared.domain.delimited import (
    Findings,
    Rejection,
    UnreadableError,
    first_cells,
    lines_of,
    read_number,
    shown,
    split_line,
)

INBOX = "actuals/inbox/"
ORIGINALS = "actuals/originals/"
QUARANTINE = "actuals/quarantine/"
KEY, VALUE, OBSERVED_AT = "join_key", "value", "observed_at"
KEY_CHARACTERS = 300


@dataclass(frozen=True)
class ActualsReading:
    """What a file holds; rows that can't be read are rejected, the others go on."""

    actuals: tuple[Actual, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    left_out: int = 0


def model_of(key: str) -> str:
    """The model that a file of the inbox is about: its folder."""
    return key.removeprefix(INBOX).partition("/")[0]


def read_actuals(content: bytes, *, model: str, file_name: str, received_at: datetime) -> ActualsReading:
    """Read a file received at that instant, which is when its rows count as observed that don't say so themselves."""
    findings = Findings()
    actuals: list[Actual] = []
    try:
        lines = lines_of(content)
        number, header = first_cells(lines)
        columns = _columns([cell.lower() for cell in header], number)
    except UnreadableError as problem:
        return ActualsReading(rejections=(problem.rejection,))
    for at, line in enumerate(lines[number:], start=number + 1):
        if not line.strip(", \t"):
            continue
        try:
            actuals.append(_row(split_line(line, at), columns, at, model, file_name, received_at))
        except UnreadableError as problem:
            findings.add(problem.line, problem.rejection.field, problem.reason)
    return ActualsReading(tuple(actuals), findings.kept(), findings.left_out)


def _columns(header: Sequence[str], line: int) -> dict[str, int]:
    for name in (KEY, VALUE):
        if name not in header:
            raise UnreadableError(f"column {name} is missing", line=line, field="header")
    if len(set(header)) != len(header):
        raise UnreadableError("a column appears twice", line=line, field="header")
    return {name: place for place, name in enumerate(header)}


def _row(
    cells: Sequence[str], columns: dict[str, int], line: int, model: str, file_name: str, received_at: datetime
) -> Actual:
    if any(cells[len(columns) :]):  # as a decimal comma or grouped thousands without quotes make it
        raise UnreadableError(f"{len(cells)} cells where the header has {len(columns)}", line=line, field="row")
    texts = {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}
    key, value = texts[KEY], read_number(texts[VALUE])
    if not key or len(key) > KEY_CHARACTERS:
        raise UnreadableError(f"has to be 1 to {KEY_CHARACTERS} characters", line=line, field=KEY)
    if value is None:
        raise UnreadableError(f"{shown(texts[VALUE])} is no number", line=line, field=VALUE)
    if not is_valid_actual(value):
        raise UnreadableError(f"{shown(texts[VALUE])} is out of range", line=line, field=VALUE)
    observed_at = _instant(texts.get(OBSERVED_AT, ""), line) or received_at
    if observed_at > received_at:
        raise UnreadableError(f"{shown(texts[OBSERVED_AT])} is in the future", line=line, field=OBSERVED_AT)
    return Actual(model=model, join_key=key, value=value, observed_at=observed_at, source=file_name)


def _instant(text: str, line: int) -> datetime | None:
    """An ISO day or instant, UTC unless it says otherwise; None for an empty cell."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableError(f"{shown(text)} is no ISO date or time", line=line, field=OBSERVED_AT) from None
