"""What the watchdog finds, and whom it tells when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.operations.domain.watch import (
    SUBJECT_LENGTH,
    Finding,
    Incident,
    Sighting,
    Stage,
    Table,
    WatchPolicy,
    alerts,
    confirm,
    find,
    follow,
)
from bellwether.trading.domain.book import Control
from bellwether.trading.domain.market_calendar import MarketHours
from tests.fakes.dispatch import NOW, OPENED

POLICY = WatchPolicy()
LOOK = timedelta(minutes=5)


def a_sighting(**changes: Any) -> Sighting:
    """All is well."""
    given: dict[str, Any] = {
        "watched_since": NOW - timedelta(days=30),
        "newest": {
            Table.FEEDS: NOW - timedelta(minutes=1),
            Table.STORIES: NOW - timedelta(minutes=10),
            Table.BARS: NOW - timedelta(minutes=8),
        },
        "feeds": 6,
    }
    return Sighting(**(given | changes))


def keys(sighting: Sighting, now: datetime = NOW, policy: WatchPolicy = POLICY) -> list[str]:
    return [each.incident_key for each in find(sighting, policy, now)]


# --- findings --------------------------------------------------------------------------------------------------------


def test_nothing_is_found_when_all_is_well() -> None:
    assert keys(a_sighting()) == []


@pytest.mark.parametrize(
    ("table", "age", "stale"),
    [
        (Table.FEEDS, timedelta(minutes=20), False),
        (Table.FEEDS, timedelta(minutes=21), True),
        (Table.STORIES, timedelta(hours=12), False),
        (Table.STORIES, timedelta(hours=13), True),
        (Table.BARS, timedelta(minutes=25), False),
        (Table.BARS, timedelta(minutes=26), True),
    ],
)
def test_each_table_has_an_expectation_of_its_own(table: Table, age: timedelta, stale: bool) -> None:
    sighting = a_sighting()
    seen = replace(sighting, newest={**sighting.newest, table: NOW - age})
    assert keys(seen) == ([f"stale:{table}"] if stale else [])


def test_bars_are_not_missed_while_the_market_is_closed() -> None:
    # Given Friday's last bar
    last = datetime(2026, 2, 27, 20, 55, tzinfo=UTC)
    sighting = a_sighting(newest={Table.BARS: last}, feeds=0)
    # Then nothing is missing at the weekend, nor as the market opens, but after some time of trading
    assert keys(sighting, datetime(2026, 3, 1, 12, tzinfo=UTC)) == []
    assert keys(sighting, OPENED + timedelta(minutes=20)) == []
    assert keys(sighting, OPENED + timedelta(minutes=21)) == ["stale:lane_telemetry"]
    # And where any hour is one of trading, it is missed at once
    always = replace(POLICY, market_hours=MarketHours.ALWAYS)
    assert keys(sighting, last + timedelta(minutes=26), always) == ["stale:lane_telemetry"]


def test_beyond_the_calendar_time_is_time() -> None:
    sighting = a_sighting(newest={}, feeds=0)
    assert keys(sighting, datetime(2050, 1, 1, tzinfo=UTC)) == ["stale:lane_telemetry"]


def test_a_new_installation_has_time_to_begin() -> None:
    fresh = Sighting(watched_since=NOW - timedelta(minutes=19), feeds=3)
    assert keys(fresh) == []
    assert keys(fresh, NOW + timedelta(minutes=2)) == ["stale:feed_state"]


def test_without_feeds_nothing_can_arrive() -> None:
    assert keys(a_sighting(newest={Table.BARS: NOW}, feeds=0)) == []


@pytest.mark.parametrize(
    ("table", "age", "behind"),
    [
        (Table.LABELS, timedelta(minutes=45), False),
        (Table.LABELS, timedelta(minutes=46), True),
        (Table.RECOMMENDATIONS, timedelta(minutes=11), True),
        (Table.EXECUTIONS, timedelta(minutes=21), True),
    ],
)
def test_work_that_waits_too_long_is_a_backlog(table: Table, age: timedelta, behind: bool) -> None:
    seen = a_sighting(oldest={table: NOW - age}, waiting={table: 7})
    assert keys(seen) == ([f"backlog:{table}"] if behind else [])


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"orders_in_trouble": 1, "last_trouble": "AAPL: no"}, ["failed:dispatch_executions"]),
        ({"feeds_failing": 2}, []),
        ({"feeds_failing": 3}, ["failed:feed_state"]),
        ({"stories_set_aside": 1}, ["failed:inbound_events_classified"]),
        ({"control": Control(True, "me", "why not", NOW)}, ["kill_switch:manual"]),
        ({"control": Control(False, "me", "go", NOW)}, []),
    ],
)
def test_what_is_broken_is_found(changes: dict[str, Any], found: list[str]) -> None:
    assert keys(a_sighting(**changes)) == found


# --- incidents -------------------------------------------------------------------------------------------------------

BROKEN = Finding("stale:x", "x is stale", "x is stale, look at y")


def watch(looks: list[bool], *, tells: bool = True) -> list[list[Stage]]:
    """What is told at each look, five minutes apart, when the finding is there or not."""
    incidents: tuple[Incident, ...] = ()
    told: list[list[Stage]] = []
    for number, broken in enumerate(looks):
        incidents = follow([BROKEN] if broken else [], incidents, POLICY, NOW + number * LOOK)
        untold = alerts(incidents)
        told.append([each.kind for each in untold])
        if tells:
            confirmed = confirm(incidents, untold)
            keys_ = {(each.incident_key, each.opened_at) for each in confirmed}
            incidents = (*(i for i in incidents if (i.incident_key, i.opened_at) not in keys_), *confirmed)
        incidents = tuple(each for each in incidents if each.told is not Stage.CLOSED)
    return told


def test_one_alert_an_incident_and_an_all_clear() -> None:
    assert watch([True, True, True, False, False, False]) == [[Stage.OPENED], [], [], [], [Stage.CLOSED], []]


def test_what_flickers_is_one_incident() -> None:
    assert watch([True, False, True, False, True]) == [[Stage.OPENED], [], [], [], []]


def test_what_lasts_is_told_once_more() -> None:
    told = watch([True] * 40 + [False] * 2)
    assert [stage for each in told for stage in each] == [Stage.OPENED, Stage.ESCALATED, Stage.CLOSED]
    assert told[24] == [Stage.ESCALATED]  # after two hours


def test_what_comes_back_is_a_new_incident() -> None:
    told = watch([True, False, False, False, True])
    assert told == [[Stage.OPENED], [], [Stage.CLOSED], [], [Stage.OPENED]]


def test_what_was_not_confirmed_is_told_again() -> None:
    assert watch([True, True], tells=False) == [[Stage.OPENED], [Stage.OPENED]]


def test_a_mail_says_what_and_since_when() -> None:
    (alert,) = alerts(follow([BROKEN], (), POLICY, NOW))
    assert alert.subject == "Bellwether: x is stale"
    assert "look at y" in alert.message
    assert "2026-03-02 16:00 UTC" in alert.message


@given(st.text(min_size=1, max_size=300))
def test_any_subject_fits_into_a_mail(subject: str) -> None:
    printable = "".join(letter if letter.isprintable() else " " for letter in subject)
    (alert,) = alerts(follow([Finding("k", printable, "m")], (), POLICY, NOW))
    assert len(alert.subject) <= SUBJECT_LENGTH


@given(st.lists(st.booleans(), max_size=80))
def test_openings_and_all_clears_take_turns(looks: list[bool]) -> None:
    stages = [stage for told in watch(looks) for stage in told if stage is not Stage.ESCALATED]
    assert stages == [Stage.OPENED, Stage.CLOSED] * (len(stages) // 2) + [Stage.OPENED] * (len(stages) % 2)
