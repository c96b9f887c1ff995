"""Feeds' bytes into committed rows: our way beside one INSERT an entry, and beside the parser alone, in one run.

Our way is the functions' own code from the bytes on: identity, text, versions, likeness of stories, one transaction a
round of feeds. The peer parses with feedparser as it comes and commits one INSERT an entry, with no stories and no feed
state. Documents are generated: from the entries of recorded feeds where the shared data is at hand, else from words. On
the embedded Postgres, which waits for the disk at each commit; a round trip is printed: a network makes it longer.
Run: python -m bench.news [--feeds N] [--entries N] [--json]
"""

import argparse
import io
import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4
from xml.sax.saxutils import escape

import feedparser  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

from bellwether.adapters.feed_documents import FeedparserReader
from bellwether.adapters.postgres import Database, connect
from bellwether.adapters.postgres_feeds import PostgresFeeds
from bellwether.domain.database import DatabaseLogin
from bellwether.domain.feeds import DueFeed, FetchResult, ListedFeed, after
from bellwether.domain.stories import as_batch, content_sha256, event_uid
from bellwether.ports.feeds import FeedAnswer
from bellwether.ports.objects import ObjectStore
from bellwether.usecases.fetch_feeds import RESULTS, fetch_feeds
from bench.database import embedded_database

OUTPUT = Path("build/bench")
SHARED = Path(os.environ.get("BELLWETHER_SHARED_DATA", "../shared/data")) / "feeds"
RECORDED = ("recorded_rss_parser/input/*.rss", "miniflux/**/*.xml", "feed_rs/**/*.xml")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROUND_FEEDS = 100  # claimed at once by the function
REPETITIONS = 3
SEED = 7

_INSERT = """
INSERT INTO inbound_events_raw
    (event_uid, feed_id, entry_id, url, title, summary, first_seen_at, last_seen_at, content_sha256, story_uid)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (event_uid) DO NOTHING
"""


@dataclass(frozen=True)
class Figures:
    """Medians of some repetitions; entries a second unless the name says otherwise."""

    documents: str
    feeds: int
    entries: int
    megabytes: float
    round_trip_us: float
    parser_alone: float
    parse_and_insert_each: float
    ours: float
    ours_again: float
    reading_alone: float
    insert_each_alone: float
    storing_alone: float
    storing_known: float

    @property
    def whole(self) -> float:
        """Times the peer, from bytes to rows."""
        return self.ours / self.parse_and_insert_each

    @property
    def storing(self) -> float:
        """Times the peer, from entries to rows."""
        return self.storing_alone / self.insert_each_alone


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, keep the figures under build/bench."""
    options = _options(arguments)
    source, documents = generate(options.feeds, options.entries)
    with embedded_database() as (owner, application):
        figures = measure(owner, application, source, documents)
    report = asdict(figures) | {"whole": figures.whole, "storing": figures.storing}
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "news.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print(figures)
    return 0


# --- documents ------------------------------------------------------------------------------------------------------


def generate(feeds: int, entries: int) -> tuple[str, list[tuple[str, bytes]]]:
    """Where the entries' words are from, and so many RSS documents by feed id, each entry with a title of its own."""
    recorded = list(_recorded())
    source = f"{len(recorded)} recorded entries" if recorded else "generated words"
    material = itertools.cycle(recorded or _words())
    documents = []
    for feed in range(feeds):
        items = []
        for number in range(entries):
            title, description = next(material)
            name = f"feed-{feed}/{number}"
            items.append(
                f"<item><title>{escape(f'{title} [{name}]')}</title><link>https://example.org/{name}</link>"
                f"<guid>urn:{name}</guid><pubDate>Mon, 02 Mar 2026 12:00:00 GMT</pubDate>"
                f"<description>{escape(description)}</description></item>"
            )
        channel = "<title>Feed</title><link>https://example.org/</link><description>News</description>"
        inside = channel + "".join(items)
        text = f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel>{inside}</channel></rss>'
        documents.append((f"feed-{feed}", text.encode()))
    return source, documents


def _recorded() -> Iterator[tuple[str, str]]:
    for path in sorted(path for pattern in RECORDED for path in SHARED.glob(pattern)):
        for entry in feedparser.parse(io.BytesIO(path.read_bytes())).entries:
            title, description = dict.get(entry, "title", ""), dict.get(entry, "summary", "")
            if title and description:
                yield title[:300], description[:5000]


def _words() -> list[tuple[str, str]]:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    words = ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(2, 10))) for _ in range(4000)]

    def said(count: int) -> str:
        return " ".join(chance.choices(words, k=count))

    return [
        (said(10), f'<p>{said(40)} <a href="https://example.org/">{said(3)}</a> {said(20)}</p>') for _ in range(500)
    ]


# --- measuring ------------------------------------------------------------------------------------------------------


