"""Which transformation a unit-root test proposes, beside series whose order of integration is known."""

import random
from itertools import accumulate

import pytest

from bellwether.datasets.domain.stationarity import dickey_fuller, propose_tcode


def noise(seed: int, count: int = 400) -> list[float]:
    draw = random.Random(seed)  # noqa: S311 - a simulation
    return [draw.gauss(0, 1) for _ in range(count)]


def autoregression(seed: int, coefficient: float) -> list[float]:
    return list(accumulate(noise(seed), lambda before, shock: coefficient * before + shock))


@pytest.mark.parametrize("seed", range(5))
def test_a_stationary_series_is_proposed_as_it_is(seed: int) -> None:
    assert propose_tcode(autoregression(seed, 0.5)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_random_walk_is_proposed_in_differences(seed: int) -> None:
    walks = [[1000 + each for each in accumulate(noise(20 * seed + number))] for number in range(20)]
    assert sum(propose_tcode(walk) == 2 for walk in walks) >= 15  # the tests err in 5% of cases each


def test_a_growing_series_is_proposed_in_log_differences() -> None:
    growth = list(accumulate(noise(1), lambda level, shock: level * (1.003 + 0.002 * shock), initial=10.0))
    assert propose_tcode(growth) == 5


def test_what_is_integrated_twice_is_proposed_in_second_differences() -> None:
    twice = [list(accumulate(accumulate(noise(seed)))) for seed in range(20)]
    assert sum(propose_tcode(each) in {3, 6} for each in twice) >= 15


@pytest.mark.parametrize("values", [[], [1.0] * 400, [1.0, 2.0] * 10])
def test_without_enough_that_varies_nothing_is_proposed(values: list[float]) -> None:
    assert propose_tcode(values) is None


def test_the_statistic_is_that_of_least_squares() -> None:
    values = [1.0, 2.0, 1.0, 3.0, 2.0, 2.0, 4.0, 1.0, 2.0, 3.0, 1.0, 2.0, 2.0, 3.0, 1.0, 2.0]
    # numpy.linalg.lstsq on the change, with a constant, the level before and two lagged changes
    assert dickey_fuller(values) == pytest.approx(-2.9334784021686535, rel=1e-9)
