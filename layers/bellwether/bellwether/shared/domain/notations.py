"""How the dates and numbers of a column are written, decided from all of its cells.

One cell can be read in two ways: 01/02/2009 is a day in January or in February, 1,234 is 1234 or 1.234. The cells of a
column are written alike, so one cell that can be read in one way only decides for the others. Where none does, the
caller's knowledge decides (how often a series has values, what its usual size is). Where that is missing too, the
column is refused.

Accepted dates: YYYY-MM-DD and YYYY/MM/DD with or without a time at midnight, YYYYMMDD, YYYY-MM, YYYYMmm, YYYYQq,
M/D/YYYY, D/M/YYYY (also with dots and dashes), D-Mon-YYYY, Mon D, YYYY, Mon YYYY, YYYY Mon. Two-digit years are
refused: they leave the century open. Accepted numbers: decimal point or decimal comma, thousands grouped by the other
mark, by spaces or by apostrophes. Numbers as spreadsheets round them (1.60E+06) are refused.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bellwether.shared.domain.delimited import MISSING, day_of, shown

TELLING_DAYS = 6  # so many different days in one month of several years: the month was written as the day
TOLERATED_SHARE = 0.01  # of cells that contradict the others: such rows are rejected, the column is read
_LAST_MONTH = 12
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAME = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_MIDNIGHT = r"(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[ ]?\+00:?00)?)?"
_NUMERIC = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}){_MIDNIGHT}", re.ASCII)
_YEAR_FIRST = (
    re.compile(rf"(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){_MIDNIGHT}", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?:[-/]|-?[Mm])(?P<m>\d{2})", re.ASCII),
    re.compile(r"(?P<y>\d{4})[ -]?[Qq](?P<q>[1-4])", re.ASCII),
    re.compile(rf"(?P<d>\d{{1,2}})[- ](?P<name>{_MONTH_NAME})[- ](?P<y>\d{{4}})", re.ASCII | re.IGNORECASE),
    re.compile(rf"(?P<name>{_MONTH_NAME}) (?P<d>\d{{1,2}}),? (?P<y>\d{{4}})", re.ASCII | re.IGNORECASE),
    re.compile(rf"(?P<name>{_MONTH_NAME})[- ](?P<y>\d{{4}})", re.ASCII | re.IGNORECASE),
    re.compile(rf"(?P<y>\d{{4}})[- ](?P<name>{_MONTH_NAME})", re.ASCII | re.IGNORECASE),
)
_SHORT_YEAR = re.compile(
    rf"\d{{1,2}}([/.-])\d{{1,2}}\1\d{{2}}|(\d{{1,2}}[- ])?{_MONTH_NAME}[- ]'?\d{{2}}", re.ASCII | re.IGNORECASE
)


class AmbiguousError(Exception):
    """Cells that can be read in two ways, or in none that holds for all of them."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- dates ----------------------------------------------------------------------------------------------------------


class DateOrder(StrEnum):
    """In which order day, month and year stand; `NAMED` is any form that can be read in one way only."""

    NAMED = "YYYY-MM-DD"
    MONTH_FIRST = "M/D/YYYY"
    DAY_FIRST = "D/M/YYYY"


@dataclass(frozen=True, slots=True)
class DateNotation:
    """How a column writes its dates. `assumed` says what was decided by evidence; empty where nothing was."""

    order: DateOrder
    assumed: str = ""

    def read(self, text: str) -> date | None:
        """The day of a cell; None for a cell that is not written so."""
        return _named_day(text) if self.order is DateOrder.NAMED else _numeric_day(text, self.order)


def looks_like_date(text: str) -> bool:
    """Whether a cell is written as a date is, possible or not."""
    return bool(_NUMERIC.fullmatch(text) or _SHORT_YEAR.fullmatch(text)) or any(
        pattern.fullmatch(text) for pattern in _YEAR_FIRST
    )


def decide_dates(cells: Iterable[str], *, plausible: Callable[[Sequence[date]], bool]) -> DateNotation:
    """The notation of most cells; raises AmbiguousError.

    `plausible` decides between two orders of day and month: whether these dates can be those of the column.
    """
    distinct = Counter(cells)
    numeric = [cell for cell in distinct if _NUMERIC.fullmatch(cell)]
    named = sum(times for cell, times in distinct.items() if _named_day(cell))
    short = [cell for cell in distinct if _SHORT_YEAR.fullmatch(cell)]
    weight = sum(distinct[cell] for cell in numeric)
    if sum(distinct[cell] for cell in short) > max(named, weight):
        raise AmbiguousError(f"{shown(short[0])} has a year of two digits, which leaves the century open")
    if weight <= named:
        _refuse_exchanged(distinct)
        return DateNotation(DateOrder.NAMED)
    return _decide_order(numeric, plausible)


