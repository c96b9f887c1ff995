"""Claims and labels in a real PostgreSQL: with the functions' rights, by many processes, some of them killed."""

import random
import select
import signal
import subprocess
import sys
import time
from typing import NamedTuple, Self

import pytest

from bellwether.news.adapters.postgres_stories import PostgresStories
from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import InvalidInputError
from tests.fakes.stories import story
from tests.fakes.story_queue_suite import StoryQueueSuite, claim, label, results
from tests.integration.conftest import Server
from tests.integration.news.stories.conftest import PostgresWorld
from tests.waiting import LIMIT_SECONDS, wait_for

PROCESSES, STORIES, KILLS = 16, 1500, 16


class TestPostgresStories(StoryQueueSuite):
    """The suite, over the fixture of the same name."""


def test_a_claim_reads_the_index_of_those_that_wait(world: PostgresWorld) -> None:
    # Given many stories that are done and a few that wait
    with world.database.transaction() as connection:
        world.add([story(number) for number in range(3000)])
    with world.database.transaction() as connection:
        connection.execute("UPDATE inbound_events_raw SET processed_at = now() WHERE event_uid < %s", (f"{2990:032x}",))
    # When one looks for the oldest; Then the plan is the partial index, in its order
    with world.database.transaction() as connection:
        plan = connection.execute(
            """
            EXPLAIN (COSTS OFF) SELECT event_uid FROM inbound_events_raw
            WHERE processed_at IS NULL AND set_aside_at IS NULL AND attempts < 5
                AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
            ORDER BY first_seen_at, event_uid LIMIT 300 FOR UPDATE SKIP LOCKED
            """
        ).fetchall()
    assert "inbound_events_raw_waiting" in "\n".join(str(row[0]) for row in plan)


def test_claimers_at_the_same_moment_take_different_stories_and_wait_for_nobody(
    world: PostgresWorld, migrated: DatabaseLogin
) -> None:
    # Given a claim that is not committed yet
    stories = [story(number) for number in range(6)]
    world.add(stories)
    with connect(migrated, sslmode="prefer") as other, other.transaction():
        other.execute("SELECT FROM inbound_events_raw WHERE event_uid <= %s FOR UPDATE", (stories[2].event_uid,))
        # When another one claims; Then it takes the next ones at once
        impatient = Database(lambda: migrated, sslmode="prefer", statement_timeout_seconds=20)
        assert claim(PostgresStories(impatient), limit=3) == tuple(stories[3:])
        assert PostgresStories(impatient).give_up(1) == 0
        impatient.close()


def test_a_batch_of_twenty_thousand_is_stored_in_one_go(world: PostgresWorld) -> None:
    # Given a claim as large as they get
    stories = [story(number) for number in range(20_000)]
    world.add(stories)
    began = time.process_time()
    claimed = claim(world.queue, limit=20_000)
    # When its labels are stored
    settled = world.queue.settle(results([label(each, "AAPL") for each in claimed]), attempts_most=5)
    # Then they all are, with less processor time than the function has
    assert settled.stored == 20_000
    assert time.process_time() - began < 15


def test_a_label_that_the_schema_refuses_takes_nothing_along(world: PostgresWorld) -> None:
    world.add([story(1)])
    (one,) = claim(world.queue)
    strange = label(one).model_copy(update={"label": "sad"})
    with pytest.raises(InvalidInputError):
        world.queue.settle(results([strange]), attempts_most=5)
    assert world.queue.held(results().claim_token) == (one,)


# --- many at once ----------------------------------------------------------------------------------------------------

