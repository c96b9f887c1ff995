"""Diebold-Mariano against figures computed by hand."""

import math

import numpy as np
import pytest

from jobs.training.learning.significance import diebold_mariano


def test_one_step_ahead_by_hand() -> None:
    # Given losses that differ by 3, 0, 3, 0: mean 1.5, variance 2.25, so DM = 1.5 / sqrt(2.25 / 4) = 2
    model, other = np.ones(4), np.array([2.0, 1.0, 2.0, 1.0])
    # When tested one step ahead
    test = diebold_mariano(model, other, 1)
    # Then the correction is sqrt(3 / 4), and Student's t with 3 degrees of freedom leaves 1/2 - (1/2 + pi/4) / pi above
    assert test.statistic == pytest.approx(math.sqrt(3.0))
    assert test.p_value == pytest.approx(0.25 - 0.5 / math.pi)


def test_two_steps_ahead_with_negative_variance_by_hand() -> None:
    # Given the same losses, whose autocovariance -1.6875 makes 2.25 - 3.375 negative
    model, other = np.ones(4), np.array([2.0, 1.0, 2.0, 1.0])
    # When tested two steps ahead, then Bartlett's half weight leaves 0.5625, and the correction is sqrt(1.5 / 4)
    expected = math.sqrt(0.375) * 1.5 / math.sqrt(0.5625 / 4)
    assert diebold_mariano(model, other, 2).statistic == pytest.approx(expected)


def test_it_is_one_sided_and_antisymmetric() -> None:
    # Given a better and a worse forecaster
    random = np.random.default_rng(0)
    better, worse = random.standard_normal(200), 1.5 * random.standard_normal(200)
    # When compared both ways, then the p-values add up to one and the better one's is small
    there, back = diebold_mariano(better, worse, 3), diebold_mariano(worse, better, 3)
    assert there.p_value < 0.01
    assert there.p_value + back.p_value == pytest.approx(1.0)
    assert there.statistic == pytest.approx(-back.statistic)


def test_false_alarms_come_as_often_as_they_say() -> None:
    # Given pairs of equally good forecasters, when tested at 5%, then about 5% alarm
    random = np.random.default_rng(1)
    alarms = [
        diebold_mariano(random.standard_normal(120), random.standard_normal(120), 1).p_value < 0.05 for _ in range(2000)
    ]
    assert 0.035 < np.mean(alarms) < 0.065


def test_equal_losses_decide_nothing() -> None:
    test = diebold_mariano(np.ones(10), np.ones(10), 1)
    assert (test.statistic, test.p_value) == (0.0, 0.5)


def test_one_forecast_is_no_sample() -> None:
    with pytest.raises(ValueError, match="at least two"):
        diebold_mariano(np.ones(1), np.ones(1), 1)
