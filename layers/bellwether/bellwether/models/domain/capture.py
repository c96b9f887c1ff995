"""What is remembered of a prediction, and what came true later."""

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bellwether.shared.domain.errors import InvalidInputError

MESSAGE_LIMIT_BYTES = 256 * 1024
LATE = "no answer in time"  # in the error of a record whose answer nobody waited for


class Variant(StrEnum):
    """Which of two versions of a model answered."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Status(StrEnum):
    """How a request to an endpoint ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # the caller's fault
    FAILED = "failed"  # ours: an error, a timeout, an endpoint that was too busy


class Point(BaseModel):
    """One figure that can come true: `join_key` is the key its actual will arrive under, with the interval's bounds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    join_key: Annotated[str, Field(min_length=1, max_length=300)]
    prediction: float
    lower: float | None = None
    upper: float | None = None


class CaptureRecord(BaseModel):
    """One row asked of one version. `instance` counts the rows of a request; `returned` is False for a shadow's answer.

    (`request_id`, `instance`, `variant`) is the record's natural key: it arrives at least once.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    request_id: Annotated[str, Field(min_length=1, max_length=200)]
    instance: Annotated[int, Field(ge=0)] = 0
    model: str
    variant: Variant = Variant.CHAMPION
    returned: bool = True
    experiment_id: str | None = None
    model_version: str | None = None
    entity_id: str | None = None
    received_at: AwareDatetime
    latency_ms: float
    status: Status
    error: str | None = None
    input: dict[str, Any] = Field(default_factory=dict)
    output: dict[str, Any] | None = None
    left_out: tuple[str, ...] = ()  # of `input` and `output`, what was too large to travel
    points: tuple[Point, ...] = ()

    @property
    def key(self) -> tuple[str, int, str]:
        """Same key, same record."""
        return self.request_id, self.instance, self.variant.value


class Actual(BaseModel):
    """What came true under a join key; a later `observed_at` corrects an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    join_key: Annotated[str, Field(min_length=1, max_length=300)]
    value: float
    observed_at: AwareDatetime
    source: str = ""


class _Message(BaseModel):
    """Records on their way: what one request leaves behind."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    records: tuple[CaptureRecord, ...]


def as_line(entry: CaptureRecord | Actual) -> str:
    """One line of JSON in ASCII, the same for the same entry: it holds even text that UTF-8 can't."""
    return json.dumps(entry.model_dump(), default=_text, sort_keys=True)


def messages(records: Sequence[CaptureRecord], *, limit_bytes: int = MESSAGE_LIMIT_BYTES) -> Iterator[str]:
    """Records as one message of at most `limit_bytes`.

    Where they don't fit, their inputs stay behind, then their outputs, and the records say so; only a request whose
    bare figures are too many takes several messages.
    """
    text = f'{{"records": [{", ".join(map(as_line, records))}]}}'
    if len(text) <= limit_bytes:
        yield text
    elif any(record.input for record in records):
        yield from messages([_without("input", record) for record in records], limit_bytes=limit_bytes)
    elif any(record.output for record in records):
        yield from messages([_without("output", record) for record in records], limit_bytes=limit_bytes)
    elif len(records) > 1:
        middle = len(records) // 2
        yield from messages(records[:middle], limit_bytes=limit_bytes)
        yield from messages(records[middle:], limit_bytes=limit_bytes)
    else:
        yield text


def read_message(text: str) -> tuple[CaptureRecord, ...]:
    """The records of a message; raises InvalidInputError for anything else."""
    return _read(_Message, text, "message").records


def read_line[E: (CaptureRecord, Actual)](kind: type[E], line: str, place: str) -> E:
    """The entry of a line; raises InvalidInputError that names the place."""
    return _read(kind, line, place)


def _read[M: BaseModel](kind: type[M], text: str, place: str) -> M:
    try:
        return kind.model_validate(json.loads(text))
    except (ValueError, ValidationError, RecursionError) as error:
        raise InvalidInputError(f"is not a valid {kind.__name__.strip('_')}", field=place) from error


def _without(part: str, record: CaptureRecord) -> CaptureRecord:
    empty: dict[str, Any] | None = {} if part == "input" else None
    return record.model_copy(update={part: empty, "left_out": (*record.left_out, part)})


def _text(value: Any) -> str:
    return str(value.isoformat())