_CLASSIFIER = """
import sys, time, random
from uuid import uuid4
from bellwether.shared.adapters.postgres import Database
from bellwether.news.adapters.postgres_stories import PostgresStories
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import TransientUpstreamError
from tests.fakes.story_queue_suite import label, results

login = DatabaseLogin.model_validate_json(sys.argv[1])
queue = PostgresStories(Database(lambda: login, sslmode="prefer"))
while True:
    try:
        token = uuid4()
        claimed = queue.claim(token, limit=random.randint(1, 8), lease_seconds=1, attempts_below=10**6)
        time.sleep(random.random() / 10)
        queue.settle(results([label(each) for each in claimed], token=token), attempts_most=10**6)
        if claimed:
            print("worked", flush=True)
    except TransientUpstreamError:
        time.sleep(0.05)
"""


def test_sixteen_classifiers_lose_and_repeat_nothing_though_they_are_killed(
    world: PostgresWorld, migrated: DatabaseLogin, owner: DatabaseLogin, server: Server
) -> None:
    # Given stories, a trigger that notes each label that is written, and sixteen processes at work
    world.add([story(number) for number in range(STORIES)])
    _note_labels(owner)
    with _Crew(migrated) as crew:
        # When some are killed at any moment, others take their place, and the database is restarted in between
        for number in range(KILLS):
            crew.kill_one_at_work()
            if number == KILLS // 2:
                server.restart()
        # And they work until everything has its label
        wait_for(lambda: _counts(world).processed == STORIES, "every story has its label")
    # Then each story has one label, which was written once
    counts = _counts(world)
    assert (counts.labels, counts.processed, counts.written, counts.held) == (STORIES, STORIES, STORIES, 0)
    # And claims did get lost on the way, and came back
    assert counts.lost_claims > 0


class _Crew:
    """Processes that classify; whoever is killed is replaced."""

    def __init__(self, login: DatabaseLogin) -> None:
        self._login = login
        self._dice = random.Random(7)  # noqa: S311 - who is killed
        self._workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._workers = [self._start() for _ in range(PROCESSES)]
        for worker in self._workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"worked\n"
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            self._kill(worker)

    def kill_one_at_work(self) -> None:
        """Kill one of those that have done something, and start another."""
        self._dice.shuffle(self._workers)
        pipes = {worker.stdout: place for place, worker in enumerate(self._workers) if worker.stdout is not None}
        ready, _, _ = select.select(list(pipes), [], [], LIMIT_SECONDS)
        place = min(pipes[pipe] for pipe in ready)
        self._kill(self._workers[place])
        self._workers[place] = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        path = ":".join(entry for entry in sys.path if entry)
        command = [sys.executable, "-c", _CLASSIFIER, self._login.model_dump_json()]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": path})

    @staticmethod
    def _kill(worker: "subprocess.Popen[bytes]") -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        if worker.stdout is not None:
            worker.stdout.close()


def _note_labels(owner: DatabaseLogin) -> None:
    with connect(owner, sslmode="prefer") as connection:
        connection.execute("CREATE TABLE written (event_uid text)")
        connection.execute("GRANT SELECT, INSERT ON written TO PUBLIC")
        connection.execute(
            """
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO written VALUES (NEW.event_uid); RETURN NULL; END'
            """
        )
        connection.execute(
            """
            CREATE TRIGGER note AFTER INSERT OR UPDATE ON inbound_events_classified
            FOR EACH ROW EXECUTE FUNCTION note()
            """
        )


class _Counts(NamedTuple):
    labels: int
    processed: int
    written: int
    held: int
    lost_claims: int


def _counts(world: PostgresWorld) -> _Counts:
    with world.database.transaction() as connection:
        counted = connection.execute(
            """
            SELECT (SELECT count(DISTINCT event_uid) FROM inbound_events_classified),
                (SELECT count(*) FROM inbound_events_raw WHERE processed_at IS NOT NULL),
                (SELECT count(*) FROM written),
                (SELECT count(*) FROM inbound_events_raw WHERE claim_token IS NOT NULL),
                (SELECT sum(attempts) - count(*) FROM inbound_events_raw WHERE attempts > 0)
            """
        ).fetchone()
    assert counted is not None
    return _Counts(*counted)
