"""The training channel: `sales.csv` and `manifest.json`, checked against each other.

`sales.csv`: UTF-8, one header row with the manifest's column names in any order, one sale a row in any order; an empty
cell is a missing value. `manifest.json`:

    {
      "schema_version": 1,
      "dataset": "housing",
      "sha256": "<of sales.csv>",
      "rows": 2930,                      # sales, without the header
      "first_day": "2006-01-01",         # of the earliest and of the latest sale
      "last_day": "2010-07-01",
      "columns": [
        {"name": "living_area", "role": "number", "unit": "square feet", "minimum": 100, "maximum": 20000,
         "fill": "refuse", "monotone": 1},
        …
      ]
    }

role      what the cells are
id        at most one column. Names the house (or the sale, where houses are unknown): equal ids are sales of one house
date      exactly one column. Day of the sale as YYYY-MM-DD; YYYY-MM-01 where only the month is known
price     exactly one column. The target: a number above zero
number    a finite number
category  a text of at most 100 characters. The first such column is the place and the second, where there is one, the
          kind of house: by these two the baseline takes its medians
latitude, longitude
          both or none. Degrees; with them a sale is compared with those near it

`unit` says what a number counts ("" for the others). `minimum` and `maximum` are bounds or null, and a row or a request
outside of them is refused. `fill`: an absent value is refused (`refuse`) or answered for as unknown (`unknown`);
columns of id, date and price can only be `refuse` in the file. `monotone` 1 or -1: all else equal the price may only
rise or fall with this number; 0: it may do both. Rows have to be clean: a single bad one refuses the file.
"""

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidDatasetError

DATA_FILE = "sales.csv"
MANIFEST_FILE = "manifest.json"
ID, DATE, PRICE, NUMBER, CATEGORY, LATITUDE, LONGITUDE = (
    *("id", "date", "price", "number", "category", "latitude", "longitude"),
)
REFUSE, UNKNOWN = "refuse", "unknown"
NUMERIC = frozenset({NUMBER, LATITUDE, LONGITUDE})
LONGEST_TEXT = 100

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Column:
    """What the manifest says about one column."""

    name: str
    role: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    fill: str = REFUSE
    monotone: int = 0


@dataclass(frozen=True)
class Schema:
    """All columns, in the manifest's order, which is the order of everything that follows from it."""

    columns: tuple[Column, ...]

    @property
    def numbers(self) -> tuple[Column, ...]:
        """Columns that are numbers, degrees included."""
        return tuple(column for column in self.columns if column.role in NUMERIC)

    @property
    def categories(self) -> tuple[Column, ...]:
        """Columns that are categories: the place first, then the kind of house."""
        return tuple(column for column in self.columns if column.role == CATEGORY)

    @property
    def price(self) -> Column:
        """The target."""
        return next(column for column in self.columns if column.role == PRICE)

    @property
    def id(self) -> Column | None:
        """The column that names a house, where there is one."""
        return next((column for column in self.columns if column.role == ID), None)

    @property
    def degrees(self) -> tuple[int, int] | None:
        """Where latitude and longitude are among the numbers; None without them."""
        roles = [column.role for column in self.numbers]
        return (roles.index(LATITUDE), roles.index(LONGITUDE)) if LATITUDE in roles else None


@dataclass(frozen=True)
class Houses:
    """What is known of houses before their price is, one row each.

    `days` are proleptic Gregorian ordinals. `numbers[row, number]`, NaN = unknown. `codes[row, category]` points into
    that category's `levels`, where an unknown one is the empty text. `ids` are empty where there are none.
    """

    schema: Schema
    days: Ints
    numbers: Array
    codes: Ints
    levels: tuple[tuple[str, ...], ...]
    ids: Texts

    def __len__(self) -> int:
        return len(self.days)

    @property
    def months(self) -> Ints:
        """Months of the days, counted as in `months`."""
        return months_of(self.days)

    def take(self, rows: NDArray[Any] | slice) -> "Houses":
        """Some of the rows."""
        return Houses(self.schema, self.days[rows], self.numbers[rows], self.codes[rows], self.levels, self.ids[rows])


