"""When the watchdog sends alerts about a finding, and their text."""

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


def watch(runs: list[bool], *, confirms: bool = True) -> list[list[Stage]]:
    """Alerts of each run, five minutes apart, for a finding that is present or not."""
    incidents: tuple[Incident, ...] = ()
    sent: list[list[Stage]] = []
    for number, broken in enumerate(runs):
        incidents = follow([BROKEN] if broken else [], incidents, POLICY, NOW + number * LOOK)
        pending = alerts(incidents)
        sent.append([each.kind for each in pending])
        if confirms:
            confirmed = confirm(incidents, pending)
            keys_ = {(each.incident_key, each.opened_at) for each in confirmed}
            incidents = (*(i for i in incidents if (i.incident_key, i.opened_at) not in keys_), *confirmed)
        incidents = tuple(each for each in incidents if each.notified_stage is not Stage.CLOSED)
    return sent


def test_one_alert_an_incident_and_an_all_clear() -> None:
    assert watch([True, True, True, False, False, False]) == [[Stage.OPENED], [], [], [], [Stage.CLOSED], []]


def test_what_flickers_is_one_incident() -> None:
    assert watch([True, False, True, False, True]) == [[Stage.OPENED], [], [], [], []]


def test_what_lasts_is_told_once_more() -> None:
    sent = watch([True] * 40 + [False] * 2)
    assert [stage for each in sent for stage in each] == [Stage.OPENED, Stage.ESCALATED, Stage.CLOSED]
    assert sent[24] == [Stage.ESCALATED]  # after two hours


def test_what_comes_back_is_a_new_incident() -> None:
    sent = watch([True, False, False, False, True])
    assert sent == [[Stage.OPENED], [], [Stage.CLOSED], [], [Stage.OPENED]]


def test_what_was_not_confirmed_is_told_again() -> None:
    assert watch([True, True], confirms=False) == [[Stage.OPENED], [Stage.OPENED]]


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
def test_openings_and_all_clears_take_turns(runs: list[bool]) -> None:
    stages = [stage for sent in watch(runs) for stage in sent if stage is not Stage.ESCALATED]
    assert stages == [Stage.OPENED, Stage.CLOSED] * (len(stages) // 2) + [Stage.OPENED] * (len(stages) % 2)
