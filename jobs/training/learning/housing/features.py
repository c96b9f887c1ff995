"""The table that the trees see: a house's own numbers, what its categories and its neighbourhood tell, ridge's view."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .comparables import PastSales, past_sales
from .dataset import NUMBER, Array, Houses, Schema
from .encoders import Encoder, keys_of
from .hedonic import Hedonic

HEDONIC, MONTH = "hedonic", "month"
ROOMS, YEAR = "rooms", "year"  # units that are known here


@dataclass(frozen=True)
class Table:
    """`values[row, feature]`, and in which direction each feature may move a price."""

    names: tuple[str, ...]
    monotone: tuple[int, ...]
    values: Array

    def take(self, rows: NDArray[Any] | slice) -> "Table":
        """Some of the rows."""
        return Table(self.names, self.monotone, self.values[rows])


def assemble(
    houses: Houses,
    encodings: Sequence[tuple[tuple[int, ...], Array]],
    hedonic: Array,
    compared: tuple[tuple[str, ...], Array],
) -> Table:
    """Put the blocks together in the one order that there is."""
    names = [column.name for column in houses.schema.numbers]
    monotone = [column.monotone for column in houses.schema.numbers]
    blocks = [houses.numbers]
    for name, values in (*_month(houses), *_ratios(houses), *_newest(houses), *_diagonals(houses)):
        names.append(name)
        blocks.append(values[:, None])
    for key, values in encodings:
        names += [f"{key_name(houses.schema, key)}.{part}" for part in ("frequency", "price", "residual")]
        blocks.append(values)
    names += [HEDONIC, *compared[0]]
    blocks += [hedonic[:, None], compared[1]]
    table = np.column_stack(blocks)
    return Table(tuple(names), tuple(monotone + [0] * (len(names) - len(monotone))), table)


def build(houses: Houses, encoders: Sequence[Encoder], hedonic: Hedonic, past: PastSales) -> Table:
    """Features of houses that are to be valued."""
    encodings = [(encoder.categories, encoder.apply(houses)) for encoder in encoders]
    return assemble(houses, encodings, hedonic.predict(houses), past.features(houses))


def _month(houses: Houses) -> Iterator[tuple[str, Array]]:
    """When: prices here are at one level, but places and kinds rise and fall against each other."""
    yield MONTH, houses.months.astype(np.float64)


def _ratios(houses: Houses) -> Iterator[tuple[str, Array]]:
    """Each number over the house's size, which is the first that a price rises with, where both are of one unit.

    What comes after a comma in a unit only explains it. Of what is counted in rooms, the size of one.
    """
    columns = houses.schema.numbers
    sizes = [at for at, column in enumerate(columns) if column.role == NUMBER and column.unit and column.monotone == 1]
    if not sizes:
        return
    size = houses.numbers[:, sizes[0]]
    for at, column in enumerate(columns):
        if at != sizes[0] and column.unit.split(",")[0] == columns[sizes[0]].unit.split(",")[0]:
            ratio = np.divide(houses.numbers[:, at], size, out=np.full(len(size), np.nan), where=size > 0)
            yield f"{column.name}/{columns[sizes[0]].name}", ratio
        elif column.unit == ROOMS:
            yield f"{columns[sizes[0]].name}/{column.name}", size / np.maximum(houses.numbers[:, at], 1.0)


def _newest(houses: Houses) -> Iterator[tuple[str, Array]]:
    """The latest of several years: a house is as new as its renovation."""
    years = [at for at, column in enumerate(houses.schema.numbers) if column.unit.split(",")[0] == YEAR]
    if len(years) > 1:
        yield "newest year", np.fmax.reduce(houses.numbers[:, years], axis=1)


def _diagonals(houses: Houses) -> Iterator[tuple[str, Array]]:
    """Two more directions to cut the map in."""
    if houses.schema.degrees is not None:
        latitude, longitude = (houses.numbers[:, at] for at in houses.schema.degrees)
        east = longitude * np.cos(np.radians(latitude))
        yield "north+east", latitude + east
        yield "north-east", latitude - east


def feature_names(schema: Schema) -> tuple[str, ...]:
    """Names of all features that a schema leads to, in order."""
    nobody = Houses(
        schema=schema,
        days=np.zeros(1, dtype=np.int64),
        numbers=np.zeros((1, len(schema.numbers))),
        codes=np.zeros((1, len(schema.categories)), dtype=np.int64),
        levels=(("",),) * len(schema.categories),
        ids=np.array([""]),
    )
    past = past_sales(nobody, np.zeros(1), np.zeros(1))
    encodings = [(key, np.zeros((1, 3))) for key in keys_of(len(schema.categories))]
    return assemble(nobody, encodings, np.zeros(1), past.features(nobody)).names


def key_name(schema: Schema, key: tuple[int, ...]) -> str:
    """Name of a key, after the categories that it is made of."""
    return "+".join(schema.categories[category].name for category in key)