def _refuse_exchanged(cells: Iterable[str]) -> None:
    """Refuse dates written as year, day, month."""
    written = [match for cell in cells if (match := _YEAR_FIRST[0].fullmatch(cell))]
    exchanged = [match for match in written if int(match["m"]) > _LAST_MONTH >= int(match["d"])]
    months, days = ({int(match[part]) for match in written} for part in ("m", "d"))
    years = {match["y"] for match in written}
    in_one_month = len(months) == 1 and len(years) > 1 and len(days) >= TELLING_DAYS and max(days) <= _LAST_MONTH
    if len(exchanged) > max(1, TOLERATED_SHARE * len(written)) or in_one_month:
        example = (exchanged or written)[0].string
        raise AmbiguousError(
            f"by its dates, the file writes year, day, month ({shown(example)}), others year, month, day; "
            "write dates as YYYY-MM-DD"
        )


def _decide_order(cells: Sequence[str], plausible: Callable[[Sequence[date]], bool]) -> DateNotation:
    days = {
        order: {cell: day for cell in cells if (day := _numeric_day(cell, order))}
        for order in (DateOrder.MONTH_FIRST, DateOrder.DAY_FIRST)
    }
    month_first, day_first = days.values()
    readable = len(month_first.keys() | day_first.keys())
    fitting = [order for order, read in days.items() if readable - len(read) <= TOLERATED_SHARE * readable]
    if not fitting:
        only_month = next(cell for cell in cells if cell in month_first and cell not in day_first)
        only_day = next(cell for cell in cells if cell in day_first and cell not in month_first)
        raise AmbiguousError(
            f"the dates are written in two ways: {shown(only_month)} is month/day/year, "
            f"{shown(only_day)} day/month/year"
        )
    if len(fitting) == 1 or month_first == day_first:
        return DateNotation(fitting[0], _assumed(fitting[0], "other dates of the file can only be read so"))
    sensible = [order for order in fitting if plausible(sorted(days[order].values()))]
    if len(sensible) == 1:
        return DateNotation(sensible[0], _assumed(sensible[0], "only so do the dates have the expected distances"))
    example = next(cell for cell in cells if month_first.get(cell) != day_first.get(cell))
    raise AmbiguousError(
        f"{shown(example)} can be read as month/day/year and as day/month/year, and nothing in the file decides; "
        "write dates as YYYY-MM-DD"
    )


def _assumed(order: DateOrder, why: str) -> str:
    return f"dates are read as {order.value}: {why}" if order is DateOrder.DAY_FIRST else ""


