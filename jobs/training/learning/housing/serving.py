"""Answer a request: one house, checked against the bundle's schema, valued as of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import read_verified
from ..errors import RefusedInputError
from ..requests import data_of, finite_number, shown
from .dataset import (
    CATEGORY,
    ID,
    LONGEST_TEXT,
    NUMERIC,
    REFUSE,
    Column,
    Houses,
    Schema,
    format_day,
    out_of_range,
    parse_day,
)
from .valuer import Valuer, from_files

DAYS_AHEAD = 366  # how far past the last sale a house may be valued


@dataclass(frozen=True)
class Request:
    """Columns as they were sent, and the day of the valuation as an ordinal; None = the bundle's last."""

    data: Mapping[str, Any]
    as_of: int | None


@dataclass(frozen=True)
class Model:
    """A loaded bundle."""

    version: str | None
    unit: str
    schema: Schema
    feature_names: tuple[str, ...]
    first_day: int
    last_day: int
    valuer: Valuer


def load(folder: Path) -> Model:
    """Load a bundle; raises BundleTamperedError when one of its parts is not what was written."""
    manifest, digest, parts = read_verified(folder)
    return from_manifest(manifest, parts, f"{manifest['model']}-{digest[:8]}")


def from_manifest(manifest: Mapping[str, Any], parts: Mapping[str, bytes], version: str | None) -> Model:
    """Put a model together from its manifest and the bytes of its parts."""
    return Model(
        version=version,
        unit=manifest["unit"],
        schema=Schema(tuple(Column(**entry) for entry in manifest["columns"])),
        feature_names=tuple(manifest["features"]),
        first_day=parse_day(manifest["training_window"]["first_day"]),
        last_day=parse_day(manifest["training_window"]["last_day"]),
        valuer=from_files(parts),
    )


def read_request(content: Mapping[str, Any]) -> Request:
    """Read `{"data": {column: value}, "as_of": "YYYY-MM-DD"?}`; raises RefusedInputError."""
    as_of = content.get("as_of")
    try:
        day = None if as_of is None else parse_day(as_of.strip())
    except (ValueError, AttributeError) as error:
        raise RefusedInputError("as_of", f"has to be a day, YYYY-MM-DD, is {shown(as_of)}") from error
    return Request(data_of(content), day)


def answer(model: Model, request: Request) -> Mapping[str, Any]:
    """Value one house; raises RefusedInputError that names the column."""
    day = _day(model, request.as_of)
    house, filled = _house(model.schema, request.data, day)
    table = model.valuer.features(house)
    if table.names != model.feature_names:
        raise RuntimeError("the bundle's feature code and its feature list differ")
    values = model.valuer.value(house)
    intervals = []
    for level, reach in model.valuer.reach.items():
        lower, upper = values.bounds(reach)
        intervals.append({"level": level, "lower": round(float(lower[0]), 2), "upper": round(float(upper[0]), 2)})
    return {
        "prediction": round(float(values.price[0]), 2),
        "unit": model.unit,
        "interval": intervals[0],
        "intervals": intervals,
        "as_of": format_day(day),
        "model_version": model.version,
        "filled": filled,
        "unseen": _unseen(model, house),
    }


def _day(model: Model, asked: int | None) -> int:
    day = model.last_day if asked is None else asked
    last = model.last_day + DAYS_AHEAD
    if not model.first_day <= day <= last:
        span = f"{format_day(model.first_day)} to {format_day(last)}"
        raise RefusedInputError("as_of", f"{format_day(day)} is outside the range of this model: {span}")
    return day


def _house(schema: Schema, sent: Mapping[str, Any], day: int) -> tuple[Houses, list[str]]:
    """The one row that was sent, in the schema's order, and which of its columns had to be taken for unknown."""
    taken = {column.name: column for column in schema.columns if column.role in {ID, CATEGORY, *NUMERIC}}
    for name in sent:
        if name not in taken:
            raise RefusedInputError(str(name)[:100], "is not a column of this model")
    found, filled = {}, []
    for name, column in taken.items():
        value = sent.get(name)
        if value is not None:
            found[name] = _value(column, value)
            continue
        if column.role != ID:
            if column.fill == REFUSE:
                raise RefusedInputError(name, "is missing, and this model requires it")
            filled.append(name)
        found[name] = np.nan if column.role in NUMERIC else ""
    levels = tuple((str(found[column.name]),) for column in schema.categories)
    numbers = [found[column.name] for column in schema.numbers]
    house = Houses(
        schema=schema,
        days=np.array([day], dtype=np.int64),
        numbers=np.array([numbers], dtype=np.float64),
        codes=np.zeros((1, len(levels)), dtype=np.int64),
        levels=levels,
        ids=np.array(["" if schema.id is None else found[schema.id.name]], dtype=np.str_),
    )
    return house, filled


def _value(column: Column, value: Any) -> float | str:
    if column.role in NUMERIC:
        number = finite_number(column.name, value)
        if (reason := out_of_range(column, number)) is not None:
            raise RefusedInputError(column.name, reason)
        return number
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip():
        raise RefusedInputError(column.name, f"has to be a text, is {shown(value)}")
    if len(text.strip()) > LONGEST_TEXT:
        raise RefusedInputError(column.name, f"is longer than {LONGEST_TEXT} characters")
    if "\x00" in text:
        raise RefusedInputError(column.name, "holds a character that no text has")
    return text.strip()


def _unseen(model: Model, house: Houses) -> Sequence[str]:
    """Categories that were sent with a level which no sale had."""
    return [
        column.name
        for at, column in enumerate(model.schema.categories)
        if house.levels[at][0] and model.valuer.encoders[at].codes(house)[0] < 0
    ]
