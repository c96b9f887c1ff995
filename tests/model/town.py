"""A small made-up town and its sales, as a dataset in the training channel's format."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from jobs.training.learning.channel import MANIFEST_FILE
from jobs.training.learning.housing.channel import DATA_FILE
from jobs.training.learning.housing.dataset import (
    Column,
    Sales,
    Schema,
    from_cells,
    parse_day,
)

FIRST_DAY = date(2017, 1, 1)
SCHEMA = Schema(
    (
        Column("house", "id", fill="unknown"),
        Column("sold", "date"),
        Column("price", "price", unit="USD", minimum=1000.0),
        Column("district", "category"),
        Column("kind", "category", fill="unknown"),
        Column("latitude", "latitude", unit="degrees", minimum=-90.0, maximum=90.0),
        Column("longitude", "longitude", unit="degrees", minimum=-180.0, maximum=180.0),
        Column("living", "number", unit="square metres", minimum=15.0, maximum=1500.0, monotone=1),
        Column("lot", "number", unit="square metres", fill="unknown"),
        Column("rooms", "number", unit="rooms", fill="unknown"),
        Column("condition", "number", unit="grade 1 to 5", minimum=1.0, maximum=5.0, fill="unknown", monotone=1),
    )
)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Town:
    """Sales by column names, in the order in which they were recorded."""

    rows: tuple[Row, ...]
    schema: Schema = SCHEMA

    @property
    def sales(self) -> Sales:
        """As the job sees them."""
        cells: Mapping[str, Sequence[Any]] = {
            column.name: [_typed(column, row[column.name]) for row in self.rows] for column in self.schema.columns
        }
        sales = from_cells(self.schema, cells)
        return sales.take(np.argsort(sales.houses.days, kind="stable"))

    def changed_from(self, day: str, **changes: Any) -> "Town":
        """The same until a day; from then on some columns are others, by values or by a function of the row."""
        rows = (
            {**row, **{name: change(row) if callable(change) else change for name, change in changes.items()}}
            if row["sold"] >= day
            else row
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))


def town(sales: int = 1500, months: int = 84, seed: int = 3) -> Town:
    """Prices that follow size, condition, district, a hill in the north-east, and a level that rises and turns."""
    random = np.random.default_rng(seed)
    worth = dict(zip("ABCDEFGH", random.normal(0.0, 0.25, 8), strict=True))
    rows: list[Row] = []
    for number in range(sales):
        sold = FIRST_DAY + timedelta(days=int(number / sales * months * 30.4))
        month = (sold.year - FIRST_DAY.year) * 12 + sold.month - 1
        east, north = random.uniform(-4.0, 4.0, 2)
        district = "ABCDEFGH"[min(7, int((east + 4.0) / 2.0) + 4 * int(north > 0))]
        living = float(np.round(np.exp(random.normal(4.7, 0.35))))
        condition = int(random.integers(1, 6))
        kind = "flat" if living < 90 else "house"
        level = 0.004 * month - 0.00002 * month**2
        hill = 0.3 * np.exp(-((east - 2.0) ** 2 + (north - 2.0) ** 2) / 3.0)
        log_price = 8.2 + 0.8 * np.log(living) + 0.05 * condition + worth[district] + hill + level
        rows.append(
            {
                "house": f"h{number % (sales - 60)}",
                "sold": sold.isoformat(),
                "price": round(float(np.exp(log_price + 0.10 * random.standard_t(5)))),
                "district": district,
                "kind": kind if number % 17 else "",
                "latitude": round(47.0 + north / 111.2, 6),
                "longitude": round(8.0 + east / 76.0, 6),
                "living": living,
                "lot": "" if number % 11 == 0 else float(np.round(living * random.uniform(1.0, 6.0))),
                "rooms": int(max(1, round(living / 30.0))),
                "condition": condition,
            }
        )
    return Town(tuple(rows))


def write_channel(folder: Path, made: Town) -> Path:
    """Write a town's sales as the training channel would hold them, with their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in made.schema.columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(made.rows)
    content = text.getvalue()
    (folder / DATA_FILE).write_text(content, encoding="utf-8")
    manifest = channel_manifest(made, content)
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def channel_manifest(made: Town, content: str) -> dict[str, Any]:
    """The manifest of a town's file."""
    days = sorted(str(row["sold"]) for row in made.rows)
    return {
        "schema_version": 1,
        "dataset": "housing",
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "rows": len(made.rows),
        "first_day": days[0],
        "last_day": days[-1],
        "columns": [asdict(column) for column in made.schema.columns],
    }


def _typed(column: Column, value: Any) -> Any:
    if column.role == "date":
        return parse_day(value)
    if column.role in {"id", "category"}:
        return value
    return float("nan") if value == "" else float(value)
