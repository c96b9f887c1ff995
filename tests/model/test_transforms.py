"""FRED-MD's transformations: each is undone by its inverse."""

import math

import numpy as np
import pytest

from jobs.training.learning.macro.transforms import LOST_ROWS, invert, transform


@pytest.mark.parametrize("tcode", range(1, 8))
@pytest.mark.parametrize("seed", range(5))
def test_inverse_of_transform_is_identity(tcode: int, seed: int) -> None:
    # Given a positive series
    levels = 50.0 * np.exp(np.cumsum(0.05 * np.random.default_rng(seed).standard_normal(60)))
    # When it is transformed and back
    restored = invert(transform(levels, tcode), tcode, levels[: LOST_ROWS[tcode]].tolist())
    # Then it is the series that it was
    np.testing.assert_allclose(restored, levels, rtol=1e-9)


@pytest.mark.parametrize(
    ("tcode", "last"),
    [(1, 4.0), (2, 2.0), (3, 1.0), (4, math.log(4)), (5, math.log(2)), (6, 0.0), (7, 0.0)],
)
def test_known_values(tcode: int, last: float) -> None:
    # Given 1, 2, 4; when transformed; then the last value is what the definition says
    assert transform(np.array([1.0, 2.0, 4.0]), tcode)[-1] == pytest.approx(last)


@pytest.mark.parametrize("tcode", range(1, 8))
def test_leading_rows_without_predecessors_are_missing(tcode: int) -> None:
    # Given a series without gaps, when transformed, then as many rows are lost as the table says
    result = transform(np.arange(1.0, 11.0), tcode)
    assert int(np.isnan(result).sum()) == LOST_ROWS[tcode]


def test_a_gap_stays_a_gap_and_a_logarithm_of_nothing_is_missing() -> None:
    # Given a missing value and a zero
    values = np.array([1.0, np.nan, 3.0, 0.0, 5.0])
    # When logarithms are differenced, then only what has both neighbours has a value
    assert np.isnan(transform(values, 5)).tolist() == [True] * 5
    assert np.isnan(transform(values, 4)).tolist() == [False, True, False, True, False]


def test_inverse_needs_the_levels_that_were_lost() -> None:
    with pytest.raises(ValueError, match="needs the first 2 levels"):
        invert(np.zeros(5), 6, [1.0])
