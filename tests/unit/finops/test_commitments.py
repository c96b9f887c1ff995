"""Savings Plan sizes: against a search over all sizes, and with the reasons for buying nothing."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellwether.finops.domain.commitments import HOURS_MIN, ExistingPlan, advise, evaluate

DAY_AND_NIGHT = [10.0 if 8 <= hour % 24 < 20 else 4.0 for hour in range(26 * 168)]


@pytest.mark.parametrize("discount", [0.1, 0.28, 0.5, 0.66])
def test_the_best_size_costs_no_more_than_any_other(discount: float) -> None:
    spend = [random.Random(hour).lognormvariate(1, 0.6) for hour in range(HOURS_MIN)]  # noqa: S311
    best = advise(spend, discount).best
    assert best is not None
    assert max(evaluate(spend, discount, size / 100).saving for size in range(1200)) <= best.saving + 0.001


def test_half_the_hours_at_the_higher_level_are_not_enough_for_a_small_discount() -> None:
    assert advise(DAY_AND_NIGHT, 0.28).buy == pytest.approx(4 * 0.72, abs=0.001)
    assert advise(DAY_AND_NIGHT, 0.6).buy == pytest.approx(10 * 0.4, abs=0.001)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 100), st.sampled_from([0.2, 0.3, 0.5]))
def test_scaling_the_spend_scales_every_amount(factor: float, discount: float) -> None:
    """Requirement 30: accounting identities hold whatever the size."""
    spend = DAY_AND_NIGHT[:HOURS_MIN]
    plain, scaled = evaluate(spend, discount, 3.0), evaluate([factor * hour for hour in spend], discount, 3.0 * factor)
    assert scaled.saving == pytest.approx(factor * plain.saving)
    assert scaled.utilisation == pytest.approx(plain.utilisation)
    assert scaled.coverage == pytest.approx(plain.coverage)


def test_requirement_30_paid_and_unpaid_parts_add_up() -> None:
    spend: Sequence[float] = DAY_AND_NIGHT
    option = evaluate(spend, 0.3, 3.5)
    on_demand = sum(spend) / len(spend)
    covered = option.coverage * on_demand
    assert covered == pytest.approx(option.utilisation * 3.5 / 0.7)
    assert option.saving == pytest.approx(covered - 3.5)


def test_an_existing_plan_that_is_not_used_up_comes_first() -> None:
    advice = advise(DAY_AND_NIGHT, 0.28, existing=[ExistingPlan(2.5, 0.71)], provider_says=3.1)
    assert (advice.buy, advice.provider_says) == (0, 3.1)
    assert "0.725 USD an hour unused" in advice.reason


def test_a_short_history_buys_nothing_and_says_why() -> None:
    advice = advise(DAY_AND_NIGHT[:100], 0.28)
    assert (advice.buy, advice.reason) == (0, "100 hours of history, 336 are needed")


def test_twelve_weeks_are_not_extrapolated_over_a_year() -> None:
    assert advise(DAY_AND_NIGHT[: 12 * 168], 0.28).yearly_saving is None
    assert advise(DAY_AND_NIGHT, 0.28).yearly_saving == pytest.approx((4 - 4 * 0.72) * 8760, rel=0.01)


def test_uneven_spend_buys_nothing() -> None:
    advice = advise([100.0 if hour % 168 < 10 else 0.0 for hour in range(HOURS_MIN)], 0.28)
    assert (advice.buy, advice.reason) == (0, "spend is too uneven: no commitment would have been used enough")


def test_growing_spend_takes_the_size_of_hindsight() -> None:
    spend = [1 + hour / 500 for hour in range(8 * 168)]
    growing, steady = advise(spend, 0.28, growing=True), advise(spend, 0.28)
    assert growing.best is not None
    assert growing.buy == growing.best.hourly_commitment >= steady.buy
