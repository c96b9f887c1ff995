"""The watchdog's probes of news over PostgreSQL: a dead feed is an incident of its own."""

from datetime import datetime, timedelta

import pytest

from bellwether.news.adapters.probes import DeadFeeds
from bellwether.operations.adapters.postgres_incidents import PostgresIncidents
from bellwether.operations.domain.incidents import WatchPolicy
from bellwether.operations.usecases.run_watchdog import WatchdogReport, run_watchdog
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.probes import Failure, Probe
from tests.feed_builders import NOON


class FixedClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def add_feed(
    database: Database, feed_id: str, *, days: float, failures: int = 0, retired: bool = False, ever: bool = True
) -> None:
    """A listed feed whose last success, or addition when it never had one, is so many days ago."""
    then = NOON - timedelta(days=days)
    with database.transaction() as connection:
        connection.execute(
            """
            INSERT INTO feed_state (feed_id, url, failures, last_error, last_success_at, retired_at, added_at)
            VALUES (%s, 'https://example.org/' || %s, %s, 'HTTP 503', %s, %s, %s)
            """,
            (feed_id, feed_id, failures, then if ever else None, then if retired else None, then),
        )


def watch(database: Database, *probes: Probe, at: datetime = NOON) -> WatchdogReport:
    return run_watchdog(
        probes or (DeadFeeds(),), store=PostgresIncidents(database), clock=FixedClock(at), policy=WatchPolicy()
    )


def test_each_dead_feed_is_an_incident_and_the_others_are_none(database: Database) -> None:
    # Given feeds that were read, that fail since yesterday, that wait, and two that are dead for days
    add_feed(database, "well", days=0)
    add_feed(database, "failing", days=1, failures=30)
    add_feed(database, "waiting", days=9)
    add_feed(database, "dead", days=4, failures=40)
    add_feed(database, "never-read", days=5, failures=40, ever=False)
    add_feed(database, "gone", days=6, retired=True)
    # When the watchdog looks
    alerts = {each.incident_key: each for each in watch(database).alerts}
    # Then each dead feed has its own incident, which says since when and why
    assert alerts.keys() == {"dead:feed_state:dead", "dead:feed_state:never-read", "dead:feed_state:gone"}
    dead = alerts["dead:feed_state:dead"]
    assert dead.subject == "Bellwether: Feed dead has not been read for 4 days"
    assert "failed 40 times in a row. Last success: 2026-02-26T12:00:00+00:00. Last error: HTTP 503." in dead.message
    assert "Last success: never" in alerts["dead:feed_state:never-read"].message
    assert "410 (gone)" in alerts["dead:feed_state:gone"].message


@pytest.mark.parametrize("cured", ["UPDATE feed_state SET failures = 0", "UPDATE feed_state SET listed = false"])
def test_the_incident_ends_when_the_feed_is_read_or_removed(database: Database, cured: str) -> None:
    add_feed(database, "dead", days=4, failures=40)
    add_feed(database, "other", days=4, failures=40)
    assert watch(database).open == 2
    with database.transaction() as connection:
        connection.execute(f"{cured} WHERE feed_id = 'dead'".encode())
    assert watch(database, at=NOON + timedelta(minutes=10)).open == 1
    # And a probe that fails ends none
    broken = Failure(key="dead:feed_state", subject="x", message="x", query="SELECT 1 / 0 AS n")
    assert watch(database, broken, at=NOON + timedelta(minutes=30)).open == 2  # the feed and the probe
