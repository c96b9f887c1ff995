"""Predictions by the file: lines of JSON in the data bucket, each answered in its place by the version in service.

A line is what the model's endpoint takes for one row; its answer is the endpoint's, byte for byte. A line that can't be
used is answered by an object with `error`, and the others go on.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.models.domain.report_schema import Sha256
from bellwether.shared.domain.decisions import Gate
from bellwether.shared.domain.errors import InvalidInputError

INPUT_LIMIT_BYTES = 32 * 1024 * 1024
LINES_LIMIT = 100_000  # whose answers, 1 to 2 kB each, a function can still read at once
LINE_LIMIT_BYTES = 256 * 1024  # as for a request of its own; a payload of a job holds four of them
ERRORS_SHOWN = 20
INPUT_FILE = "input.jsonl"
_PLACE = re.compile(r"^line \d+(: )?")
NAME = r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$"
BatchName = Annotated[str, Field(pattern=NAME)]


class BatchState(StrEnum):
    """What has to be done for a batch."""

    READY = "ready"
    EMPTY = "empty"  # there is no line to answer
    RUNNING = "running"  # the same batch is under way
    DONE = "done"  # the same lines were answered by the same version


class BatchOrder(BaseModel):
    """A batch, ready for its job: everything that a transform job needs, and what its end is held against."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    name: BatchName
    state: BatchState
    job_name: str
    version: int
    model_name: str
    model_version: str
    input_uri: str
    input_sha256: Sha256
    lines: Annotated[int, Field(ge=0)]
    output_uri: str
    requested_by: str = "unknown"

    @property
    def folder(self) -> str:
        """Where all of the batch lies in the data bucket."""
        return batch_folder(self.model, self.name)

    @property
    def input_key(self) -> str:
        """The lines."""
        return self.folder + INPUT_FILE

    @property
    def output_key(self) -> str:
        """The answers, as the job names them."""
        return f"{self.folder}output/{self.job_name}/{INPUT_FILE}.out"

    @property
    def report_key(self) -> str:
        """What became of the newest job."""
        return report_key(self.model, self.name)


class RefusedLine(BaseModel):
    """A line that the model did not take; `line` counts from 1, blank ones too."""

    model_config = ConfigDict(frozen=True)

    line: int
    field: str
    message: str


class BatchReport(BaseModel):
    """What became of a batch: lines in, answers out, and the first of those that were refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    model: str
    name: BatchName
    job_name: str
    version: int
    model_version: str
    input_sha256: Sha256
    lines: int
    answers: int
    refused: int
    unreadable: int
    refusals: tuple[RefusedLine, ...] = ()
    output_key: str | None
    finished_at: AwareDatetime


@dataclass(frozen=True)
class Answered:
    """What an output file holds: how many lines, refusals among them, and lines that are no JSON object."""

    answers: int
    refused: int
    unreadable: int
    refusals: tuple[RefusedLine, ...]


def batch_folder(model: str, name: str) -> str:
    """Where a batch lies in the data bucket."""
    return f"batch/{model}/{name}/"


def report_key(model: str, name: str) -> str:
    """Where its report lies."""
    return batch_folder(model, name) + "report.json"


def batch_prefix(model: str, name: str, input_sha256: str, model_name: str) -> str:
    """What all jobs of a batch have in common: same folder, lines and version, same prefix."""
    recipe = json.dumps([name, input_sha256, model_name])
    return f"{model}-batch-{sha256(recipe.encode()).hexdigest()[:16]}-"


def line_numbers(content: bytes) -> tuple[int, ...]:
    """Numbers of the lines that are not blank, which is those that get an answer.

    Raises InvalidInputError for a line that is too long for any payload, and for too many lines.
    """
    numbers = []
    for number, line in enumerate(BytesIO(content), start=1):
        if len(line) > LINE_LIMIT_BYTES:
            raise InvalidInputError(f"has {len(line)} bytes, at most {LINE_LIMIT_BYTES} fit", field=f"line {number}")
        if line.strip():
            numbers.append(number)
    if len(numbers) > LINES_LIMIT:
        raise InvalidInputError(f"has {len(numbers)} lines, at most {LINES_LIMIT} are taken", field=INPUT_FILE)
    return tuple(numbers)


def refuse_other_formats(content: bytes) -> None:
    """Raise InvalidInputError for a file of which no line is a JSON object, such as CSV.

    A file with some bad lines is taken: each of them gets its own refusal.
    """
    lines = [line for line in BytesIO(content) if line.strip()]
    if lines and not any(_object(line) is not None for line in lines):
        begins = lines[0][:40].decode(errors="replace").strip()
        reason = f"no line is a JSON object; JSON lines are expected, the file begins with {begins!r}"
        raise InvalidInputError(reason, field=INPUT_FILE)


def read_answers(output: bytes, numbers: tuple[int, ...]) -> Answered:
    """Go through the answers; `numbers` are those of the lines they belong to."""
    answers, unreadable, refusals = 0, 0, []
    for line in BytesIO(output):
        if not line.strip():
            continue
        document = _object(line)
        if document is None:
            unreadable += 1
        elif document.get("error"):
            refusals.append(_refused(document, numbers[answers] if answers < len(numbers) else 0))
        answers += 1
    return Answered(answers, len(refusals), unreadable, tuple(refusals[:ERRORS_SHOWN]))


def gates_of(order: BatchOrder, answered: Answered) -> tuple[Gate, ...]:
    """Whether every line has its answer."""
    return (
        _gate("lines_answered", answered.answers, order.lines, "answers for {limit} lines"),
        _gate("answers_unreadable", answered.unreadable, 0, "answers are not JSON objects"),
    )


def _gate(name: str, observed: int, limit: int, about: str) -> Gate:
    reason = f"{observed} {about.format(limit=limit)}"
    return Gate(name=name, observed=observed, limit=limit, passed=observed == limit, reason=reason)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _refused(document: dict[str, Any], line: int) -> RefusedLine:
    """An answer with `error`: its name beside field and message, or an object of field and reason.

    A field may begin with a line's number; that one counts from the beginning of its payload.
    """
    error = document["error"]
    told = error if isinstance(error, dict) else document
    message = told.get("message") or told.get("reason") or error
    field = _PLACE.sub("", str(told.get("field", "")))
    return RefusedLine(line=line, field=field[:200], message=str(message)[:300])
