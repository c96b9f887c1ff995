"""Point forecasts of single series: classes by evidence, members by class."""

import math
import random
from datetime import date, timedelta
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.finops.domain.recipe import Recipe, SeriesClass, evidence, forecast, members, weekday_profile

LAST = date(2026, 4, 30)
OFFICE = (1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 0.3)


def noisy(seed: int, days: int, level: float = 100.0, week: tuple[float, ...] = (1.0,) * 7) -> list[float]:
    chance = random.Random(seed)  # noqa: S311
    return [level * week[number % 7] * math.exp(chance.gauss(0, 0.05)) for number in range(days)]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (noisy(1, 90), SeriesClass.STEADY),
        (noisy(2, 90, week=OFFICE), SeriesClass.WEEKLY),
        ([0.0, 0.0, 250.0, 0.0, 0.0, 0.0, 0.0, 90.0, 0.0, 0.0] * 9, SeriesClass.INTERMITTENT),
        ([0.0] * 6 + [700.0] + ([0.0] * 6 + [700.0]) * 12, SeriesClass.WEEKLY),  # once a week, always on that day
        (noisy(3, 90, level=0.2), SeriesClass.TOO_SMALL),
        ([], SeriesClass.TOO_SMALL),
        ([0.0] * 90, SeriesClass.TOO_SMALL),
        ([50.0] * 3, SeriesClass.STEADY),
    ],
)
def test_the_class_of_a_series_follows_from_its_history(amounts: list[float], expected: SeriesClass) -> None:
    assert evidence(amounts).series_class is expected


def test_a_weekly_profile_is_continued_on_the_right_days() -> None:
    amounts = noisy(4, 91, week=OFFICE)
    made = forecast(amounts, LAST, 14)
    for ahead, amount in enumerate(made.amounts):
        assert amount == pytest.approx(100 * OFFICE[(91 + ahead) % 7], rel=0.12)


def test_a_step_four_days_old_is_followed() -> None:
    # Given spend that doubled four days ago
    made = forecast([100.0] * 80 + [200.0] * 4, LAST, 7)
    assert fmean(made.amounts) == pytest.approx(200.0, rel=0.25)


def test_an_intermittent_series_is_forecast_by_its_mean_not_by_its_median() -> None:
    amounts = [0.0, 0.0, 300.0, 0.0, 0.0] * 17
    made = forecast(amounts, LAST, 10)
    assert made.series_class is SeriesClass.INTERMITTENT
    assert fmean(made.amounts) == pytest.approx(60.0, rel=0.1)


def test_the_first_of_the_month_has_a_factor_where_it_is_always_higher() -> None:
    first = LAST - timedelta(days=90)
    amounts = [
        amount * (3.0 if (first + timedelta(days=number)).day == 1 else 1.0)
        for number, amount in enumerate(noisy(5, 91))
    ]
    made = forecast(amounts, LAST, 2)
    assert made.amounts[0] == pytest.approx(300.0, rel=0.1)
    assert made.amounts[1] == pytest.approx(100.0, rel=0.1)
    assert "factors for first" in made.method
    assert "factors" not in forecast(noisy(5, 91), LAST, 2).method


def test_holidays_have_a_factor_where_there_is_evidence() -> None:
    quiet = frozenset(LAST - timedelta(days=back) for back in (60, 40, 20)) | {LAST + timedelta(days=3)}
    amounts = [
        amount * (0.3 if LAST - timedelta(days=90 - number) in quiet else 1.0)
        for number, amount in enumerate(noisy(6, 91))
    ]
    made = forecast(amounts, LAST, 4, holidays=quiet)
    assert made.amounts[2] == pytest.approx(30.0, rel=0.15)


def test_a_profile_of_four_weeks_ignores_one_odd_week() -> None:
    plain = list(OFFICE) * 4
    odd = list(OFFICE) * 3 + [5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert weekday_profile(odd) == pytest.approx(weekday_profile(plain), rel=0.35)
    assert sum(weekday_profile(plain)) == pytest.approx(7.0)


def test_an_unknown_member_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown member 'oracle'"):
        members([1.0] * 30, 3, ("oracle",))


def test_members_by_hand() -> None:
    # Given two weeks, level 10 and 20; Then last week repeats, and medians and means are those of their days
    history = [10.0] * 7 + [20.0] * 7
    naive, middle, mean = members(history, 3, ("naive7", "median7", "mean14"))
    assert (naive, middle, mean) == ([20.0] * 3, [20.0] * 3, [15.0] * 3)


@given(st.lists(st.floats(0, 1e9), max_size=120), st.integers(1, 95))
def test_a_forecast_is_finite_and_never_negative(amounts: list[float], ahead: int) -> None:
    made = forecast(amounts, LAST, ahead, Recipe())
    assert len(made.amounts) == ahead
    assert all(math.isfinite(amount) and amount >= 0 for amount in made.amounts)
