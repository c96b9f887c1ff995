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
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..channel import MANIFEST_FILE, read_channel
from ..errors import InvalidDatasetError
from .dataset import (
    CATEGORY,
    DATE,
    ID,
    LATITUDE,
    LONGEST_TEXT,
    LONGITUDE,
    NUMBER,
    NUMERIC,
    PRICE,
    REFUSE,
    UNKNOWN,
    Column,
    Dataset,
    Sales,
    Schema,
    from_cells,
    out_of_range,
    parse_day,
)

DATA_FILE = "sales.csv"


def read_dataset(folder: Path) -> Dataset:
    """Read and check the training channel; raises InvalidDatasetError that names file and place."""
    channel = read_channel(folder, DATA_FILE)
    sales = parse_sales(channel.text, read_schema(channel.manifest), DATA_FILE)
    if len(sales) != (rows := channel.manifest.get("rows")):
        raise InvalidDatasetError(f"{DATA_FILE} has {len(sales)} sales, the manifest says {rows}")
    return Dataset(sales, channel.sha256)


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
