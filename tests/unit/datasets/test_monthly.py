"""Frequencies, and how each becomes month ends."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.datasets.domain.monthly import month_end, month_of, month_text, parse_month, to_months
from bellwether.datasets.domain.series import Aggregation, Frequency, frequency_of, infer_frequency
from bellwether.datasets.domain.series_catalogue import CATALOGUE, FETCHED, catalogue_sha256, spec_of

DAILY, WEEKLY, MONTHLY, QUARTERLY = Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY, Frequency.QUARTERLY
MEAN, LAST, SUM = Aggregation.MEAN, Aggregation.LAST, Aggregation.SUM


def every(days: int, *, start: date = date(2020, 1, 1), count: int = 30) -> list[date]:
    return [start + timedelta(days=days * number) for number in range(count)]


def weekdays(start: date, end: date) -> list[date]:
    days = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    return [day for day in days if day.weekday() < 5]


def months(values: dict[date, float | None], frequency: Frequency, aggregation: Aggregation = MEAN) -> dict[str, float]:
    return {month_text(month): value for month, value in to_months(values, frequency, aggregation).items()}


# --- frequency ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (every(1), DAILY),
        (weekdays(date(2020, 1, 1), date(2020, 3, 1)), DAILY),
        (every(7), WEEKLY),
        ([date(2020, month, 1) for month in range(1, 13)], MONTHLY),
        ([date(2020, month, 1) for month in (1, 2, 3, 7, 8, 9, 10)], MONTHLY),
        ([date(year, month, 1) for year in (2019, 2020) for month in (1, 4, 7, 10)], QUARTERLY),
        ([date(year, 1, 1) for year in range(2000, 2010)], None),
        ([date(2020, 1, 1)], None),
    ],
)
def test_the_usual_gap_tells_the_frequency(days: list[date], expected: Frequency | None) -> None:
    assert infer_frequency(days[::-1]) is expected


def test_dates_win_over_the_catalogue_unless_they_are_too_few() -> None:
    # Given the daily federal funds rate as FRED also gives it: monthly means
    by_month = [date(2020, month, 1) for month in range(1, 13)]
    assert frequency_of(spec_of("DFF"), by_month) is MONTHLY
    # Three dates say less than the catalogue does
    assert frequency_of(spec_of("DFF"), by_month[:3]) is DAILY
    # An unknown series has nothing but its dates
    assert frequency_of(spec_of("SOMETHING"), by_month[:3]) is MONTHLY
    assert frequency_of(spec_of("SOMETHING"), by_month[:1]) is MONTHLY
    assert frequency_of(spec_of("SOMETHING"), [date(2019, 1, 1), date(2020, 1, 1)]) is None


# --- month ends -----------------------------------------------------------------------------------------------------


@given(st.dates())
def test_month_arithmetic(day: date) -> None:
    month = month_of(day)
    assert month_end(month).replace(day=1) == day.replace(day=1)
    assert parse_month(month_text(month)) == month
    assert day <= month_end(month)


def test_a_monthly_figure_belongs_to_the_month_of_its_date() -> None:
    values = {date(2020, 1, 1): 3.5, date(2020, 2, 1): None, date(2020, 3, 31): 4.4}
    assert months(values, MONTHLY) == {"2020-01": 3.5, "2020-03": 4.4}


@pytest.mark.parametrize("month", [1, 2, 3])
def test_a_quarterly_figure_stands_at_the_quarters_last_month_and_only_there(month: int) -> None:
    assert months({date(2020, month, 1): 19000.0}, QUARTERLY) == {"2020-03": 19000.0}


def test_daily_figures_count_for_complete_months_only() -> None:
    # Given weekdays from the middle of January to the last weekday but one of March
    values: dict[date, float | None] = dict.fromkeys(weekdays(date(2020, 1, 13), date(2020, 3, 30)), 1.0)
    # When they are aggregated, then January and March are missing
    assert months(values, DAILY) == {"2020-02": 1.0}
    # And March is there as soon as its last weekday is
    values[date(2020, 3, 31)] = 1.0
    assert months(values, DAILY) == {"2020-02": 1.0, "2020-03": 1.0}


def test_a_month_that_ends_with_a_weekend_is_complete_on_friday() -> None:
    # 29 and 30 November 2025 are a weekend
    values: dict[date, float | None] = dict.fromkeys(weekdays(date(2025, 11, 3), date(2025, 11, 28)), 2.0)
    assert months(values, DAILY) == {"2025-11": 2.0}


def test_a_holiday_row_without_a_figure_completes_its_month() -> None:
    # Given March 2024, whose last weekday is Good Friday: FRED has a row without a figure
    values: dict[date, float | None] = dict.fromkeys(weekdays(date(2024, 3, 1), date(2024, 3, 28)), 4.2)
    assert months(values, DAILY) == {}
    values[date(2024, 3, 29)] = None
    assert months(values, DAILY) == {"2024-03": 4.2}


def test_a_weekly_series_ends_with_its_last_complete_month() -> None:
    # Given Mondays from 6 January to 24 February 2020: the next one is in March
    mondays = every(7, start=date(2020, 1, 6), count=8)
    values: dict[date, float | None] = {day: float(day.day) for day in mondays}
    assert months(values, WEEKLY) == {"2020-01": (6 + 13 + 20 + 27) / 4, "2020-02": (3 + 10 + 17 + 24) / 4}
    # Without the last one February is not complete; without the first January is not
    assert list(months(dict(list(values.items())[1:-1]), WEEKLY)) == []


def test_aggregation_rules() -> None:
    values: dict[date, float | None] = {
        day: float(n) for n, day in enumerate(weekdays(date(2020, 1, 1), date(2020, 1, 31)))
    }
    n = len(values)
    assert months(values, DAILY, MEAN) == {"2020-01": (n - 1) / 2}
    assert months(values, DAILY, LAST) == {"2020-01": n - 1}
    assert months(values, DAILY, SUM) == {"2020-01": n * (n - 1) / 2}


def test_a_month_with_too_few_figures_is_missing() -> None:
    # Given three months, with 8 of February's 20 weekdays, and 18 of March's 22
    days = weekdays(date(2020, 1, 1), date(2020, 3, 31))
    february = [day for day in days if day.month == 2]
    march = [day for day in days if day.month == 3]
    gone = {*february[5:17], *march[5:9]}
    values: dict[date, float | None] = {day: 1.0 for day in days if day not in gone}
    # A mean needs half of them, a sum nearly all
    assert list(months(values, DAILY, MEAN)) == ["2020-01", "2020-03"]
    assert list(months(values, DAILY, SUM)) == ["2020-01"]


@given(
    st.dictionaries(st.dates(date(2015, 1, 1), date(2020, 12, 31)), st.floats(-1e6, 1e6) | st.none(), max_size=60),
    st.sampled_from(list(Frequency)),
    st.sampled_from([MEAN, LAST]),
)
def test_a_months_value_lies_among_that_periods_figures(
    values: dict[date, float | None], frequency: Frequency, aggregation: Aggregation
) -> None:
    for month, value in to_months(values, frequency, aggregation).items():
        span = 3 if frequency is QUARTERLY else 1
        figures = [v for d, v in values.items() if v is not None and month - span < month_of(d) <= month]
        assert min(figures) - 1e-6 <= value <= max(figures) + 1e-6


@given(
    st.lists(st.floats(0, 100), min_size=40, max_size=90),
    st.integers(0, 40),
    st.sampled_from([DAILY, WEEKLY]),
)
def test_figures_of_later_months_never_change_an_earlier_one(
    figures: list[float], cut: int, frequency: Frequency
) -> None:
    """A value, once there, was computed from its own month: what follows moves nothing (no look-ahead)."""
    step = 1 if frequency is DAILY else 7
    days = every(step, start=date(2020, 1, 1), count=len(figures))
    whole: dict[date, float | None] = dict(zip(days, figures, strict=True))
    short = dict(list(whole.items())[: len(whole) - cut])
    before, after = to_months(short, frequency, MEAN), to_months(whole, frequency, MEAN)
    assert all(after[month] == value for month, value in before.items())


def test_a_month_that_ends_on_a_saturday_is_over_on_friday_only_for_who_rests_on_weekends() -> None:
    # Given figures up to Friday, the 28th of February 2020, of a market and of what is counted every day
    market = {day: 1.0 for day in every(1, start=date(2020, 2, 3), count=26) if day.weekday() < 5}
    counted = dict.fromkeys(every(1, start=date(2020, 2, 1), count=28), 1.0)
    # Then the market's month is over, and the other's has a day to go
    assert len(to_months(market, DAILY, MEAN)) == 1
    assert to_months(counted, DAILY, MEAN) == {}


# --- catalogue ------------------------------------------------------------------------------------------------------


def test_the_catalogue_is_consistent() -> None:
    identifiers = [spec.series.upper() for spec in CATALOGUE]
    assert len(identifiers) == len(set(identifiers))
    assert all(spec.minimum < spec.maximum and 1 <= spec.tcode <= 7 and spec.unit and spec.title for spec in CATALOGUE)
    assert all(spec_of(series).known for series in FETCHED)
    assert len(FETCHED) == len(set(FETCHED))
    assert len(catalogue_sha256()) == 64


def test_identifiers_are_found_whatever_their_case_and_unknown_ones_are_marked() -> None:
    assert spec_of("claimsX").series == "CLAIMSx"
    unknown = spec_of("brandNew")
    assert (unknown.series, unknown.known, unknown.tcode, unknown.publication_lag_months) == ("brandNew", False, 1, 2)
    assert unknown.admits(-1e300)
