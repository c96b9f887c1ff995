"""What later data are compared with: exact counts on fixed edges, so that counts of several batches just add up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


def reference(values: NDArray[np.float64]) -> Mapping[str, Any]:
    """Count a column between its own deciles (equal ones merged), missing values apart.

    `counts[i]` is the number of values above `edges[i - 1]` and not above `edges[i]`; the outer bins are open.
    """
    present = values[~np.isnan(values)]
    inner = np.unique(np.quantile(present, np.arange(1, BINS) / BINS)) if len(present) else np.empty(0)
    edges = [float(edge) for edge in inner]
    counts = np.bincount(np.searchsorted(inner, present, side="left"), minlength=len(edges) + 1)
    return {"edges": edges, "counts": [int(count) for count in counts], "missing": int(len(values) - len(present))}


def references(names: tuple[str, ...], values: NDArray[np.float64]) -> Mapping[str, Any]:
    """References of all columns of a table."""
    return {name: reference(values[:, column]) for column, name in enumerate(names)}
