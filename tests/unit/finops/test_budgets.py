"""Budgets: the chance of exceeding, told early and calibrated."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellwether.finops.domain.budgets import BudgetStatus, Envelope, budget_status, chance_of_exceeding, month_samples
from bellwether.finops.domain.scheduled_charges import OneOffPurchases
from bellwether.finops.domain.spend_forecast import Level, forecast_spend
from bellwether.finops.domain.spend_series import SeriesKey, SpendSeries

KEY = SeriesKey("1", "AmazonEC2", "retail", "USD")
APRIL = date(2026, 4, 1)


def status(amounts: list[float], provisional: list[float], known_at: datetime, budget: float) -> BudgetStatus:
    series = SpendSeries(KEY, known_at.date() - timedelta(days=3), tuple(amounts), tuple(provisional))
    made = forecast_spend([series], known_at)
    total = made.month(made.of(Level.COST_CENTER)[0])
    return budget_status(Envelope("retail", APRIL, Decimal(str(budget))), made, total)


def test_requirement_15a_45_percent_of_the_budget_on_day_1_is_told_the_same_day() -> None:
    # Given a budget of 10 000 and usual days of 120 USD, of which 4500 are spent on the 1st
    now = datetime(2026, 4, 1, 20, tzinfo=UTC)
    found = status([120.0 + number % 5 for number in range(80)], [121.0, 122.0, 4500.0], now, 10_000)
    # Then the breach is told on that day, with the burn rate
    assert found.chance_of_exceeding >= 0.95
    assert found.is_likely_to_exceed
    assert found.burn_rate_a_day == pytest.approx(4500.0)
    assert found.affordable_a_day == pytest.approx(5500 / 29)
    assert found.basis == "the pace of the newest days goes on"


def test_requirement_15a_holds_for_a_cost_center_without_history() -> None:
    now = datetime(2026, 4, 1, 20, tzinfo=UTC)
    found = status([], [0.0, 0.0, 4500.0], now, 10_000)
    assert found.chance_of_exceeding >= 0.95


def test_a_usual_first_day_is_no_breach() -> None:
    now = datetime(2026, 4, 1, 20, tzinfo=UTC)
    found = status([120.0 + number % 5 for number in range(80)], [121.0, 122.0, 60.0], now, 10_000)
    assert found.chance_of_exceeding < 0.05
    assert found.basis == "forecast"
    assert found.breach_on is None


def test_a_budget_that_is_used_up_is_exceeded_for_certain() -> None:
    now = datetime(2026, 4, 20, 12, tzinfo=UTC)
    found = status([100.0] * 90, [100.0] * 3, now, 1500)
    assert (found.chance_of_exceeding, found.basis, found.breach_on) == (1.0, "already exceeded", date(2026, 4, 16))


def test_the_day_of_the_breach_is_where_the_forecast_uses_the_budget_up() -> None:
    now = datetime(2026, 4, 10, 12, tzinfo=UTC)
    found = status([100.0] * 90, [100.0] * 3, now, 2250)
    assert found.breach_on == date(2026, 4, 23)
    assert found.expected == pytest.approx(3000)


def test_purchases_to_come_fatten_the_upper_tail() -> None:
    now = datetime(2026, 4, 10, 12, tzinfo=UTC)
    series = SpendSeries(KEY, date(2026, 4, 7), (100.0,) * 90, (100.0,) * 3)
    made = forecast_spend([series], now)
    total = made.month(made.of(Level.COST_CENTER)[0])
    plain = month_samples(total)
    bought = month_samples(total, purchases=OneOffPurchases(1 / 60, (2000.0,)), days_left=20)
    # Given one purchase of 2000 in two months, then there is one in the 20 days left with 1 - exp(-1/3) = .28
    assert chance_of_exceeding(plain, 4500) < 0.02
    assert chance_of_exceeding(bought, 4500) == pytest.approx(0.28, abs=0.04)
    assert month_samples(total, purchases=OneOffPurchases(1 / 60, (2000.0,)), days_left=20) == bought


@settings(max_examples=20)
@given(budget=st.floats(1, 1e6), more=st.floats(0, 1e6))
def test_a_larger_budget_is_never_likelier_to_break(budget: float, more: float) -> None:
    samples = [float(number) for number in range(0, 500_000, 777)]
    assert chance_of_exceeding(samples, budget + more) <= chance_of_exceeding(samples, budget)