def measure(
    owner: DatabaseLogin, application: DatabaseLogin, source: str, documents: Sequence[tuple[str, bytes]]
) -> Figures:
    """Each way by itself, on an emptied database."""
    database = Database(lambda: application, sslmode="prefer")
    store = PostgresFeeds(database)
    feeds = [ListedFeed(feed_id=feed_id, url=f"https://example.org/{feed_id}") for feed_id, _ in documents]
    store.list_feeds(feeds, now=NOON)
    rounds = [documents[n : n + ROUND_FEEDS] for n in range(0, len(documents), ROUND_FEEDS)]

    def read(part: Sequence[tuple[str, bytes]]) -> tuple[FetchResult, ...]:
        """From the bytes to what goes to the next function, through JSON and back, as there."""
        served = _Served(part)
        results = tuple(fetch_feeds(served, FeedparserReader(), _NO_QUARANTINE, served.feeds, seconds_left=600))
        return RESULTS.validate_json(RESULTS.dump_json(results))

    def keep(results: Sequence[FetchResult]) -> int:
        batch = as_batch((each.feed_id, each.fetched_at, each.entries) for each in results)
        return store.store(batch, [after(each) for each in results], now=NOON).stored

    def ours() -> None:
        for part in rounds:
            keep(read(part))

    def empty() -> None:
        with connect(owner, sslmode="prefer") as connection:
            connection.execute("TRUNCATE inbound_events_raw, story_keys CASCADE")

    def seconds(work: Callable[[], object], before: Callable[[], None] | None = empty) -> float:
        taken = []
        for _ in range(REPETITIONS):
            if before:
                before()
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    parsed = [read(part) for part in rounds]
    entries = sum(len(result.entries) for results in parsed for result in results)
    with connect(application, sslmode="prefer") as connection:

        def insert_each(pairs: Iterator[tuple[str, Any]]) -> None:
            for feed_id, entry in pairs:
                connection.execute(_INSERT, _row(feed_id, entry))

        def peer() -> None:
            insert_each(
                (feed_id, entry)
                for feed_id, content in documents
                for entry in feedparser.parse(io.BytesIO(content)).entries
            )

        ready = [(name, e) for name, content in documents for e in feedparser.parse(io.BytesIO(content)).entries]
        figures = {
            "round_trip_us": seconds(lambda: [connection.execute("SELECT 1") for _ in range(1000)], None) * 1000,
            "parser_alone": entries
            / seconds(lambda: [feedparser.parse(io.BytesIO(content)) for _, content in documents], None),
            "parse_and_insert_each": entries / seconds(peer),
            "insert_each_alone": entries / seconds(lambda: insert_each(iter(ready))),
        }
    figures |= {
        "ours": entries / seconds(ours),
        "ours_again": entries / seconds(ours, None),
        "reading_alone": entries / seconds(lambda: [read(part) for part in rounds], None),
        "storing_alone": entries / seconds(lambda: [keep(results) for results in parsed]),
        "storing_known": entries / seconds(lambda: [keep(results) for results in parsed], None),
    }
    with database.transaction() as connection:
        (found,) = connection.execute("SELECT count(*) FROM inbound_events_raw").fetchone() or (0,)
    database.close()
    if found != entries:
        raise RuntimeError(f"{found} of {entries} entries were stored")
    megabytes = sum(len(content) for _, content in documents) / 1e6
    return Figures(documents=source, feeds=len(documents), entries=entries, megabytes=megabytes, **figures)


class _Served:
    """FeedFetcher whose documents are here already."""

    def __init__(self, documents: Sequence[tuple[str, bytes]]) -> None:
        self.feeds = [
            DueFeed(feed_id=feed_id, url=f"https://example.org/{feed_id}", claim_token=uuid4())
            for feed_id, _ in documents
        ]
        self._documents = documents

    def fetch(self, feeds: Sequence[DueFeed], *, seconds_left: float) -> Iterator[FeedAnswer]:  # noqa: ARG002 - all here
        for feed, (_, content) in zip(feeds, self._documents, strict=True):
            yield FeedAnswer(feed, NOON, feed.url, http_status=200, content=content)


_NO_QUARANTINE = cast(ObjectStore, None)  # every document here is sound


def _row(feed_id: str, entry: Any) -> tuple[Any, ...]:
    uid, title, summary = event_uid(feed_id, entry.id), entry.title, entry.summary
    return (uid, feed_id, entry.id, entry.link, title, summary, NOON, NOON, content_sha256(title, summary), uid)


# --- what is told ---------------------------------------------------------------------------------------------------


def _print(figures: Figures) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    title = (
        f"{figures.entries} entries in {figures.feeds} documents of {figures.megabytes:.1f} MB ({figures.documents}); "
        f"medians of {REPETITIONS}"
    )
    table = Table("", "entries/s", "beside the peer", title=title, title_justify="left")
    for name, value, peer in (
        ("feedparser alone, as it comes", figures.parser_alone, 0.0),
        ("feedparser, one INSERT an entry (the peer)", figures.parse_and_insert_each, figures.parse_and_insert_each),
        ("ours: bytes to committed rows", figures.ours, figures.parse_and_insert_each),
        ("ours again: the same entries, all known", figures.ours_again, figures.parse_and_insert_each),
        ("ours, reading alone: bytes to results", figures.reading_alone, 0.0),
        ("one INSERT an entry alone (the peer)", figures.insert_each_alone, figures.insert_each_alone),
        ("ours, storing alone: results to committed rows", figures.storing_alone, figures.insert_each_alone),
        ("ours, storing alone, all known", figures.storing_known, figures.insert_each_alone),
    ):
        table.add_row(name, f"{value:,.0f}", f"{value / peer:.1f} ×" if peer else "")
    console.print(table)
    console.print(f"A round trip to the database takes {figures.round_trip_us:.0f} µs. Figures: {OUTPUT / 'news.json'}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.news", description="Feeds' bytes into committed rows")
    parser.add_argument("--feeds", type=int, default=100)
    parser.add_argument("--entries", type=int, default=50, help="of each feed")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
