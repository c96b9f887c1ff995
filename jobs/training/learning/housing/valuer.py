"""A fitted model: log price = price level of the month + what the trees see in the house, and how sure that is."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xgboost

from .booster import from_bytes, predict_trees, to_bytes
from .comparables import PastSales
from .dataset import Array, Houses, Sales, format_day, parse_day
from .encoders import Encoder
from .features import Table, build
from .hedonic import Hedonic
from .index import PriceIndex, fit_index, monthly_means

TREES_FILE, SPREAD_FILE = "model.ubj", "spread.ubj"
ENCODERS_FILE, INDEX_FILE, COMPARABLES_FILE = "encoders.json", "index.json", "comparables.csv"


@dataclass(frozen=True)
class Values:
    """What houses are worth: the logarithm of the price, and the scale of its error."""

    log_price: Array
    scale: Array

    @property
    def price(self) -> Array:
        """Prices."""
        return np.exp(self.log_price)

    def bounds(self, reach: float) -> tuple[Array, Array]:
        """Ends of an interval that reaches so many scales to either side."""
        return np.exp(self.log_price - reach * self.scale), np.exp(self.log_price + reach * self.scale)


@dataclass(frozen=True)
class Valuer:
    """The parts of one fit; `reach` says for each interval level how many scales it goes to either side."""

    index: PriceIndex
    hedonic: Hedonic
    encoders: tuple[Encoder, ...]
    past: PastSales
    trees: xgboost.Booster
    spread: xgboost.Booster
    reach: Mapping[float, float]

    def features(self, houses: Houses) -> Table:
        """What the trees see of houses; of earlier sales only those before each house's day."""
        return build(houses, self.encoders, self.hedonic, self.past)

    def value(self, houses: Houses) -> Values:
        """What houses are worth on their days."""
        values = self.features(houses).values
        log_price = self.index.at(houses.months) + predict_trees(self.trees, values)
        return Values(log_price, np.exp(predict_trees(self.spread, values)))


def refresh_index(valuer: Valuer, closed: Sales) -> Valuer:
    """Estimate the price index anew with sales closed after the fit; trees, encoders and comparables stay.

    A month that has sales in the fit and among these is told by both, each with its own weight.
    """
    if not len(closed):
        return valuer
    residual = np.log(closed.price) - predict_trees(valuer.trees, valuer.features(closed.houses).values)
    later = monthly_means(closed.houses.months, residual)
    return replace(valuer, index=fit_index(valuer.index.means.joined(later)))


def value_online(valuer: Valuer, sales: Sales) -> Values:
    """Value sales month by month, before each month estimating the index anew with those of the months before."""
    log_price, scale = np.empty(len(sales)), np.empty(len(sales))
    months = sales.houses.months
    for month in np.unique(months):
        rows = months == month
        known = refresh_index(valuer, sales.take(months < month))
        values = known.value(sales.houses.take(rows))
        log_price[rows], scale[rows] = values.log_price, values.scale
    return Values(log_price, scale)


# --- files -----------------------------------------------------------------------------------------------------------


def to_files(valuer: Valuer) -> Mapping[str, bytes]:
    """The parts as files; nothing of a fit is anywhere else."""
    encoders = {
        "encoders": [each.to_json() for each in valuer.encoders],
        "hedonic": valuer.hedonic.to_json(),
        "reach": [[level, reach] for level, reach in valuer.reach.items()],
    }
    return {
        TREES_FILE: to_bytes(valuer.trees),
        SPREAD_FILE: to_bytes(valuer.spread),
        ENCODERS_FILE: _json(encoders),
        INDEX_FILE: _json(valuer.index.to_json()),
        COMPARABLES_FILE: _past_to_csv(valuer.past).encode(),
    }


def from_files(parts: Mapping[str, bytes]) -> Valuer:
    """Put a fit together again."""
    encoders = json.loads(parts[ENCODERS_FILE])
    return Valuer(
        index=PriceIndex.from_json(json.loads(parts[INDEX_FILE])),
        hedonic=Hedonic.from_json(encoders["hedonic"]),
        encoders=tuple(Encoder.from_json(each) for each in encoders["encoders"]),
        past=_past_from_csv(parts[COMPARABLES_FILE].decode()),
        trees=from_bytes(parts[TREES_FILE]),
        spread=from_bytes(parts[SPREAD_FILE]),
        reach={float(level): float(reach) for level, reach in encoders["reach"]},
    )


def _json(content: Mapping[str, object]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=None) + "\n").encode()


def _past_to_csv(past: PastSales) -> str:
    """The centre of the map, then a line a sale; numbers to the last bit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["centre", *(repr(each) for each in past.centre), "mapped" if past.points is not None else ""])
    points = np.zeros((len(past.days), 2)) if past.points is None else past.points
    columns = zip(
        *(past.days.tolist(), past.ids.tolist(), points.tolist(), past.deflated.tolist(), past.residual.tolist()),
        strict=True,
    )
    for day, name, point, deflated, residual in columns:
        writer.writerow([format_day(day), name, *(repr(each) for each in (*point, deflated, residual))])
    return text.getvalue()


def _past_from_csv(text: str) -> PastSales:
    (_, latitude, longitude, mapped), *rows = csv.reader(io.StringIO(text))
    figures = np.array([row[2:] for row in rows], dtype=np.float64).reshape(len(rows), 4)
    return PastSales(
        days=np.array([parse_day(row[0]) for row in rows], dtype=np.int64),
        ids=np.array([row[1] for row in rows], dtype=np.str_),
        points=np.ascontiguousarray(figures[:, :2]) if mapped else None,
        centre=(float(latitude), float(longitude)),
        deflated=figures[:, 2].copy(),
        residual=figures[:, 3].copy(),
    )
