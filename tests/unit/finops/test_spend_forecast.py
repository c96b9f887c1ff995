"""The daily forecast: always an answer, late days predicted, parts that add up."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from bellwether.finops.domain.spend_forecast import Level, SpendForecast, forecast_spend, month_end
from bellwether.finops.domain.spend_policy import DEFAULT_GRID, SpendPolicy
from bellwether.finops.domain.spend_series import SeriesKey, SpendSeries, last_final_day, usage_series
from samples.billing.spend import simulate_spend

KEY = SeriesKey("012345678901", "AmazonEC2", "retail", "USD")


def charge(day: date, amount: float, category: ChargeCategory = ChargeCategory.USAGE, **other: object) -> Charge:
    settings = {"account": KEY.account, "service": KEY.service, "cost_center": KEY.cost_center, "correction": False}
    key = ChargeKey(day=day, usage_type="", region="", category=category, currency="USD", **(settings | other))  # type: ignore[arg-type]
    exact = Decimal(str(amount))
    return Charge(key, exact, exact, None, 1)


def days(first: date, amounts: Iterable[float]) -> list[Charge]:
    return [charge(first + timedelta(days=number), amount) for number, amount in enumerate(amounts)]


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def forecast_of(charges: list[Charge], known_at: datetime, policy: SpendPolicy | None = None) -> SpendForecast:
    return forecast_spend(usage_series(charges, known_at), known_at, policy or SpendPolicy())


# --- requirement 13: wrong on the last day of the month ------------------------------------------------------------


@pytest.mark.parametrize(
    "known_at",
    [
        *(datetime(year, 2, day, 12, tzinfo=UTC) for year in (2024, 2026) for day in (1, 28)),
        datetime(2024, 2, 29, 23, 59, tzinfo=UTC),
        *(datetime(2026, 4, day, 12, tzinfo=UTC) for day in (1, 29, 30)),
        *(datetime(2026, 12, day, hour, tzinfo=UTC) for day in (1, 30, 31) for hour in (0, 23)),
        datetime(2026, 3, 31, 23, 59, tzinfo=timezone(timedelta(hours=-11))),  # is April already in UTC
        datetime(2026, 4, 1, 0, 1, tzinfo=timezone(timedelta(hours=14))),  # is still March in UTC
    ],
    ids=str,
)
def test_requirement_13_every_day_of_the_month_gets_an_answer(known_at: datetime) -> None:
    # Given 10 USD a day, when a month's total is forecast at any moment, then it is 10 USD times the days of the month
    today = known_at.astimezone(UTC).date()
    made = forecast_of(days(today - timedelta(days=89), [10.0] * 90), known_at)
    total = made.month(made.of(Level.TOTAL)[0])
    assert (total.first, total.last) == (today.replace(day=1), month_end(today))
    assert total.mean == pytest.approx(10.0 * total.last.day)
    assert all(each.lower <= total.mean <= each.upper for each in total.intervals)


def test_requirement_13_on_the_last_day_the_forecast_is_the_actual_and_the_late_days() -> None:
    # Given April's 30th, and 28 final days
    known_at = datetime(2026, 4, 30, 12, tzinfo=UTC)
    amounts = [10.0] * 87 + [9.0, 6.0, 1.0]
    made = forecast_of(days(date(2026, 1, 31), amounts), known_at)
    total = made.month(made.of(Level.TOTAL)[0])
    # Then what is booked is the final days, and three late days are forecast
    assert total.booked == pytest.approx(270.0)
    assert total.mean == pytest.approx(300.0)
    assert total.mean - made.total(total.node, date(2026, 4, 28), date(2026, 4, 30)).mean == pytest.approx(270.0)


@given(known=st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31)), history=st.integers(0, 60))  # noqa: DTZ001
def test_requirement_13_any_moment_and_any_history_gets_an_answer(known: datetime, history: int) -> None:
    known_at = known.replace(tzinfo=UTC)
    charges = days(known_at.date() - timedelta(days=history), [5.0] * (history + 1))
    made = forecast_of(charges, known_at)
    total = made.month(made.of(Level.TOTAL)[0])
    assert math.isfinite(total.mean)
    assert total.mean > 0
    assert made.total(total.node, known_at.date(), known_at.date() + timedelta(days=90)).mean > 0


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        last_final_day(datetime(2026, 4, 1))  # noqa: DTZ001


# --- requirement 15: short histories --------------------------------------------------------------------------------


def test_requirement_15_short_histories_get_an_answer_a_named_method_and_a_wider_interval() -> None:
    known_at, widths, methods = datetime(2026, 4, 24, 12, tzinfo=UTC), {}, {}
    for history in (3, 10, 20, 90):
        amounts = [100.0 + number % 3 for number in range(history + 3)]
        made = forecast_of(days(date(2026, 4, 21) - timedelta(days=history - 1), amounts), known_at)
        total = made.total(made.of(Level.SERIES)[0], date(2026, 4, 22), date(2026, 4, 30))
        assert total.mean == pytest.approx(9 * 101, rel=0.02)
        widths[history] = total.intervals[0].upper - total.intervals[0].lower
        methods[history] = total.node.method
    assert widths[3] > widths[10] > widths[20] > widths[90]
    assert "3 days of history, no weekday profile" in methods[3]
    assert "10 days of history, no weekday profile" in methods[10]
    assert "20 days of history" in methods[20]
    assert "days of history" not in methods[90]


def test_a_series_that_began_yesterday_is_forecast_from_its_provisional_days() -> None:
    known_at = datetime(2026, 4, 2, 12, tzinfo=UTC)
    made = forecast_of(days(date(2026, 4, 1), [40.0, 30.0]), known_at)
    assert made.month(made.of(Level.SERIES)[0]).mean > 900


def test_no_charge_at_all_is_a_forecast_without_nodes() -> None:
    assert forecast_of([], datetime(2026, 4, 2, tzinfo=UTC)).nodes == ()


# --- requirement 1: late days -------------------------------------------------------------------------------------


def test_requirement_1_late_days_move_the_forecast_by_less_than_one_percent() -> None:
    # Given the simulated bills of 8 accounts, on the 12th
    known_at = datetime(2026, 5, 12, 12, tzinfo=UTC)
    charges = simulate_spend(3, 8, 3, date(2026, 3, 1), 73)
    complete = forecast_of(charges, known_at)
    # When the last three days are there at 100%, 90% and 60%, and as little as at 10%
    for seen in ((0.9, 0.6, 0.6), (0.5, 0.1, 0.0)):
        late = dict(zip((date(2026, 5, 10), date(2026, 5, 11), date(2026, 5, 12)), seen, strict=True))
        partly = [
            charge(
                each.key.day,
                float(each.effective) * late.get(each.key.day, 1.0),
                each.key.category,
                account=each.key.account,
                service=each.key.service,
                cost_center=each.key.cost_center,
            )
            for each in charges
        ]
        delayed = forecast_of(partly, known_at)
        # Then the month's total is forecast within one percent of what it is with complete days
        for node, other in zip(complete.of(Level.TOTAL), delayed.of(Level.TOTAL), strict=True):
            assert delayed.month(other).mean == pytest.approx(complete.month(node).mean, rel=0.01)


def test_requirement_1_what_is_known_of_a_late_day_is_a_lower_bound() -> None:
    known_at = datetime(2026, 4, 20, 12, tzinfo=UTC)
    made = forecast_of(days(date(2026, 2, 1), [10.0] * 78 + [400.0]), known_at)
    assert made.day(made.of(Level.SERIES)[0], date(2026, 4, 20)).mean == pytest.approx(400.0)
    assert made.month(made.of(Level.TOTAL)[0]).mean == pytest.approx(29 * 10 + 400)


# --- what moves a forecast, and what does not -----------------------------------------------------------------------


def test_requirement_8_fees_on_the_first_and_a_plan_paid_upfront_leave_the_forecast_alone() -> None:
    known_at = datetime(2026, 4, 10, 12, tzinfo=UTC)
    usage = days(date(2026, 1, 1), [10.0] * 100)
    bought = [
        charge(date(2026, month, 1), 900.0, category)
        for month in (2, 3, 4)
        for category in (ChargeCategory.PURCHASE, ChargeCategory.TAX)
    ]
    returned = [
        charge(date(2026, 4, 3), -9000.0, ChargeCategory.REFUND),
        charge(date(2026, 4, 2), 9000.0, correction=True),
    ]
    assert usage_series([*usage, *bought, *returned], known_at) == usage_series(usage, known_at)


def test_a_day_that_was_not_delivered_takes_the_same_weekday_of_the_week_before() -> None:
    known_at = datetime(2026, 3, 31, 12, tzinfo=UTC)
    week = [10.0, 11.0, 12.0, 13.0, 14.0, 3.0, 2.0]
    charges = [each for each in days(date(2026, 1, 5), week * 12) if each.key.day != date(2026, 3, 18)]
    (series,) = usage_series(charges, known_at)
    assert series.between(date(2026, 3, 18), date(2026, 3, 18)) == 12.0


def test_currencies_are_never_added() -> None:
    known_at = datetime(2026, 4, 10, 12, tzinfo=UTC)
    charges = days(date(2026, 1, 1), [10.0] * 100)
    crowns = [replace(each, key=replace(each.key, currency="NOK")) for each in charges]
    made = forecast_of([*charges, *crowns], known_at)
    assert [node.key.currency for node in made.of(Level.TOTAL)] == ["NOK", "USD"]


@pytest.mark.parametrize("reconciliation", ["bottom_up", "top_down", "mean"])
def test_requirement_30_parts_add_up_at_every_level(reconciliation: str) -> None:
    known_at = datetime(2026, 5, 12, 12, tzinfo=UTC)
    charges = simulate_spend(5, 6, 3, date(2026, 3, 1), 73)
    made = forecast_of(charges, known_at, SpendPolicy.model_validate({"reconciliation": reconciliation}))
    whole = made.month(made.of(Level.TOTAL)[0])
    for level in (Level.SERIES, Level.ACCOUNT, Level.COST_CENTER):
        parts = [made.month(node) for node in made.of(level)]
        assert sum(each.mean for each in parts) == pytest.approx(whole.mean)
        assert sum(each.booked for each in parts) == pytest.approx(whole.booked)
    # And so do days
    day = date(2026, 5, 20)
    assert sum(made.day(node, day).mean for node in made.of(Level.SERIES)) == pytest.approx(
        made.day(whole.node, day).mean
    )


@settings(max_examples=10)
@given(factor=st.floats(0.5, 1000))
def test_requirement_30_scaling_a_series_scales_its_forecast(factor: float) -> None:
    amounts = [100.0 + 30 * (number % 7 == 0) + number % 5 for number in range(60)]
    known_at, last = datetime(2026, 4, 10, 12, tzinfo=UTC), date(2026, 4, 7)

    def made(scaled: float) -> SpendForecast:
        series = SpendSeries(KEY, last, tuple(amount * scaled for amount in amounts))
        return forecast_spend([series], known_at)

    plain, larger = made(1.0), made(factor)
    one, other = plain.month(plain.nodes[0]), larger.month(larger.nodes[0])
    assert other.mean == pytest.approx(one.mean * factor)
    assert other.intervals[1].upper == pytest.approx(one.intervals[1].upper * factor)


def test_a_forecast_that_is_asked_too_far_says_so() -> None:
    made = forecast_of(days(date(2026, 1, 1), [10.0] * 100), datetime(2026, 4, 10, 12, tzinfo=UTC))
    with pytest.raises(ValueError, match="ends before 2027-01-01"):
        made.total(made.nodes[0], date(2026, 12, 1), date(2027, 1, 1))


def test_the_default_says_that_there_is_no_model() -> None:
    assert list(DEFAULT_GRID) == sorted(DEFAULT_GRID)
    made = forecast_of(days(date(2026, 1, 1), [10.0] * 100), datetime(2026, 4, 10, 12, tzinfo=UTC))
    assert made.nodes[0].method.endswith("default recipe, no approved model")
