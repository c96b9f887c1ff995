"""What a valuation has to beat: the median price of the place and kind of house, among the sales learnt from."""

from dataclasses import dataclass

import numpy as np

from .dataset import Array, Houses, Sales
from .encoders import key_codes

NAME = "median_by_place"
FEWEST = 5  # sales of a group; with fewer the wider group's median stands in
DESCRIPTION = "median price of the same place and kind of house, of the place, or of all, whichever has 5 sales first"


@dataclass(frozen=True)
class MedianByPlace:
    """Median prices of groups, the narrowest first, and of all sales."""

    groups: tuple[tuple[tuple[int, ...], dict[str, float]], ...]
    overall: float

    def predict(self, houses: Houses) -> Array:
        """Median of each house's narrowest group that has one."""
        result = np.full(len(houses), self.overall)
        for key, medians in reversed(self.groups):
            levels, codes = key_codes(houses, key)
            known = np.array([medians.get(level, np.nan) for level in levels])[codes]
            result = np.where(np.isnan(known), result, known)
        return result


def fit_median_by_place(sales: Sales) -> MedianByPlace:
    """Take the medians."""
    keys = [(0, 1), (0,)][2 - min(2, sales.houses.codes.shape[1]) :]
    return MedianByPlace(tuple((key, _medians(sales, key)) for key in keys), float(np.median(sales.price)))


def _medians(sales: Sales, key: tuple[int, ...]) -> dict[str, float]:
    levels, codes = key_codes(sales.houses, key)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(levels) + 1))
    prices = sales.price[order]
    spans = zip(levels, bounds[:-1], bounds[1:], strict=True)
    return {level: float(np.median(prices[start:stop])) for level, start, stop in spans if stop - start >= FEWEST}
