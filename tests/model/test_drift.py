"""Reference counts: exact, on fixed edges, so that batches add up."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.training.learning.drift import BINS, reference


def counted(values: NDArray[np.float64], edges: list[float]) -> list[int]:
    bounds = [-np.inf, *edges, np.inf]
    return [int(((values > low) & (values <= high)).sum()) for low, high in pairwise(bounds)]


def test_counts_are_exact_and_near_deciles() -> None:
    # Given a column with gaps
    values = np.random.default_rng(0).standard_normal(1000)
    values[:100] = np.nan
    # When it is counted
    made = reference(values)
    # Then every value is in its bin, and the bins are deciles
    assert made["counts"] == counted(values, made["edges"])
    assert made["missing"] == 100
    assert len(made["counts"]) == BINS
    assert max(made["counts"]) - min(made["counts"]) <= 1


@pytest.mark.parametrize(("values", "bins"), [([1.0] * 50, 2), ([0.0] * 95 + [1.0] * 5, 2), ([np.nan] * 5, 1)])
def test_equal_edges_are_merged(values: list[float], bins: int) -> None:
    # Given a column with hardly any different values, when counted, then no value is lost
    made = reference(np.array(values))
    assert len(made["counts"]) == bins
    assert sum(made["counts"]) + made["missing"] == len(values)
