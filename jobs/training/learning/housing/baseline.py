"""What a valuation has to beat: the median price of the place and kind of house, among the sales learnt from."""

import numpy as np
import pandas as pd

from .dataset import Array, Houses, Sales

NAME = "median_by_place"
FEWEST = 5  # sales of a group; with fewer the wider group's median stands in
DESCRIPTION = "median price of the same place and kind of house, of the place, or of all, whichever has 5 sales first"


def median_by_place(learnt: Sales, later: Houses) -> Array:
    """Median price, among the sales learnt from, of each later house's narrowest group that has `FEWEST` sales."""
    known, asked = _groups(learnt.houses), _groups(later)
    result = pd.Series(np.nan, index=asked.index)
    for columns in (list(known.columns[:width]) for width in range(known.shape[1], 0, -1)):
        groups = pd.Series(learnt.price).groupby([known[column] for column in columns])
        medians = groups.median()[groups.size() >= FEWEST].rename("median").reset_index()
        result = result.fillna(asked.merge(medians, how="left", on=columns)["median"])
    return np.asarray(result.fillna(float(np.median(learnt.price))), dtype=np.float64)


def _groups(houses: Houses) -> pd.DataFrame:
    """Place and kind of house, as far as the schema has them."""
    levels = (np.array(levels)[houses.codes[:, at]] for at, levels in enumerate(houses.levels[:2]))
    return pd.DataFrame(dict(enumerate(levels)), index=range(len(houses)))
