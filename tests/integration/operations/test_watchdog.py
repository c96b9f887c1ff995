"""The watchdog over PostgreSQL: a probe that fails does not stop the others."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from bellwether.operations.adapters import postgres_incidents
from bellwether.operations.adapters.postgres_incidents import PostgresIncidents
from bellwether.operations.domain.incidents import WatchPolicy
from bellwether.operations.usecases.run_watchdog import WatchdogReport, run_watchdog
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.probes import Failure, Probe
from tests.fakes.dispatch import NOW


@dataclass(frozen=True)
class FixedClock:
    at: datetime

    def now(self) -> datetime:
        return self.at


def probe(key: str, query: str, message: str = "found") -> Failure:
    return Failure(key=key, subject=key, message=message, query=query)


WORKING = probe("failed:working", "SELECT 1 AS n")


def run(database: Database, *probes: Probe, minutes: int = 0) -> WatchdogReport:
    clock = FixedClock(NOW + timedelta(minutes=minutes))
    return run_watchdog(probes, store=PostgresIncidents(database), clock=clock, policy=WatchPolicy())


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (probe("failed:broken", "SELECT * FROM no_such_table"), "no_such_table"),
        (probe("failed:broken", "SELECT 1 / 0 AS n"), "division by zero"),
        (probe("failed:broken", "SELECT pg_sleep(60)"), "statement timeout"),
        (probe("failed:broken", "SELECT 1 AS n", message="{no_such_column}"), "no_such_column"),
    ],
    ids=["unknown table", "failing query", "slow query", "unknown column"],
)
def test_a_failing_probe_is_an_incident_and_the_others_run(
    database: Database, broken: Failure, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_incidents, "PROBE_TIMEOUT", "200ms")
    # Given a probe that fails, between two that work
    report = run(database, probe("failed:first", "SELECT 1 AS n"), broken, WORKING)
    # Then its failure is an incident that names it, beside the findings of the others
    alerts = {each.incident_key: each for each in report.alerts}
    assert alerts.keys() == {"failed:first", "probe:failed:broken", "failed:working"}
    assert "failed:broken" in alerts["probe:failed:broken"].subject
    assert reason in alerts["probe:failed:broken"].message
    # And the incident closes when the probe works again
    run(database, WORKING, minutes=5)
    closed = run(database, WORKING, minutes=10)
    assert "probe:failed:broken" in {each.incident_key for each in closed.alerts if each.kind == "closed"}


def test_a_failing_probe_closes_no_incident(database: Database) -> None:
    run(database, WORKING)
    report = run(database, probe(WORKING.key, "SELECT 1 / 0 AS n"), minutes=30)
    assert (report.open, {each.kind for each in report.alerts}) == (2, {"opened"})