def _numeric_day(text: str, order: DateOrder) -> date | None:
    match = _NUMERIC.fullmatch(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    return day_of(year, first, second) if order is DateOrder.MONTH_FIRST else day_of(year, second, first)


def _named_day(text: str) -> date | None:
    for pattern in _YEAR_FIRST:
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            if quarter := parts.get("q"):
                month = 3 * int(quarter) - 2
            elif name := parts.get("name"):
                month = _MONTHS.index(name[:3].lower()) + 1
            else:
                month = int(parts["m"])
            return day_of(int(parts["y"]), month, int(parts.get("d") or 1))
    return None


# --- numbers --------------------------------------------------------------------------------------------------------

_EXPONENT = r"(?:[eE][+-]?\d{1,4})?"
_PLAIN = re.compile(rf"[+-]?(?:\d+(?:\.\d*)?|\.\d+){_EXPONENT}", re.ASCII)
_ROUNDED = re.compile(r"[+-]?\d[.,]\d\dE[+-]\d\d", re.ASCII)
_SPACE = r"[ \u00a0\u202f'\u2019]"


def _pattern(decimal: str, group: str) -> re.Pattern[str]:
    grouped = rf"[1-9]\d{{0,2}}(?:(?P<g>{group}|{_SPACE})\d{{3}})(?:(?P=g)\d{{3}})*"
    return re.compile(rf"[+-]?(?:{grouped}|\d+)?(?:{decimal}\d*)?{_EXPONENT}", re.ASCII)


class DecimalMark(StrEnum):
    """What separates the fraction of a number."""

    POINT = "."
    COMMA = ","


_PATTERNS = {DecimalMark.POINT: _pattern(r"\.", ","), DecimalMark.COMMA: _pattern(",", r"\.")}
_GROUP_MARKS = {
    DecimalMark.POINT: re.compile(rf",|{_SPACE}"),
    DecimalMark.COMMA: re.compile(rf"\.|{_SPACE}"),
}


@dataclass(frozen=True, slots=True)
class NumberNotation:
    """How a column writes its numbers. `assumed` says what was decided by evidence; empty where nothing was."""

    mark: DecimalMark = DecimalMark.POINT
    percent: bool = False
    assumed: str = ""

    def plain(self, text: str) -> str | None:
        """The cell as a plain number ("1234.5"); None for a cell that is not written so. Plain cells stay as they are.

        A cell without a percent sign is not a number where the others have one, and the other way round.
        """
        if self.percent != text.endswith("%") or _ROUNDED.fullmatch(text):
            return None
        return _plain(text.removesuffix("%").rstrip() if self.percent else text, self.mark)


def decide_numbers(
    cells: Iterable[str], *, delimiter: str, plausible: Callable[[Sequence[float]], bool] | None = None
) -> NumberNotation:
    """The notation that holds for the cells; raises AmbiguousError.

    `delimiter` is that of the file: between commas, a point is the decimal mark. `plausible` decides between two
    readings of the whole column; None where the caller knows nothing about the size of the figures.
    """
    present = [cell for cell in dict.fromkeys(cells) if cell.casefold() not in MISSING]
    signed = [cell for cell in present if cell.endswith("%")]
    bare = [cell.removesuffix("%").rstrip() for cell in present]
    numbers = sum(any(_plain(cell, mark) is not None for mark in DecimalMark) for cell in bare)
    if signed and len(signed) < (1 - TOLERATED_SHARE) * numbers:
        raise AmbiguousError(f"some cells have a percent sign ({shown(signed[0])}), others have none")
    rounded = [cell for cell in bare if _ROUNDED.fullmatch(cell)]
    if len(rounded) > TOLERATED_SHARE * numbers:
        raise AmbiguousError(f"{shown(rounded[0])} is rounded, as spreadsheets write numbers; all digits are needed")
    mark, assumed = _decide_mark(bare, delimiter, plausible)
    notes = [assumed] if assumed else []
    if signed:
        notes.append("percent signs are left out")
    return NumberNotation(mark, bool(signed), "; ".join(notes))


def _decide_mark(
    cells: Sequence[str], delimiter: str, plausible: Callable[[Sequence[float]], bool] | None
) -> tuple[DecimalMark, str]:
    decisive: dict[DecimalMark, list[str]] = {DecimalMark.POINT: [], DecimalMark.COMMA: []}
    open_cells: list[str] = []
    grouped = ""
    for cell in cells:
        as_point, as_comma = _plain(cell, DecimalMark.POINT), _plain(cell, DecimalMark.COMMA)
        if as_point is not None and as_comma is None:
            decisive[DecimalMark.POINT].append(cell)
        elif as_comma is not None and as_point is None:
            decisive[DecimalMark.COMMA].append(cell)
        elif as_point != as_comma:
            open_cells.append(cell)
        if not grouped and as_point is not None and re.search(rf",|{_SPACE}", cell):
            grouped = cell
    mark, other = sorted(decisive, key=lambda each: len(decisive[each]), reverse=True)
    majority, minority = decisive[mark], decisive[other]
    tolerated = TOLERATED_SHARE * len(majority) if open_cells else len(majority) - 1
    if majority and len(minority) <= tolerated:
        return mark, _mark_assumed(mark, majority[0], grouped)
    if majority:
        raise AmbiguousError(f"the numbers are written in two ways: {shown(majority[0])} and {shown(minority[0])}")
    if not open_cells:
        return DecimalMark.POINT, _mark_assumed(DecimalMark.POINT, "", grouped)
    return _decide_open(cells, open_cells, delimiter, plausible)


def _decide_open(
    cells: Sequence[str],
    open_cells: Sequence[str],
    delimiter: str,
    plausible: Callable[[Sequence[float]], bool] | None,
) -> tuple[DecimalMark, str]:
    """Every cell with a mark can be read in two ways ("1,234", "1.234")."""
    with_comma = any("," in cell for cell in open_cells)
    if plausible is not None:
        readings = {mark: [float(plain) for cell in cells if (plain := _plain(cell, mark))] for mark in DecimalMark}
        sensible = [mark for mark, figures in readings.items() if plausible(figures)]
        if len(sensible) == 1:
            return sensible[0], _open_assumed(sensible[0], open_cells[0], delimiter)
        if not sensible:
            return DecimalMark.POINT, ""
    if delimiter == "," and not with_comma:
        return DecimalMark.POINT, ""  # the form of CSV files: a comma separates cells, a point the fraction
    example = open_cells[0]
    raise AmbiguousError(
        f"{shown(example)} can be read as {_plain(example, DecimalMark.POINT)} and as "
        f"{_plain(example, DecimalMark.COMMA)}, and nothing in the column decides; write numbers without grouping and "
        "with a decimal point"
    )


def _mark_assumed(mark: DecimalMark, example: str, grouped: str) -> str:
    if mark is DecimalMark.COMMA:
        return f"the comma is read as the decimal mark ({example})"
    return f"thousands are read as grouped ({grouped})" if grouped else ""


def _open_assumed(mark: DecimalMark, example: str, delimiter: str) -> str:
    """What was assumed of cells with a mark that separates thousands or the fraction."""
    if mark.value not in example:
        return f"thousands are read as grouped ({example})"
    if mark is DecimalMark.COMMA:
        return _mark_assumed(mark, example, "")
    return "" if delimiter == "," else f"the point is read as the decimal mark ({example})"


def _plain(text: str, mark: DecimalMark) -> str | None:
    if mark is DecimalMark.POINT and _PLAIN.fullmatch(text):
        return text
    if not (_PATTERNS[mark].fullmatch(text) and any(each.isdigit() for each in text)):
        return None
    plain = _GROUP_MARKS[mark].sub("", text).replace(",", ".")
    return plain if _PLAIN.fullmatch(plain) else None
