"""House sales: read from files of many layouts into one form, and merged so that the same file twice changes nothing.

A sale is a tuple of texts in its layout's order: days as YYYY-MM-DD (the first where only the month is known), numbers
as the shortest text that reads back the same, an empty text for what is unknown. With an id, house and day name it,
and the later arrival stands. Without, rows tell themselves apart: of equal ones there are as many as the file has that
has most of them.
"""

import csv
import hashlib
import io
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from statistics import median

from pydantic import BaseModel, ConfigDict

from bellwether.datasets.domain.sales_layouts import CATEGORY_CHARACTERS, LAYOUTS, SalesLayout, recognised
from bellwether.models.domain.capture import Actual
from bellwether.models.domain.manifests import SalesColumn, SalesManifest
from bellwether.models.domain.report_schema import Sha256
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
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.notations import (
    AmbiguousError,
    DateNotation,
    NumberNotation,
    decide_dates,
    decide_numbers,
    looks_like_date,
)

MAX_SALES = 200_000  # in a file, and in the dataset: what 1024 MB hold
ID_CHARACTERS = 200
FIRST_SALE_YEAR = 1800
TELLING_DAYS = 6  # so many different days within one month of every year: the number of the month was read as the day
PLAUSIBLE_SHARE = 0.95  # of a column's figures, in the unit that they are read in
READABLE_SHARE = 0.5  # of a column's figures; fewer plausible ones are in another unit
USUAL_PRICES = (10_000, 5_000_000)  # between them is the median price of a file of a known layout
UNIT_FACTOR = 8  # by so much the medians of two files of the same market do not differ; square metres and feet do
TELLING_SALES = 12

Cells = tuple[str, ...]
Key = tuple[str, ...]

_TIME_OF_DAY = re.compile(r"[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?Z?$|(?<=\d{8})T\d{6}$", re.ASCII)
_WHOLE_WITH_FRACTION = re.compile(r"(\d+)\.0+", re.ASCII)
_ROUNDED_ID = re.compile(r"\d(\.\d+)?[eE]\+?\d+", re.ASCII)
_SPACES = re.compile(r"\s+")


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SalesReading:
    """What a file holds; `layout` is None where it could not be read at all.

    `unused` are columns that the layout does not know. `left_out` counts rejections over the number that is kept.
    `assumptions` say what was decided where the file can be read in more than one way.
    """

    layout: SalesLayout | None = None
    sales: tuple[Cells, ...] = ()
    unused: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    left_out: int = 0
    assumptions: tuple[str, ...] = ()


def read_sales(content: bytes, *, layouts: Sequence[SalesLayout], received_on: date) -> SalesReading:
    """Read a CSV file received on that day by the layout of its header; never raises for what is in it."""
    findings = Findings()
    try:
        lines = lines_of(content)
        number, header = first_cells(lines)
        delimiter = delimiter_of(lines[number - 1])
        layout, places = _placed(header, number, layouts)
        rows = _rows(lines, number, len(header), delimiter, findings)
        notations = _notations(rows, number, layout, places, delimiter, received_on)
    except UnreadableError as problem:
        return SalesReading(rejections=(problem.rejection,))
    sales = _read_rows(rows, layout, places, notations, received_on, findings)
    if not (sales or findings.rejections):
        findings.add(None, "file", "no sales")
    unused = tuple(name for place, name in enumerate(header) if name and place not in places)
    return SalesReading(
        layout, tuple(sales), unused, findings.kept(), findings.left_out, tuple(_assumptions(layout, notations))
    )


def _placed(header: Sequence[str], line: int, layouts: Sequence[SalesLayout]) -> tuple[SalesLayout, tuple[int, ...]]:
    """The header's layout, and where each of its columns stands."""
    if any(looks_like_date(cell) for cell in header):
        raise UnreadableError("no header row: the first line is a data row", line=line, field="header")
    names = Counter(header)
    try:
        layout = recognised(header, layouts)
    except InvalidInputError as error:
        raise UnreadableError(error.reason, line=line, field="header") from error
    if repeated := [column.name for column in layout.columns if names[column.name] > 1]:
        raise UnreadableError(f"column {shown(repeated[0])} comes twice", line=line, field="header")
    return layout, tuple(header.index(column.name) for column in layout.columns)


Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class TextNotation:
    """How a column writes ids or categories. `fraction`: all are whole numbers with a fraction ("98103.0"; pandas)."""

    fraction: bool = False

    @property
    def assumed(self) -> str:
        """What was decided by evidence; empty where nothing was."""
        return "whole numbers are read without their fraction (.0)" if self.fraction else ""

    def read(self, text: str) -> str:
        """The cell as its notation means it."""
        return text.partition(".")[0] if self.fraction else text


Notation = DateNotation | NumberNotation | TextNotation


