"""Reference counts: exact, on fixed edges, so that batches add up."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.training.learning.drift import BINS, LEVELS, categorical, numeric


def counted(values: NDArray[np.float64], edges: list[float]) -> list[int]:
    bounds = [-np.inf, *edges, np.inf]
    return [int(((values > low) & (values <= high)).sum()) for low, high in pairwise(bounds)]


def test_counts_are_exact_and_near_deciles() -> None:
    # Given a column with gaps
    values = np.random.default_rng(0).standard_normal(1000)
    values[:100] = np.nan
    # When it is counted
    made = numeric(values)
    # Then every value is in its bin, and the bins are deciles
    assert made["counts"] == counted(values, made["edges"])
    assert made["missing"] == 100
    assert len(made["counts"]) == BINS
    assert max(made["counts"]) - min(made["counts"]) <= 1


@pytest.mark.parametrize(("values", "bins"), [([1.0] * 50, 2), ([0.0] * 95 + [1.0] * 5, 2), ([np.nan] * 5, 1)])
def test_equal_edges_are_merged(values: list[float], bins: int) -> None:
    # Given a column with hardly any different values, when counted, then no value is lost
    made = numeric(np.array(values))
    assert len(made["counts"]) == bins
    assert sum(made["counts"]) + made["missing"] == len(values)


def test_levels_are_counted_by_name_and_the_rarest_together() -> None:
    # Given more levels than are named, some of them equally frequent, and values that are not there
    texts = [f"street {number:03d}" for number in range(LEVELS + 5) for _ in range(1 + (number % 3 == 0))] + [""] * 4
    # When counted in any order, then the result is the same, and nothing is lost
    made = categorical(texts)
    assert made == categorical(list(reversed(texts)))
    assert list(made["levels"].values()) == sorted(made["levels"].values(), reverse=True)
    assert len(made["levels"]) == LEVELS
    assert sum(made["levels"].values()) + made["other"] + made["missing"] == len(texts)
    assert made["missing"] == 4
    assert made["other"] == 5
