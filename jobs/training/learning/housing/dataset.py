"""House sales as arrays: the schema of their columns, houses, and what was paid for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        raise ValueError(f"'{text[:40]}' is not a day; write YYYY-MM-DD")
    return date.fromisoformat(text).toordinal()


def format_day(day: int) -> str:
    """Write an ordinal as YYYY-MM-DD."""
    return date.fromordinal(int(day)).isoformat()


def encode_levels(texts: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Codes of texts and what they stand for, in alphabetical order."""
    levels, codes = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)
    return codes.astype(np.int64), tuple(str(level) for level in levels)


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


def out_of_range(column: Column, value: float) -> str | None:
    """Why a number can't be one of this column; None when it can."""
    if column.minimum is not None and value < column.minimum:
        return f"{value:g} is out of range: below {column.minimum:g}"
    if column.maximum is not None and value > column.maximum:
        return f"{value:g} is out of range: above {column.maximum:g}"
    return None