def _rows(lines: Sequence[str], header_line: int, width: int, delimiter: str, findings: Findings) -> list[Row]:
    rows: list[Row] = []
    seen = 0
    for number, line in enumerate(lines[header_line:], start=header_line + 1):
        if is_blank(line):
            continue
        seen += 1
        if seen > MAX_SALES:
            findings.add(number, "file", f"more than {MAX_SALES} rows; those from here on are left out")
            break
        try:
            cells = split_line(line, number, delimiter)
        except UnreadableError as problem:
            findings.add(number, problem.field, problem.reason)
            continue
        if len(cells) < width or any(cells[width:]):
            findings.add(number, "row", f"{len(cells)} cells where the header has {width}")
            continue
        rows.append((number, cells))
    return rows


def _notations(
    rows: Sequence[Row],
    header_line: int,
    layout: SalesLayout,
    places: Sequence[int],
    delimiter: str,
    received_on: date,
) -> list[Notation]:
    """How each column writes its dates or numbers; raises UnreadableError where that stays open."""
    notations: list[Notation] = []
    for column, place in zip(layout.columns, places, strict=True):
        cells = (cells[place] for _, cells in rows)
        try:
            if column.role == "date":
                days = (_without_time(cell) for cell in cells)
                notations.append(decide_dates(days, plausible=lambda found: _plausible_days(found, received_on)))
            elif column.role in {"id", "category"}:
                notations.append(_decide_text(cells))
            else:
                notations.append(_decide_figures(list(cells), column, delimiter, known=layout in LAYOUTS))
        except AmbiguousError as error:
            raise UnreadableError(error.reason, line=header_line, field=column.name) from error
    return notations


def _decide_text(cells: Iterable[str]) -> TextNotation:
    present = [cell for cell in cells if cell.casefold() not in MISSING]
    return TextNotation(bool(present) and all(_WHOLE_WITH_FRACTION.fullmatch(cell) for cell in present))


def _decide_figures(cells: Sequence[str], column: SalesColumn, delimiter: str, *, known: bool) -> NumberNotation:
    """How a column writes its numbers; raises AmbiguousError, also where they seem to be in another unit."""
    notation = decide_numbers(cells, delimiter=delimiter, plausible=partial(_plausible_figures, column))
    unit = column.unit or "a number"
    if notation.percent:
        raise AmbiguousError(f"has percent signs, but its unit is {unit}")
    figures = [float(plain) for cell in cells if (plain := notation.plain(cell))]
    low, high = _limits(column)
    outside = [figure for figure in figures if not low <= figure <= high]
    if len(figures) >= TELLING_SALES and len(outside) > (1 - READABLE_SHARE) * len(figures):
        raise AmbiguousError(f"most figures are like {outside[0]:g}, not {low:g} to {high:g} {unit}: another unit?")
    if known and column.role == "price" and len(figures) >= TELLING_SALES:
        usual = median(figures)
        if not USUAL_PRICES[0] <= usual <= USUAL_PRICES[1]:
            raise AmbiguousError(f"prices are around {usual:g} {unit}; thousands, cents or another column?")
    return notation


def _plausible_days(days: Sequence[date], received_on: date) -> bool:
    """Whether these can be days of sales: none in the future, and not many that all lie in January."""
    months = {day.month for day in days}
    return days[-1] <= received_on and not (len(months) == 1 and len({day.day for day in days}) >= TELLING_DAYS)


def _plausible_figures(column: SalesColumn, figures: Sequence[float]) -> bool:
    low, high = _limits(column)
    return sum(low <= figure <= high for figure in figures) >= PLAUSIBLE_SHARE * len(figures)


def _limits(column: SalesColumn) -> tuple[float, float]:
    return (
        -math.inf if column.minimum is None else column.minimum,
        math.inf if column.maximum is None else column.maximum,
    )


def _assumptions(layout: SalesLayout, notations: Sequence[Notation]) -> Iterator[str]:
    for column, notation in zip(layout.columns, notations, strict=True):
        if notation.assumed:
            yield f"{column.name}: {notation.assumed}"


def _read_rows(
    rows: Sequence[Row],
    layout: SalesLayout,
    places: Sequence[int],
    notations: Sequence[Notation],
    received_on: date,
    findings: Findings,
) -> list[Cells]:
    readers = [
        _reader(column, notation, received_on) for column, notation in zip(layout.columns, notations, strict=True)
    ]
    key_of, found = _key_of(layout), dict[Key, tuple[int, Cells]]()
    unnamed: list[Cells] = []
    for number, cells in rows:
        sale = _read_row(cells, number, layout, places, readers, findings)
        if sale is None:
            continue
        key = key_of(sale)
        if key is None:
            unnamed.append(sale)
            continue
        before = found.get(key)
        if before is not None and before[1] != sale:
            findings.add(before[0], "row", f"{' on '.join(key)} comes again on line {number}, which stands")
        found[key] = (number, sale)
    return [*unnamed, *(sale for _, sale in found.values())]


