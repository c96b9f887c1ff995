"""Many feeds in one stack: the run of a minute from claim to committed rows, and what it costs a month.

The documents are served over loopback by another process that waits like a publisher before it answers; the database is
the embedded Postgres. Each run is the code of the three functions: claim, fetch, store. Figures of a run are medians of
the runs after the first reading. Processor time stretches in Lambda: a function with 1769 MB has one processor.
Run: python -m bench.feeds [--feeds N] [--entries N] [--latency-ms MS] [--json]
"""

import argparse
import io
import json
import logging
import multiprocessing
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.adapters.feed_http import HttpFeedFetcher
from bellwether.news.adapters.postgres_feeds import PostgresFeeds
from bellwether.news.domain.feeds import ListedFeed
from bellwether.news.usecases.fetch_feeds import FetchPayload, fetch_feeds, pack_results, unpack_results
from bellwether.news.usecases.list_due_feeds import list_due_feeds
from bellwether.news.usecases.store_entries import store_entries
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.ports.objects import ObjectContent, ObjectStore
from bench.database import embedded_database
from bench.news import OUTPUT, SEED, generate
from localcloud.ports import LOOPBACK

# us-east-1, list prices of the page docs/costs.md, in US dollars
GB_SECOND_USD = 0.0000166667  # Lambda on x86
INVOCATION_USD = 0.20 / 1e6
EXPRESS_RUN_USD = 1.00 / 1e6
EXPRESS_GB_SECOND_USD = 0.00001667
EXPRESS_GB = 64 / 1024  # charged in steps of 64 MB
S3_WRITE_USD, S3_READ_USD = 0.005 / 1000, 0.0004 / 1000
LOG_GB_USD = 0.50
STORAGE_GB_USD = 0.115
RUNS_A_MONTH = 730 * 60
RETENTION_DAYS = 180

MEMORY_MB = {"claim": 512, "fetch": 1024, "store": 512}
ONE_PROCESSOR_MB = 1769
TRANSITIONS = 5  # states of a run in which feeds are due; an express run is not charged for them
LOG_LINE_BYTES = 550  # one line for each fetched feed
FEEDS_A_RUN = 100  # claimed at once by ListDueFeedsFunction
LEASE_SECONDS = 330
CONDITIONAL_SHARE = 0.7  # publishers that answer 304
NEW_SHARE = 0.1  # feeds with a new entry since the last request


@dataclass(frozen=True)
class Step:
    """One function in one run, on this machine."""

    wall_seconds: float
    processor_seconds: float

    def billed_seconds(self, memory_mb: int) -> float:
        """Waiting takes as long in Lambda; processor time is stretched by the share of a processor."""
        waiting = max(self.wall_seconds - self.processor_seconds, 0)
        return waiting + self.processor_seconds * max(ONE_PROCESSOR_MB / memory_mb, 1)


@dataclass(frozen=True)
class Run:
    """One run of the state machine."""

    steps: Mapping[str, Step]
    feeds: int
    stored: int
    in_bucket: bool  # the results exceeded the payload of Step Functions

    @property
    def wall_seconds(self) -> float:
        """On this machine."""
        return sum(step.wall_seconds for step in self.steps.values())

    @property
    def processor_seconds(self) -> float:
        """On this machine."""
        return sum(step.processor_seconds for step in self.steps.values())

    @property
    def billed_seconds(self) -> float:
        """Of all functions, in Lambda."""
        return sum(step.billed_seconds(MEMORY_MB[name]) for name, step in self.steps.items())

    @property
    def gb_seconds(self) -> float:
        """Of all functions, in Lambda."""
        return sum(step.billed_seconds(MEMORY_MB[name]) * MEMORY_MB[name] / 1024 for name, step in self.steps.items())


@dataclass(frozen=True)
class MonthlyCost:
    """US dollars a month, without the free tier, of a run every minute."""

    functions: float
    state_machine: float
    objects: float
    logs: float
    storage: float

    @property
    def total(self) -> float:
        """Sum."""
        return float(sum(asdict(self).values()))


def monthly_cost(run: Run, row_bytes: float) -> MonthlyCost:
    """Cost of such a run each minute; `storage` is for all rows that are kept."""
    rows = run.stored * RUNS_A_MONTH / 730 * 24 * RETENTION_DAYS
    return MonthlyCost(
        functions=RUNS_A_MONTH * (run.gb_seconds * GB_SECOND_USD + len(run.steps) * INVOCATION_USD),
        state_machine=RUNS_A_MONTH * (EXPRESS_RUN_USD + run.billed_seconds * EXPRESS_GB * EXPRESS_GB_SECOND_USD),
        objects=RUNS_A_MONTH * (S3_WRITE_USD + S3_READ_USD) * run.in_bucket,
        logs=RUNS_A_MONTH * run.feeds * LOG_LINE_BYTES / 1e9 * LOG_GB_USD,
        storage=rows * row_bytes / 1e9 * STORAGE_GB_USD,
    )


