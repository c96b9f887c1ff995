"""Sales near a house before its day, and its own sale before; of what comes on its day or later, nothing.

Each feature is at one price level: what was paid is deflated by the index.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree  # type: ignore[import-untyped]

from .dataset import Array, Houses, Ints, Texts

NEAR, NEARBY = 8, 40  # how many of the nearest sales
NEAR_KM, NEARBY_KM = 0.4, 1.2  # distance at which a sale counts 1/e
FARTHEST_KM = 5.0
KM_PER_DEGREE = 111.2
NAMES = (
    *("near.price", "near.residual", "near.weight", "nearby.price", "nearby.residual", "nearby.weight"),
    *("near.distance", "near.spread"),
)
PREVIOUS_NAMES = ("previous.price", "previous.years")


@dataclass(frozen=True)
class PastSales:
    """Sales sorted by day, as later houses are compared with them; `residual`: deflated price minus hedonic one."""

    days: Ints
    ids: Texts
    points: Array | None  # kilometres east and north of `centre`
    centre: tuple[float, float]
    deflated: Array
    residual: Array
    _trees: dict[tuple[int, int], cKDTree] = field(default_factory=dict, compare=False, repr=False)

    def features(self, houses: Houses) -> tuple[tuple[str, ...], Array]:
        """Names and values of the features that these sales allow, from the sales before each house's day."""
        before = np.searchsorted(self.days, houses.days, side="left")
        names: tuple[str, ...] = ()
        blocks = [np.empty((len(houses), 0))]
        if self.points is not None:
            names += NAMES
            blocks.append(self._near(self.points, locate(houses, self.centre), before))
        if houses.schema.id is not None:
            names += PREVIOUS_NAMES
            blocks.append(self._previous(houses, before))
        return names, np.column_stack(blocks)

    def _near(self, own: Array, points: Array, before: Ints) -> Array:
        distance, sale = self._nearest(own, points, before)
        there = np.isfinite(distance)
        price, residual = self.deflated[sale], self.residual[sale]
        columns = []
        for size, scale in ((NEAR, NEAR_KM), (NEARBY, NEARBY_KM)):
            weight = np.where(there[:, :size], np.exp(-distance[:, :size] / scale), 0.0)
            total = weight.sum(axis=1)
            columns += [_mean(weight, total, price[:, :size]), _mean(weight, total, residual[:, :size]), total]
        columns.append(np.where(there[:, 0], distance[:, 0], np.nan))
        weight = np.where(there, np.exp(-distance / NEARBY_KM), 0.0)
        columns.append(np.sqrt(_mean(weight, weight.sum(axis=1), (residual - columns[4][:, None]) ** 2)))
        return np.column_stack(columns)

    def _nearest(self, own: Array, points: Array, before: Ints) -> tuple[Array, Ints]:
        """Distances and places of the nearest among the first `before` sales, infinite and 0 where there are fewer.

        The sales are cut into blocks of 1, 2, 4, … in time order; the first n of them are, by n's binary digits, a few
        whole blocks, and only those are looked into.
        """
        distance = np.full((len(points), NEARBY), np.inf)
        sale = np.zeros((len(points), NEARBY), dtype=np.int64)
        for start, stop, rows in _blocks(before):
            if (start, stop) not in self._trees:
                self._trees[start, stop] = cKDTree(own[start:stop])
            found, place = self._trees[start, stop].query(
                points[rows], k=range(1, min(NEARBY, stop - start) + 1), distance_upper_bound=FARTHEST_KM
            )
            place = np.where(np.isfinite(found), place + start, 0)
            found, place = np.column_stack([distance[rows], found]), np.column_stack([sale[rows], place])
            nearest = np.lexsort((-place, found), axis=1)[:, :NEARBY]
            distance[rows] = np.take_along_axis(found, nearest, axis=1)
            sale[rows] = np.take_along_axis(place, nearest, axis=1)
        return distance, sale

    def _previous(self, houses: Houses, before: Ints) -> Array:
        sold: dict[str, list[int]] = {}
        for row, name in enumerate(self.ids.tolist()):
            if name:
                sold.setdefault(name, []).append(row)
        result = np.full((len(houses), 2), np.nan)
        for row, (name, stop) in enumerate(zip(houses.ids.tolist(), before.tolist(), strict=True)):
            earlier = [at for at in sold.get(name, ()) if at < stop]
            if earlier:
                years = (int(houses.days[row]) - int(self.days[earlier[-1]])) / 365.25
                result[row] = self.deflated[earlier[-1]], years
        return result


def past_sales(houses: Houses, deflated: Array, residual: Array) -> PastSales:
    """Keep sales for comparison; the houses have to be sorted by day."""
    degrees = houses.schema.degrees
    if degrees is None:
        return PastSales(houses.days, houses.ids, None, (0.0, 0.0), deflated, residual)
    latitude, longitude = (float(np.nanmean(houses.numbers[:, at])) for at in degrees)
    centre = (latitude, longitude)
    return PastSales(houses.days, houses.ids, locate(houses, centre), centre, deflated, residual)


def locate(houses: Houses, centre: tuple[float, float]) -> Array:
    """Kilometres east and north of the centre, flat; a house at an unknown place is infinitely far from all others."""
    north, east_of = houses.schema.degrees or (0, 0)
    latitude, longitude = houses.numbers[:, north], houses.numbers[:, east_of]
    east = (longitude - centre[1]) * np.cos(np.radians(centre[0])) * KM_PER_DEGREE
    points = np.column_stack([east, (latitude - centre[0]) * KM_PER_DEGREE])
    return np.where(np.isnan(points), 1e9, points)


def _blocks(before: Ints) -> Iterator[tuple[int, int, Ints]]:
    """Blocks of sales, and the rows that look into each."""
    size = 1
    while size <= int(before.max(initial=0)):
        rows = np.flatnonzero(before & size)
        starts = before[rows] // (2 * size) * (2 * size)
        for start in np.unique(starts):
            yield int(start), int(start) + size, rows[starts == start]
        size *= 2


def _mean(weight: Array, total: Array, values: Array) -> Array:
    sums = (weight * values).sum(axis=1)
    result: Array = np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 1e-9)
    return result
