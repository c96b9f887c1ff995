"""CSV as it comes from people: text out of bytes, cells out of lines, numbers and days out of cells.

A line is read by itself: quotes never reach over a line end, so that a lost one spoils its own line only.
"""

import re
from collections.abc import Sequence
from csv import Error as CsvError
from csv import reader as csv_reader
from dataclasses import dataclass, field
from datetime import date

MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_REJECTIONS = 1_000
MAX_LINE_CHARACTERS = 100_000
MISSING = frozenset(
    {"", ".", "..", "...", ":", "?", "nan", "na", "n/a", "n.a.", "(na)", "#n/a", "#na", "null", "none", "nd"}
)
FIRST_YEAR = 1600

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Rejection:
    """What could not be read. `line` counts from 1 in the file as delivered; None where the whole file is meant."""

    line: int | None
    field: str
    reason: str


class UnreadableError(Exception):
    """A file or a line that can't be read; never leaves the module that reads it."""

    def __init__(self, reason: str, *, line: int | None = None, field: str = "file") -> None:
        super().__init__(reason)
        self.reason, self.line, self.field = reason, line, field

    @property
    def rejection(self) -> Rejection:
        """The same as a finding."""
        return Rejection(self.line, self.field, self.reason)


@dataclass(slots=True)
class Findings:
    """Rejections so far, and how many came after the last one that is kept."""

    rejections: list[Rejection] = field(default_factory=list)
    left_out: int = 0

    def add(self, line: int | None, field: str, reason: str) -> None:
        """Note what could not be read, unless there is too much of it already."""
        if len(self.rejections) < MAX_REJECTIONS:
            self.rejections.append(Rejection(line, field, reason))
        else:
            self.left_out += 1

    def kept(self) -> tuple[Rejection, ...]:
        """In the file's order."""
        return tuple(sorted(self.rejections, key=lambda each: (each.line or 0, each.field)))


def lines_of(content: bytes) -> list[str]:
    """The lines of a text file, whatever they end with; raises UnreadableError for what is not UTF-8 text."""
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableError(f"larger than {MAX_FILE_BYTES} bytes")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("encoded as UTF-16; UTF-8 is expected")
    if b"\0" in content:
        raise UnreadableError("a binary file; CSV text is expected")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(f"not UTF-8 at byte {error.start}", line=line) from error
    if not text.strip():
        raise UnreadableError("an empty file")
    return _LINE_END.split(text)


def is_blank(line: str) -> bool:
    """Whether a line holds nothing but space, separators and empty quotes."""
    return all(each.isspace() or each in ',;"' for each in line)


def first_cells(lines: Sequence[str]) -> tuple[int, list[str]]:
    """Number and cells of the first line that is not blank; raises UnreadableError where there is none to be had."""
    number, line = next(((i, line) for i, line in enumerate(lines, start=1) if not is_blank(line)), (1, ""))
    if not line:
        raise UnreadableError("nothing but commas")
    if line.lstrip().startswith("<"):
        raise UnreadableError("a web page or XML; CSV is expected", line=number)
    cells = split_line(line, number, delimiter_of(line))
    while cells and not cells[-1]:
        cells.pop()
    return number, cells


def delimiter_of(line: str) -> str:
    """What separates the cells of a header line: a tab, a semicolon or a comma."""
    return next((mark for mark in "\t;" if mark in line), ",")


def split_line(line: str, number: int, delimiter: str = ",") -> list[str]:
    """The cells of one line without space around them; raises UnreadableError."""
    if len(line) > MAX_LINE_CHARACTERS:
        raise UnreadableError(f"a line of more than {MAX_LINE_CHARACTERS} characters", line=number, field="row")
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv_reader([line], strict=True, delimiter=delimiter))]
    except CsvError as error:
        raise UnreadableError("quotes don't match", line=number, field="row") from error


def read_number(text: str) -> float | None:
    """The number a cell holds; infinite when it is too large; None for anything else ("1,000", "inf", "0x10")."""
    return float(text) + 0.0 if _NUMBER.fullmatch(text) else None  # + 0.0 makes -0.0 plain


def day_of(year: int, month: int, day: int) -> date | None:
    """The day, where there is such a one."""
    if year < FIRST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def shown(text: str) -> str:
    """A cell as a finding quotes it."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