@dataclass(frozen=True)
class Sales:
    """Houses and what was paid for them, sorted by day."""

    houses: Houses
    price: Array

    def __len__(self) -> int:
        return len(self.price)

    def take(self, rows: NDArray[Any] | slice) -> "Sales":
        """Some of the rows."""
        return Sales(self.houses.take(rows), self.price[rows])

    def before(self, day: int) -> "Sales":
        """Sales before a day."""
        return self.take(slice(0, int(np.searchsorted(self.houses.days, day))))

    def since(self, day: int) -> "Sales":
        """Sales on a day and later."""
        return self.take(slice(int(np.searchsorted(self.houses.days, day)), len(self)))


@dataclass(frozen=True)
class Dataset:
    """All sales with the SHA-256 of their file."""

    sales: Sales
    sha256: str


def months_of(days: Ints) -> Ints:
    """Month numbers, year · 12 + (month - 1), of ordinal days."""
    epoch = date(1970, 1, 1).toordinal()
    months: Ints = (days - epoch).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months + 1970 * 12


def parse_day(text: str) -> int:
    """Read YYYY-MM-DD as an ordinal; raises ValueError for anything else."""
    if len(text) != 10:
        raise ValueError(f"'{text[:40]}' is no day; write YYYY-MM-DD")
    return date.fromisoformat(text).toordinal()


def format_day(day: int) -> str:
    """Write an ordinal as YYYY-MM-DD."""
    return date.fromordinal(int(day)).isoformat()


