"""When the watchdog tells people of a finding, and how."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bellwether.operations.domain.incidents import (
    SUBJECT_LENGTH,
    Incident,
    Stage,
    WatchPolicy,
    alerts,
    confirm,
    follow,
)
from bellwether.shared.domain.probes import Finding
from tests.fakes.dispatch import NOW

POLICY = WatchPolicy()
LOOK = timedelta(minutes=5)
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


def test_an_incident_stays_open_while_its_probe_fails() -> None:
    opened = follow([BROKEN], (), POLICY, NOW)
    later = NOW + 10 * LOOK
    assert follow([], opened, POLICY, later, unknown={BROKEN.incident_key}) == opened
    assert follow([], opened, POLICY, later)[0].closed_at == later


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
