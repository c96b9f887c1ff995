"""Bars are checked, and missing ones are found against the calendar."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.bars import (
    Coverage,
    TelemetryPolicy,
    Timeframe,
    bar_starts,
    checked,
    floored,
    missing_ranges,
    plan_requests,
)
from bellwether.trading.domain.market_calendar import last_sessions, session_on
from tests.unit.trading.builders import FIVE_MINUTES, NOON, OPENS, bar

POLICY = TelemetryPolicy(sessions=2)


# --- one bar ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"high": Decimal(99)}, "highest"),
        ({"low": Decimal("100.01")}, "lowest"),
        ({"open": Decimal(102)}, "highest"),
        ({"close": Decimal("NaN")}, "price"),
        ({"low": Decimal(0)}, "price"),
        ({"high": Decimal("Infinity")}, "price"),
        ({"volume": -1}, "volume"),
        ({"ticker": "acme; drop"}, "ticker"),
    ],
)
def test_what_can_not_be_a_bar_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        checked(bar(**changes))


def test_a_bar_starts_on_its_slot_and_in_a_time_zone() -> None:
    with pytest.raises(InvalidInputError, match="multiple"):
        checked(bar(OPENS + timedelta(seconds=1)))
    with pytest.raises(InvalidInputError, match="zone"):
        checked(bar(OPENS.replace(tzinfo=None)))
    assert checked(bar()) == bar()


@given(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_flooring_finds_the_slot(instant: datetime) -> None:
    slot = floored(instant, Timeframe.FIVE_MINUTES)
    assert slot <= instant < slot + FIVE_MINUTES
    assert (slot.minute % 5, slot.second, slot.microsecond) == (0, 0, 0)


# --- gaps ------------------------------------------------------------------------------------------------------------


def test_a_session_has_its_bars() -> None:
    assert len(bar_starts(_session(date(2026, 3, 10)))) == 78
    # And fewer on the day after Thanksgiving
    assert len(bar_starts(_session(date(2026, 11, 27)))) == 42


def test_missing_bars_come_in_runs() -> None:
    starts = bar_starts(_session(date(2026, 3, 10)))
    present = [start for place, start in enumerate(starts) if place not in {0, 3, 4, 77}]
    assert missing_ranges(starts, present, Timeframe.FIVE_MINUTES) == (
        (starts[0], starts[1]),
        (starts[3], starts[5]),
        (starts[77], starts[77] + FIVE_MINUTES),
    )


@given(st.sets(st.integers(0, 77)))
def test_runs_hold_all_that_is_missing_and_nothing_else(there: set[int]) -> None:
    starts = bar_starts(_session(date(2026, 3, 10)))
    ranges = missing_ranges(starts, [starts[place] for place in there], Timeframe.FIVE_MINUTES)
    missing = {start for start in starts if any(first <= start < last for first, last in ranges)}
    assert missing == {start for place, start in enumerate(starts) if place not in there}


def test_a_new_ticker_is_filled_from_the_first_session_on() -> None:
    # Given two sessions, the second one going on
    sessions = last_sessions(NOON, 2)
    today, yesterday = plan_requests(["ACME", "BETA"], sessions, {}, NOON, POLICY)
    # Then yesterday is asked for whole and once, today up to the last finished bar that can be had
    assert (yesterday.start, yesterday.end) == (sessions[0].opens_at, sessions[0].closes_at)
    assert yesterday.settles
    assert (today.start, today.end, today.settles) == (OPENS, NOON - FIVE_MINUTES, False)
    assert yesterday.tickers == today.tickers == ("ACME", "BETA")


def test_what_was_asked_for_is_asked_again_for_half_an_hour_only() -> None:
    sessions = last_sessions(NOON, 2)
    coverage = {
        (sessions[0].day, "ACME"): Coverage(sessions[0].closes_at, settled=True),
        (sessions[1].day, "ACME"): Coverage(NOON - timedelta(minutes=10), settled=False),
    }
    (request,) = plan_requests(["ACME"], sessions, coverage, NOON, POLICY)
    assert (request.start, request.end) == (NOON - timedelta(minutes=40), NOON - FIVE_MINUTES)
    # And not before there can be a new bar
    coverage[sessions[1].day, "ACME"] = Coverage(request.end, settled=False)
    assert plan_requests(["ACME"], sessions, coverage, NOON + timedelta(seconds=10), POLICY) == ()


def test_a_session_is_settled_well_after_its_close() -> None:
    session = _session(date(2026, 3, 10))
    coverage = {(session.day, "ACME"): Coverage(session.closes_at, settled=False)}
    assert plan_requests(["ACME"], [session], coverage, session.closes_at + timedelta(minutes=44), POLICY) == ()
    (request,) = plan_requests(["ACME"], [session], coverage, session.closes_at + timedelta(minutes=45), POLICY)
    assert request.settles
    assert (request.start, request.end) == (session.opens_at, session.closes_at)


@given(st.integers(-30, 26 * 60), st.integers(-5, 400), st.booleans())
def test_repeating_the_plan_covers_each_session_without_a_hole(after: int, covered: int, settled: bool) -> None:
    # Given a session asked for up to some point
    session = _session(date(2026, 3, 10))
    until = floored(session.opens_at + timedelta(minutes=covered), Timeframe.FIVE_MINUTES)
    now = session.opens_at + timedelta(minutes=after)
    coverage = {(session.day, "ACME"): Coverage(until, settled=settled)}
    for request in plan_requests(["ACME"], [session], coverage, now, POLICY):
        # Then what is asked for leaves no hole, lies in the session, and has ended
        assert session.opens_at <= request.start <= max(until, session.opens_at)
        assert request.start < request.end <= min(session.closes_at, now)
        assert not settled


def test_what_a_run_has_no_budget_for_comes_first_in_the_next() -> None:
    # Given twice as many tickers as a run may ask for, once their session was filled
    tickers = [f"T{count}" for count in range(8)]
    policy = TelemetryPolicy(batch=1, max_bars=4 * 8)
    (session,) = last_sessions(NOON, 1)
    coverage = {(session.day, ticker): Coverage(NOON - FIVE_MINUTES, settled=False) for ticker in tickers}
    # When run follows run, every five minutes
    asked: list[set[str]] = []
    for run in range(4):
        now = NOON + run * FIVE_MINUTES + timedelta(seconds=30)
        requests = plan_requests(tickers, [session], coverage, now, policy)
        coverage |= {(session.day, each.tickers[0]): Coverage(each.end, settled=False) for each in requests}
        asked.append({each.tickers[0] for each in requests})
    # Then every ticker is asked for in two runs
    assert all(one | other == set(tickers) for one, other in pairwise(asked))


def test_a_plan_is_no_larger_than_its_budget_and_today_comes_first() -> None:
    # Given more to fill than fits into one run
    policy = TelemetryPolicy(batch=1, max_bars=78)
    sessions = last_sessions(NOON, 3)
    (first, second) = plan_requests(["ACME", "BETA"], sessions, {}, NOON, policy)
    # Then both tickers get today's bars before yesterday's are asked for
    assert (first.session_day, second.session_day) == (sessions[2].day, sessions[2].day)
    # And a budget too small for anything still gets ahead
    assert len(plan_requests(["ACME"], sessions, {}, NOON, TelemetryPolicy(max_bars=1))) == 1


def test_tickers_share_requests_up_to_a_batch() -> None:
    tickers = [f"T{count}" for count in range(250)]
    requests = plan_requests(tickers, [_session(date(2026, 3, 9))], {}, NOON, TelemetryPolicy(batch=100))
    assert [len(each.tickers) for each in requests] == [100, 100, 50]
    assert sorted(ticker for each in requests for ticker in each.tickers) == sorted(tickers)


def _session(day: date) -> Any:
    session = session_on(day)
    assert session
    return session