def encode_levels(texts: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Codes of texts and what they stand for, in alphabetical order."""
    levels, codes = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)
    return codes.astype(np.int64), tuple(str(level) for level in levels)


# --- reading ---------------------------------------------------------------------------------------------------------


def read_dataset(folder: Path) -> Dataset:
    """Read and check the training channel; raises InvalidDatasetError that names file and place."""
    content, manifest = _read(folder / DATA_FILE), _read_json(folder / MANIFEST_FILE)
    observed = hashlib.sha256(content).hexdigest()
    if observed != manifest.get("sha256"):
        raise InvalidDatasetError(f"{DATA_FILE} has SHA-256 {observed}, the manifest says {manifest.get('sha256')}")
    sales = parse_sales(content.decode("utf-8-sig"), read_schema(manifest), DATA_FILE)
    if len(sales) != manifest.get("rows"):
        raise InvalidDatasetError(f"{DATA_FILE} has {len(sales)} sales, the manifest says {manifest.get('rows')}")
    return Dataset(sales, observed)


def read_schema(manifest: Mapping[str, Any]) -> Schema:
    """Columns of a manifest; raises InvalidDatasetError for a schema that can't be worked with."""
    schema = Schema(tuple(_column(entry, number) for number, entry in enumerate(manifest.get("columns", []))))
    names = [column.name for column in schema.columns]
    roles = [column.role for column in schema.columns]
    if len(set(names)) != len(names):
        raise InvalidDatasetError(f"{MANIFEST_FILE}: a column name occurs twice")
    for role, least, most in ((ID, 0, 1), (DATE, 1, 1), (PRICE, 1, 1), (LATITUDE, 0, 1), (NUMBER, 1, 500)):
        if not least <= roles.count(role) <= most:
            raise InvalidDatasetError(f"{MANIFEST_FILE}: {roles.count(role)} columns have the role '{role}'")
    if roles.count(LATITUDE) != roles.count(LONGITUDE):
        raise InvalidDatasetError(f"{MANIFEST_FILE}: latitude and longitude come together or not at all")
    return schema


def parse_sales(text: str, schema: Schema, where: str) -> Sales:
    """Read CSV text by a schema, sorted by day; raises InvalidDatasetError with file and line."""
    rows = list(csv.reader(io.StringIO(text)))
    header = rows[0] if rows else []
    if sorted(header) != sorted(column.name for column in schema.columns):
        raise InvalidDatasetError(f"{where}:1: the header's names are not those of {MANIFEST_FILE}")
    place = {column.name: header.index(column.name) for column in schema.columns}
    cells: dict[str, list[Any]] = {column.name: [] for column in schema.columns}
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InvalidDatasetError(f"{where}:{line}: {len(row)} fields, expected {len(header)}")
        for column in schema.columns:
            try:
                cells[column.name].append(_cell(column, row[place[column.name]].strip()))
            except ValueError as error:
                raise InvalidDatasetError(f"{where}:{line}: {column.name}: {error}") from error
    sales = from_cells(schema, cells)
    return sales.take(np.argsort(sales.houses.days, kind="stable"))


def from_cells(schema: Schema, cells: Mapping[str, Sequence[Any]]) -> Sales:
    """Put sales together from each column's values: ordinals, prices, numbers, texts."""
    days = np.array(next(cells[column.name] for column in schema.columns if column.role == DATE), dtype=np.int64)
    coded = [encode_levels(cells[column.name]) for column in schema.categories]
    numbers = [np.array(cells[column.name], dtype=np.float64) for column in schema.numbers]
    codes = [one for one, _ in coded]
    houses = Houses(
        schema=schema,
        days=days,
        numbers=np.column_stack(numbers),
        codes=np.column_stack(codes) if codes else np.zeros((len(days), 0), dtype=np.int64),
        levels=tuple(levels for _, levels in coded),
        ids=np.array([""] * len(days) if schema.id is None else cells[schema.id.name], dtype=np.str_),
    )
    return Sales(houses, np.array(cells[schema.price.name], dtype=np.float64))


def _cell(column: Column, text: str) -> Any:
    if column.role == DATE:
        return parse_day(text)
    if column.role in {ID, CATEGORY}:
        if not text and column.fill == REFUSE:
            raise ValueError("is empty")
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"'{text[:40]}…' is longer than {LONGEST_TEXT} characters")
        return text
    if not text and column.fill == UNKNOWN:
        return math.nan
    value = float(text)
    if not math.isfinite(value) or (column.role == PRICE and value <= 0):
        raise ValueError(f"'{text[:40]}' can't be used as a {column.role}")
    if (reason := out_of_range(column, value)) is not None:
        raise ValueError(reason)
    return value


def out_of_range(column: Column, value: float) -> str | None:
    """Why a number can't be one of this column; None when it can."""
    if column.minimum is not None and value < column.minimum:
        return f"{value:g} is out of range: below {column.minimum:g}"
    if column.maximum is not None and value > column.maximum:
        return f"{value:g} is out of range: above {column.maximum:g}"
    return None


def _column(entry: Any, number: int) -> Column:
    try:
        column = Column(
            name=str(entry["name"]),
            role=str(entry["role"]),
            unit=str(entry.get("unit", "")),
            minimum=None if entry.get("minimum") is None else float(entry["minimum"]),
            maximum=None if entry.get("maximum") is None else float(entry["maximum"]),
            fill=str(entry.get("fill", REFUSE)),
            monotone=int(entry.get("monotone", 0)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidDatasetError(f"{MANIFEST_FILE}: columns[{number}] has no usable {error}") from error
    roles = {ID, DATE, PRICE, CATEGORY, *NUMERIC}
    if column.role not in roles or column.fill not in {REFUSE, UNKNOWN} or column.monotone not in {-1, 0, 1}:
        raise InvalidDatasetError(f"{MANIFEST_FILE}: {column.name} has a role, fill or monotone that is not known")
    if column.role in {DATE, PRICE} and column.fill != REFUSE:
        raise InvalidDatasetError(f"{MANIFEST_FILE}: {column.name} can't be unknown")
    return column


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
