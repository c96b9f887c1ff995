"""Intervals around valuations: the error's scale, house by house, times a reach that held in time order."""

import math
from collections.abc import Mapping

import numpy as np

from ..errors import TooLittleDataError
from .dataset import Array

LEVELS = (0.8, 0.95)
BLOCKS = ((0.8, 0.9), (0.9, 1.0))  # shares of the sales in time order, each valued from those before it
FEWEST = 24


def reach_of(ratios: Array) -> Mapping[float, float]:
    """How many scales the interval of each level reaches, from |error| / scale of valuations in time order.

    The order statistic is chosen as if the coming error were one more of the same kind (split conformal inference);
    random folds in its place gave intervals that held too seldom, as a price level is known within its months.
    Raises TooLittleDataError.
    """
    if len(ratios) < FEWEST:
        raise TooLittleDataError(f"{len(ratios)} errors in time order are too few for intervals")
    ordered = np.sort(ratios)
    return {level: float(ordered[min(len(ordered), math.ceil((len(ordered) + 1) * level)) - 1]) for level in LEVELS}