def _read_row(
    cells: Sequence[str],
    number: int,
    layout: SalesLayout,
    places: Sequence[int],
    readers: Sequence[Callable[[str], str]],
    findings: Findings,
) -> Cells | None:
    read: list[str] = []
    for column, place, reader in zip(layout.columns, places, readers, strict=True):
        try:
            read.append(reader(cells[place]))
        except _RefusedError as refusal:
            findings.add(number, column.name, str(refusal))
            return None
    return tuple(read)


class _RefusedError(Exception):
    """A cell that spoils its row."""


def _reader(column: SalesColumn, notation: Notation, received_on: date) -> Callable[[str], str]:
    """How cells of a column are read into their one form."""
    if isinstance(notation, DateNotation):
        read: Callable[[str], str] = partial(_read_date, notation, received_on)
    elif isinstance(notation, NumberNotation):
        read = partial(_read_figure, notation, column)
    else:
        read = partial(_read_id, notation) if column.role == "id" else _category_reader(notation)

    def read_or_leave(text: str) -> str:
        if text.casefold() not in MISSING:
            return read(text)
        if column.fill == "refuse":
            raise _RefusedError("is empty")
        return ""

    return read_or_leave


def _read_id(notation: TextNotation, text: str) -> str:
    if _ROUNDED_ID.fullmatch(text):
        raise _RefusedError(f"{shown(text)} is a rounded number, as spreadsheets write them; the id itself is needed")
    if len(text) > ID_CHARACTERS:
        raise _RefusedError(f"{shown(text)} is longer than {ID_CHARACTERS} characters")
    return notation.read(text)


def _read_date(notation: DateNotation, received_on: date, text: str) -> str:
    day = notation.read(_without_time(text))
    if day is None:
        raise _RefusedError(f"{shown(text)} is not a date ({notation.order.value} is expected)")
    if day.year < FIRST_SALE_YEAR:
        raise _RefusedError(f"{day.isoformat()} is before {FIRST_SALE_YEAR}")
    if day > received_on:
        raise _RefusedError(f"{day.isoformat()} lies in the future")
    return day.isoformat()


def _without_time(text: str) -> str:
    """A day without its time of day, as land registries write it."""
    return _TIME_OF_DAY.sub("", text)


def _read_figure(notation: NumberNotation, column: SalesColumn, text: str) -> str:
    plain = notation.plain(text)
    value = None if plain is None else read_number(plain)
    if value is None:
        raise _RefusedError(f"{shown(text)} is not a number")
    if not math.isfinite(value):
        raise _RefusedError(f"{shown(text)} is out of range")
    if column.role == "price" and value <= 0:
        raise _RefusedError(f"{shown(text)} is not a price")
    low, high = _limits(column)
    if not low <= value <= high:
        raise _RefusedError(f"{shown(text)} is not plausible: {low:g} to {high:g} {column.unit} is expected".rstrip())
    return repr(value).removesuffix(".0")


def _category_reader(notation: TextNotation) -> Callable[[str], str]:
    known: dict[str, str] = {}  # the same text of many rows is kept once

    def read(text: str) -> str:
        level = _SPACES.sub(" ", notation.read(text))
        if len(level) > CATEGORY_CHARACTERS:
            raise _RefusedError(f"{shown(text)} is longer than {CATEGORY_CHARACTERS} characters")
        return known.setdefault(level, level)

    return read


def _key_of(layout: SalesLayout) -> Callable[[Cells], Key | None]:
    """What names a sale: house and day; None for one without an id."""
    identity, day = layout.identity, layout.day
    if identity is None:
        return lambda _sale: None
    return lambda sale: (sale[identity], sale[day]) if sale[identity] else None


# --- merging ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Correction:
    """A sale that was known otherwise; `before` and `after` are its prices."""

    house: str
    day: str
    before: str
    after: str


@dataclass(frozen=True)
class Merged:
    """All sales, by day, and which of them are new or changed. `repeated` counts those that were known as they are."""

    sales: tuple[Cells, ...]
    added: tuple[Cells, ...] = ()
    corrected: tuple[Cells, ...] = ()
    corrections: tuple[Correction, ...] = ()
    repeated: int = 0


