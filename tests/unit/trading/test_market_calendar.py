"""The table of sessions says what exchange_calendars says, and the functions read it right."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.market_calendar import (
    FIRST_DAY,
    LAST_DAY,
    is_open,
    last_sessions,
    open_time_between,
    session_at,
    session_on,
    sessions_between,
)
from samples.make_market_calendar import TARGET, library_sessions, module_text

instants = st.datetimes(datetime(2001, 1, 1), datetime(2031, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def test_every_session_is_that_of_the_library() -> None:
    theirs = [(day, opens, closes) for day, (opens, closes) in library_sessions(FIRST_DAY, LAST_DAY).items()]
    ours = [(each.day, each.opens_at, each.closes_at) for each in sessions_between(FIRST_DAY, LAST_DAY)]
    assert len(ours) > 8000
    assert ours == theirs


def test_the_table_is_what_its_script_makes() -> None:
    assert TARGET.read_text(encoding="utf-8") == module_text()


@pytest.mark.parametrize(
    ("instant", "open_then"),
    [
        ("2026-03-06T14:29:59Z", False),  # winter: opens at 14:30 UTC
        ("2026-03-06T14:30:00Z", True),
        ("2026-03-09T13:30:00Z", True),  # the Monday after clocks went forward
        ("2026-03-09T20:00:00Z", False),  # the close itself is no trading time
        ("2026-11-27T17:59:00Z", True),  # day after Thanksgiving: 13:00 in New York
        ("2026-11-27T18:00:00Z", False),
        ("2026-07-03T15:00:00Z", False),  # Independence Day, observed
        ("2026-03-07T15:00:00Z", False),  # a Saturday
    ],
)
def test_open_or_closed(instant: str, open_then: bool) -> None:
    assert is_open(datetime.fromisoformat(instant)) is open_then


@given(instants)
def test_a_session_that_goes_on_holds_its_instant(instant: datetime) -> None:
    session = session_at(instant)
    same_day = session_on(instant.date())
    assert session == (same_day if same_day and same_day.opens_at <= instant < same_day.closes_at else None)
    assert is_open(instant) is (session is not None)


@given(instants, st.integers(1, 8))
def test_last_sessions_have_opened_and_none_is_left_out(instant: datetime, count: int) -> None:
    found = last_sessions(instant, count)
    assert len(found) == count
    assert all(each.opens_at <= instant for each in found)
    assert found == tuple(sessions_between(found[0].day, found[-1].day))
    following = next(iter(sessions_between(found[-1].day + timedelta(days=1), date(2032, 1, 10))))
    assert following.opens_at > instant


def test_trading_time_skips_nights_and_weekends() -> None:
    # Given Friday, an hour before the close, and Monday, an hour after the open
    friday, monday = datetime(2026, 3, 13, 19, tzinfo=UTC), datetime(2026, 3, 16, 14, 30, tzinfo=UTC)
    assert open_time_between(friday, monday) == timedelta(hours=2)
    assert open_time_between(monday, friday) == timedelta(0)


@pytest.mark.parametrize("day", [FIRST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=1)])
def test_outside_its_years_the_table_says_so(day: date) -> None:
    with pytest.raises(InvalidInputError, match="make_market_calendar"):
        session_on(day)
