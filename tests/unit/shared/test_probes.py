"""What probes find in the rows of their queries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bellwether.shared.domain.clock_skew import CLOCK_SKEW
from bellwether.shared.domain.probes import Arrival, Backlog, Check, Failure, duration_text

NOW = datetime(2026, 3, 2, 16, tzinfo=UTC)
CHECK = Check(NOW, watched_since=NOW - timedelta(days=30), failures_since=NOW - timedelta(hours=1))
LIMIT = timedelta(minutes=20)
ARRIVAL = Arrival(table="feed_state", what="no feed was read", limit=LIMIT, query="")
BACKLOG = Backlog(table="labels", what="the oldest story waits", limit=LIMIT, query="")


@pytest.mark.parametrize(("age", "stale"), [(LIMIT, False), (LIMIT + timedelta(seconds=1), True)])
def test_an_arrival_is_late_after_its_limit(age: timedelta, stale: bool) -> None:
    found = list(ARRIVAL.find([{"newest": NOW - age}], CHECK))
    assert [each.incident_key for each in found] == (["stale:feed_state"] if stale else [])


def test_an_entry_from_the_future_does_not_count_as_fresh() -> None:
    # Given a newest entry that was written before the clock stepped back
    (found,) = ARRIVAL.find([{"newest": NOW + timedelta(hours=1)}], CHECK)
    assert found.incident_key == "stale:feed_state"
    assert "dated in the future" in found.subject
    # And one of a clock that is a little fast
    assert list(ARRIVAL.find([{"newest": NOW + CLOCK_SKEW}], CHECK)) == []


def test_nothing_is_late_where_nothing_is_expected() -> None:
    assert list(ARRIVAL.find([], CHECK)) == []


def test_a_new_installation_has_time_to_begin() -> None:
    assert list(ARRIVAL.find([{"newest": None}], replace(CHECK, watched_since=NOW - LIMIT))) == []
    (found,) = ARRIVAL.find([{"newest": None}], CHECK)
    assert found.subject == "feed_state is stale: no feed was read for 30 days"
    assert found.message.endswith("(limit 20 min). Newest entry: none.")


@pytest.mark.parametrize(("age", "late"), [(LIMIT, False), (LIMIT + timedelta(seconds=1), True), (None, False)])
def test_work_that_waits_too_long_is_a_backlog(age: timedelta | None, late: bool) -> None:
    found = list(BACKLOG.find([{"oldest": None if age is None else NOW - age, "waiting": 7}], CHECK))
    assert [each.incident_key for each in found] == (["backlog:labels"] if late else [])
    assert all(each.message.startswith("7 items wait") for each in found)


def test_each_row_of_a_failure_is_a_finding() -> None:
    probe = Failure(key="failed:x", subject="{n} failed", message="{n} failed within {window}: {why}", query="")
    (found,) = probe.find([{"n": 3, "why": "{n} is not a placeholder"}], CHECK)
    assert (found.subject, found.message) == ("3 failed", "3 failed within 60 min: {n} is not a placeholder")
    assert list(probe.find([], CHECK)) == []


@pytest.mark.parametrize(("hours", "text"), [(1, "60 min"), (2, "2 h"), (47, "47 h"), (48, "2 days")])
def test_durations_are_told_in_the_unit_that_fits(hours: int, text: str) -> None:
    assert duration_text(timedelta(hours=hours)) == text