def minutes_between_polls(feeds: int, interval_minutes: float = 1) -> float:
    """How often each feed is polled when all publishers allow `interval_minutes`."""
    return max(interval_minutes, -(-feeds // FEEDS_A_RUN))


@dataclass(frozen=True)
class Figures:
    """A first reading of all feeds, and a usual run."""

    feeds: int
    entries: int
    latency_ms: float
    first: Sequence[Run]
    usual: Run
    row_bytes: float
    peak_megabytes: float
    cost: MonthlyCost


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the figures under build/bench."""
    options = _options(arguments)
    logging.disable(logging.WARNING)
    with (
        _publishers(options.feeds, options.entries, options.latency_ms / 1000) as port,
        embedded_database() as (owner, application),
    ):
        figures = measure(owner, application, port, options)
    content = json.dumps(asdict(figures) | {"cost_usd_a_month": figures.cost.total}, indent=1)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "feeds.json").write_text(content + "\n", encoding="utf-8")
    if options.json:
        print(content)
    else:
        _print(figures)
    return 0


def measure(owner: DatabaseLogin, application: DatabaseLogin, port: int, options: argparse.Namespace) -> Figures:
    """Read all feeds for the first time, then again for some rounds."""
    database = Database(lambda: application, sslmode="prefer")
    stack = _Stack(database, port, options.feeds)
    first = list(stack.runs())
    usual: list[Run] = []
    for _ in range(options.rounds):
        with connect(owner, sslmode="prefer") as connection:
            connection.execute("UPDATE feed_state SET next_attempt_at = now()")
        usual += stack.runs()
    with database.transaction() as connection:
        row = connection.execute(
            """
            SELECT (pg_total_relation_size('inbound_events_raw') + pg_total_relation_size('story_keys')) / count(*)
            FROM inbound_events_raw
            """
        ).fetchone()
    database.close()
    typical = _median(usual)
    row_bytes = float((row or (0,))[0])
    return Figures(
        feeds=options.feeds,
        entries=options.entries,
        latency_ms=options.latency_ms,
        first=first,
        usual=typical,
        row_bytes=row_bytes,
        peak_megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        cost=monthly_cost(typical, row_bytes),
    )


def _median(runs: Sequence[Run]) -> Run:
    steps = {
        name: Step(
            statistics.median(run.steps[name].wall_seconds for run in runs),
            statistics.median(run.steps[name].processor_seconds for run in runs),
        )
        for name in MEMORY_MB
    }
    stored = round(statistics.mean(run.stored for run in runs))
    return Run(steps, max(run.feeds for run in runs), stored, any(run.in_bucket for run in runs))


class _Stack:
    """The three functions over one database."""

    def __init__(self, database: Database, port: int, feeds: int) -> None:
        self._store = PostgresFeeds(database)
        self._fetcher = HttpFeedFetcher(allow_private=True)
        self._parser = FeedparserReader()
        self._objects = _Bucket()
        self._listed = [
            ListedFeed(feed_id=f"feed-{number}", url=f"http://{LOOPBACK}:{port}/feed-{number}")
            for number in range(feeds)
        ]

    def runs(self) -> Iterator[Run]:
        """Runs until no feed is due."""
        while (run := self._run()) is not None:
            yield run

    def _run(self) -> Run | None:
        clock, bucket = SystemClock(), cast(ObjectStore, self._objects)
        feeds, claim = _timed(
            lambda: list_due_feeds(self._store, clock, self._listed, lease_seconds=LEASE_SECONDS, limit=FEEDS_A_RUN)
        )
        if not feeds:
            return None
        payload, fetch = _timed(
            lambda: pack_results(
                bucket, list(fetch_feeds(self._fetcher, self._parser, bucket, feeds, seconds_left=lambda: 100))
            ).model_dump_json(exclude_none=True)
        )
        kept, store = _timed(
            lambda: store_entries(
                self._store,
                clock,
                unpack_results(bucket, FetchPayload.model_validate_json(payload)),
                retention_days=RETENTION_DAYS,
            )
        )
        if kept.failed_feeds:
            raise RuntimeError(f"{len(kept.failed_feeds)} feeds failed: {kept.failed_feeds[0].error}")
        steps = {"claim": claim, "fetch": fetch, "store": store}
        return Run(steps, len(feeds), kept.stored, "results_key" in payload)


def _timed[Result](work: Callable[[], Result]) -> tuple[Result, Step]:
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, Step(time.perf_counter() - wall, time.process_time() - processor)


class _Bucket:
    """The two methods of ObjectStore that results need."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, key: str, content: bytes, *, content_type: str) -> str:
        del content_type
        self._objects[key] = content
        return ""

    def get(self, key: str) -> ObjectContent:
        return ObjectContent(self._objects.pop(key), "", datetime.now(UTC))


# --- publishers -----------------------------------------------------------------------------------------------------


@contextmanager
def _publishers(feeds: int, entries: int, latency_seconds: float) -> Iterator[int]:
    """The port of a process that serves the feeds."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(there, feeds, entries, latency_seconds), daemon=True
    )
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _serve(there: Connection, feeds: int, entries: int, latency_seconds: float) -> None:
    documents = dict(generate(feeds, entries)[1])
    chance = random.Random(SEED)  # noqa: S311 - no secret
    conditional = {feed_id: chance.random() < CONDITIONAL_SHARE for feed_id in documents}
    version = dict.fromkeys(documents, 0)
    asked: set[str] = set()

    class Publisher(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the base class's name
            feed_id = self.path.strip("/")
            time.sleep(latency_seconds)
            if feed_id in asked and chance.random() < NEW_SHARE:
                version[feed_id] += 1
            asked.add(feed_id)
            etag = f'"{feed_id}-{version[feed_id]}"'
            if conditional[feed_id] and self.headers["If-None-Match"] == etag:
                self._answer(304, etag, b"")
            else:
                self._answer(200, etag, _with_news(documents[feed_id], feed_id, version[feed_id]))

        def _answer(self, status: int, etag: str, content: bytes) -> None:
            self.send_response(status)
            if conditional[self.path.strip("/")]:
                self.send_header("ETag", etag)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256

    with Server((LOOPBACK, 0), Publisher) as server:
        there.send(server.server_port)
        server.serve_forever()


def _with_news(document: bytes, feed_id: str, version: int) -> bytes:
    """One more entry for each version; the others stay."""
    buffer = io.StringIO()
    for number in range(version):
        buffer.write(
            f"<item><title>Update {number} of {feed_id}</title><link>https://example.org/{feed_id}/new-{number}</link>"
            f"<guid>urn:{feed_id}/new-{number}</guid><description>Number {number} of {feed_id}.</description></item>"
        )
    return document.replace(b"<item>", buffer.getvalue().encode() + b"<item>", 1)


# --- output ---------------------------------------------------------------------------------------------------------


def _print(figures: Figures) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    title = f"{figures.feeds} feeds of {figures.entries} entries, publishers answer after {figures.latency_ms:.0f} ms"
    columns = ("run", "feeds", "rows", "wall s", "processor s", "Lambda s", "GB-s", "results in S3")
    table = Table(*columns, title=title)
    runs = [*((f"first reading, run {n}", run) for n, run in enumerate(figures.first, 1)), ("usual", figures.usual)]
    for name, run in runs:
        numbers = (run.wall_seconds, run.processor_seconds, run.billed_seconds, run.gb_seconds)
        table.add_row(
            name,
            str(run.feeds),
            str(run.stored),
            *(f"{each:.2f}" for each in numbers),
            "yes" if run.in_bucket else "no",
        )
    console.print(table)
    parts = ", ".join(f"{name.replace('_', ' ')} {usd:.2f}" for name, usd in asdict(figures.cost).items())
    console.print(f"A month of usual runs: {figures.cost.total:.2f} USD without the free tier ({parts})")
    console.print(f"{TRANSITIONS} transitions and {figures.usual.stored} new rows a run; one run a minute")
    console.print(f"Each feed is polled every {minutes_between_polls(figures.feeds):.0f} minutes or less often")
    console.print(f"{figures.row_bytes:.0f} bytes a row; peak memory of this process {figures.peak_megabytes:.0f} MB")
    console.print(f"Figures: {OUTPUT / 'feeds.json'}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.feeds", description="Many feeds in one stack")
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--entries", type=int, default=30, help="of each feed at first")
    parser.add_argument("--rounds", type=int, default=3, help="over all feeds after the first reading")
    parser.add_argument("--latency-ms", type=float, default=300, help="until a publisher answers")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
