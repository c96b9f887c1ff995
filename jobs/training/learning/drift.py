"""What later data are compared with: exact counts on fixed edges, so that counts of several batches just add up.

`drift_reference` of a bundle: `{"features": {column: <counts>}, "prediction": <counts> or {name: <counts>},
"rows": n}`, of the columns that a caller sends, and of predictions for sales or months that the model had not learnt
from. Counts of figures: `{"kind": "numeric", "edges", "counts", "missing"}`; of texts: `{"kind": "categorical",
"levels": {level: count}, "other", "missing"}`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
LEVELS = 50  # that are counted by name; the rarer ones are `other`


def numeric(values: NDArray[np.float64]) -> Mapping[str, Any]:
    """Count a column between its own deciles (equal ones merged), missing values apart.

    `counts[i]` is the number of values above `edges[i - 1]` and not above `edges[i]`; the outer bins are open.
    """
    present = values[~np.isnan(values)]
    inner = np.unique(np.quantile(present, np.arange(1, BINS) / BINS)) if len(present) else np.empty(0)
    edges = [float(edge) for edge in inner]
    counts = np.bincount(np.searchsorted(inner, present, side="left"), minlength=len(edges) + 1)
    return {
        "kind": "numeric",
        "edges": edges,
        "counts": [int(count) for count in counts],
        "missing": int(len(values) - len(present)),
    }


def categorical(texts: Sequence[str]) -> Mapping[str, Any]:
    """Count levels, the most frequent by name (of equally frequent ones the first by alphabet); "" is missing."""
    count = Counter(texts)
    missing = count.pop("", 0)
    ordered = sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "kind": "categorical",
        "levels": dict(ordered[:LEVELS]),
        "other": sum(number for _, number in ordered[LEVELS:]),
        "missing": missing,
    }


def reference(features: Mapping[str, Mapping[str, Any]], prediction: Mapping[str, Any], rows: int) -> Mapping[str, Any]:
    """The whole of a bundle's reference; `rows` were counted in each feature."""
    return {"features": features, "prediction": prediction, "rows": rows}