def merge(layout: SalesLayout, present: Iterable[Cells], arrived: Iterable[Cells]) -> Merged:
    """Put sales that have arrived among those there are; which came first changes nothing but what is a correction."""
    key_of, price, day = _key_of(layout), layout.price, layout.day
    named: dict[Key, Cells] = {}
    unnamed: Counter[Cells] = Counter()
    for sale in present:
        if (key := key_of(sale)) is None:
            unnamed[sale] += 1
        else:
            named[key] = sale
    added: list[Cells] = []
    corrected: list[Cells] = []
    corrections: list[Correction] = []
    repeated = 0
    came: Counter[Cells] = Counter()
    for sale in arrived:
        if (key := key_of(sale)) is None:
            came[sale] += 1
            if came[sale] > unnamed[sale]:
                added.append(sale)
            else:
                repeated += 1
            continue
        before = named.get(key)
        if before == sale:
            repeated += 1
        elif before is None:
            added.append(sale)
        else:
            corrected.append(sale)
            corrections.append(Correction(key[0], sale[day], before[price], sale[price]))
        named[key] = sale
    everything = [*named.values(), *(unnamed | came).elements()]
    everything.sort(key=lambda sale: (sale[day], sale))
    return Merged(tuple(everything), tuple(added), tuple(corrected), tuple(corrections), repeated)


def unit_problem(layout: SalesLayout, present: Sequence[Cells], arrived: Sequence[Cells]) -> str:
    """Why sales cannot be in the units of those that are there: a median that differs by a factor; empty when they can.

    Tested are the price and what every house has in square feet or metres.
    """
    if min(len(present), len(arrived)) < TELLING_SALES:
        return ""
    for place, column in enumerate(layout.columns):
        if column.role != "price" and not (column.fill == "refuse" and column.unit.startswith("square")):
            continue
        before, after = (median(float(sale[place]) for sale in sales) for sales in (present, arrived))
        if before and after and not 1 / UNIT_FACTOR <= after / before <= UNIT_FACTOR:
            return f"{column.name} is around {after:g}, in the dataset around {before:g} {column.unit}: another unit?"
    return ""


def actuals_of(
    layout: SalesLayout, sales: Iterable[Cells], *, model: str, received_at: datetime, source: str
) -> Iterator[Actual]:
    """What came true of each sale with an id: its price, under the id of its house, on its day.

    A sale that arrives later counts as observed a little later on that day, so that its corrections win.
    """
    key_of = _key_of(layout)
    for sale in sales:
        if (key := key_of(sale)) is not None:
            midnight = datetime.combine(date.fromisoformat(sale[layout.day]), time(), UTC)
            later = timedelta(microseconds=max(0, int((received_at - midnight).total_seconds())))
            yield Actual(
                model=model,
                join_key=key[0],
                value=float(sale[layout.price]),
                observed_at=midnight + later,
                source=source,
            )


# --- the dataset as files --------------------------------------------------------------------------------------------


class SourceFile(BaseModel):
    """A file that is in the dataset; `rows` were accepted of it, under these assumptions."""

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: Sha256
    rows: int
    assumptions: tuple[str, ...] = ()


class KeptManifest(SalesManifest):
    """The manifest with what this side adds: which files the sales came from, in the order of their arrival."""

    files: tuple[SourceFile, ...] = ()

    @property
    def sales_layout(self) -> SalesLayout:
        """How the dataset is laid out."""
        return SalesLayout(name=self.layout, columns=self.columns)


@dataclass(frozen=True)
class SalesDataset:
    """All sales as files. No clock in them: the same sales of the same files are the same bytes."""

    csv: bytes
    manifest: KeptManifest

    @property
    def manifest_json(self) -> bytes:
        """The manifest as a file."""
        return (json.dumps(self.manifest.model_dump(mode="json"), indent=2, sort_keys=True) + "\n").encode()


def build_sales(dataset: str, layout: SalesLayout, sales: Sequence[Cells], files: Iterable[SourceFile]) -> SalesDataset:
    """Write sales, sorted by day, as files; raises InvalidInputError for none or too many."""
    if not 0 < len(sales) <= MAX_SALES:
        raise InvalidInputError(f"{len(sales)} sales; 1 to {MAX_SALES} make a dataset", field="file")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in layout.columns])
    writer.writerows(sales)
    content = text.getvalue().encode()
    manifest = KeptManifest(
        schema_version=1,
        dataset=dataset,
        sha256=hashlib.sha256(content).hexdigest(),
        rows=len(sales),
        layout=layout.name,
        first_day=sales[0][layout.day],
        last_day=sales[-1][layout.day],
        columns=layout.columns,
        files=tuple(files),
    )
    return SalesDataset(content, manifest)


def read_kept(content: bytes, layout: SalesLayout) -> tuple[Cells, ...]:
    """Read the dataset's own CSV back; raises InvalidInputError for what was not written so."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidInputError(f"can't be read: {error}", field="sales.csv") from error
    if rows[:1] != [[column.name for column in layout.columns]]:
        raise InvalidInputError(f"its header is not that of {layout.name}", field="sales.csv")
    if any(len(row) != len(layout.columns) for row in rows):
        raise InvalidInputError("a row is not as long as its header", field="sales.csv")
    return tuple(tuple(map(sys.intern, row)) for row in rows[1:])
