"""Feeds' bytes into committed rows: our way beside one INSERT an entry, and beside the parser alone, in one run.

Our way is the functions' own code from the bytes on: identity, text, versions, similarity of stories, one transaction a
round of feeds. The peer parses with feedparser as it comes and commits one INSERT an entry, with no stories and no feed
state. Documents are generated: from the entries of recorded feeds where the shared data is at hand, else from words. On
the embedded Postgres, which waits for the disk at each commit; and once more behind a relay that makes a round trip as
long as between a function and its database (half a millisecond in one zone).
Run: python -m bench.news [--feeds N] [--entries N] [--network-ms MS] [--json]
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4
from xml.sax.saxutils import escape

import feedparser  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.adapters.postgres_feeds import PostgresFeeds
from bellwether.news.domain.feeds import DueFeed, FetchResult, ListedFeed, after
from bellwether.news.domain.stories import as_batch, content_sha256, event_uid
from bellwether.news.ports.feed_access import FeedResponse
from bellwether.news.usecases.fetch_feeds import RESULTS, FetchPayload, fetch_feeds, unpack_results
from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.ports.objects import ObjectStore
from bench.database import at_a_distance, embedded_database

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
class Storing:
    """Entries a second with a database so far away; medians of some repetitions."""

    round_trip_us: float
    parse_and_insert_each: float
    ours: float
    ours_again: float
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


@dataclass(frozen=True)
class Figures:
    """What was measured, on which documents; entries a second."""

    documents: str
    feeds: int
    entries: int
    megabytes: float
    parser_alone: float
    reading_alone: float
    here: Storing
    over_network: Storing


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, keep the figures under build/bench."""
    options = _options(arguments)
    source, documents = generate(options.feeds, options.entries)
    rounds = [documents[n : n + ROUND_FEEDS] for n in range(0, len(documents), ROUND_FEEDS)]
    entries = sum(len(result.entries) for part in rounds for result in read(part))
    with embedded_database() as (owner, application):
        here = measure(owner, application, documents, entries)
        with at_a_distance(application, options.network_ms / 1000) as far:
            over_network = measure(owner, far, documents, entries)
    figures = Figures(
        documents=source,
        feeds=len(documents),
        entries=entries,
        megabytes=sum(len(content) for _, content in documents) / 1e6,
        parser_alone=entries / seconds(lambda: [parse(content) for _, content in documents]),
        reading_alone=entries / seconds(lambda: [read(part) for part in rounds]),
        here=here,
        over_network=over_network,
    )
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "news.json").write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(asdict(figures), indent=1))
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


def parse(content: bytes) -> Sequence[Any]:
    """Entries as feedparser gives them, as it comes."""
    entries: Sequence[Any] = feedparser.parse(io.BytesIO(content)).entries
    return entries


def read(part: Sequence[tuple[str, bytes]]) -> tuple[FetchResult, ...]:
    """From the bytes to what goes to the next function, through JSON and back, as there."""
    served = _Served(part)
    results = tuple(fetch_feeds(served, FeedparserReader(), _NO_QUARANTINE, served.feeds, seconds_left=lambda: 600))
    return unpack_results(_NO_QUARANTINE, FetchPayload(results=RESULTS.validate_json(RESULTS.dump_json(results))))


def seconds(work: Callable[[], object], before: Callable[[], None] = lambda: None) -> float:
    """Median of some repetitions."""
    taken = []
    for _ in range(REPETITIONS):
        before()
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def measure(
    owner: DatabaseLogin, application: DatabaseLogin, documents: Sequence[tuple[str, bytes]], entries: int
) -> Storing:
    """Each way by itself, on an emptied database."""
    database = Database(lambda: application, sslmode="prefer")
    store = PostgresFeeds(database)
    feeds = [ListedFeed(feed_id=feed_id, url=f"https://example.org/{feed_id}") for feed_id, _ in documents]
    store.list_feeds(feeds, now=NOON)
    rounds = [documents[n : n + ROUND_FEEDS] for n in range(0, len(documents), ROUND_FEEDS)]
    results = [read(part) for part in rounds]
    parsed = [(feed_id, entry) for feed_id, content in documents for entry in parse(content)]

    def keep(part: Sequence[FetchResult]) -> None:
        batch = as_batch((each.feed_id, each.fetched_at, each.entries) for each in part)
        store.store(batch, [after(each) for each in part], now=NOON)

    def empty() -> None:
        with connect(owner, sslmode="prefer") as connection:
            connection.execute("TRUNCATE inbound_events_raw, story_keys CASCADE")

    def keep_all() -> None:
        for part in results:
            keep(part)

    def ours() -> None:
        for part in rounds:
            keep(read(part))

    with connect(application, sslmode="prefer") as connection:

        def insert_each(pairs: Iterable[tuple[str, Any]]) -> None:
            for feed_id, entry in pairs:
                connection.execute(_INSERT, _row(feed_id, entry))

        def peer() -> None:
            insert_each((feed_id, entry) for feed_id, content in documents for entry in parse(content))

        figures = Storing(
            round_trip_us=seconds(lambda: [connection.execute("SELECT 1") for _ in range(1000)]) * 1000,
            parse_and_insert_each=entries / seconds(peer, empty),
            insert_each_alone=entries / seconds(lambda: insert_each(parsed), empty),
            ours=entries / seconds(ours, empty),
            ours_again=entries / seconds(ours),
            storing_alone=entries / seconds(keep_all, empty),
            storing_known=entries / seconds(keep_all),
        )
    with database.transaction() as connection:
        (found,) = connection.execute("SELECT count(*) FROM inbound_events_raw").fetchone() or (0,)
    database.close()
    if found != entries:
        raise RuntimeError(f"{found} of {entries} entries were stored")
    return figures


class _Served:
    """FeedFetcher whose documents are here already."""

    def __init__(self, documents: Sequence[tuple[str, bytes]]) -> None:
        self.feeds = [
            DueFeed(feed_id=feed_id, url=f"https://example.org/{feed_id}", claim_token=uuid4())
            for feed_id, _ in documents
        ]
        self._documents = documents

    def fetch(self, feeds: Sequence[DueFeed], *, seconds_left: float) -> Iterator[FeedResponse]:  # noqa: ARG002 - all here
        for feed, (_, content) in zip(feeds, self._documents, strict=True):
            yield FeedResponse(feed, NOON, feed.url, http_status=200, content=content)


_NO_QUARANTINE = cast(ObjectStore, None)  # every document here is sound


def _row(feed_id: str, entry: Any) -> tuple[Any, ...]:
    uid, title, summary = event_uid(feed_id, entry.id), entry.title, entry.summary
    return (uid, feed_id, entry.id, entry.link, title, summary, NOON, NOON, content_sha256(title, summary), uid)


# --- what is told ---------------------------------------------------------------------------------------------------


def _print(figures: Figures) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    title = (
        f"{figures.entries} entries in {figures.feeds} documents of {figures.megabytes:.1f} MB ({figures.documents}); "
        f"entries/s, medians of {REPETITIONS}"
    )
    here, far = figures.here, figures.over_network
    table = Table("", f"round trip {here.round_trip_us:.0f} µs", "", f"{far.round_trip_us:.0f} µs", "", title=title)
    table.add_row("feedparser alone, as it comes", f"{figures.parser_alone:,.0f}")
    table.add_row("ours, reading alone: bytes to results", f"{figures.reading_alone:,.0f}")
    for name, field, peer in (
        ("feedparser, one INSERT an entry (the peer)", "parse_and_insert_each", "parse_and_insert_each"),
        ("ours: bytes to committed rows", "ours", "parse_and_insert_each"),
        ("ours again: the same entries, all known", "ours_again", "parse_and_insert_each"),
        ("one INSERT an entry alone (the peer)", "insert_each_alone", "insert_each_alone"),
        ("ours, storing alone: results to committed rows", "storing_alone", "insert_each_alone"),
        ("ours, storing alone, all known", "storing_known", "insert_each_alone"),
    ):
        cells = [(getattr(part, field), getattr(part, field) / getattr(part, peer)) for part in (here, far)]
        table.add_row(name, *(text for value, times in cells for text in (f"{value:,.0f}", f"{times:.1f} ×")))
    console.print(table)
    console.print(f"Figures: {OUTPUT / 'news.json'}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.news", description="Feeds' bytes into committed rows")
    parser.add_argument("--feeds", type=int, default=100)
    parser.add_argument("--entries", type=int, default=50, help="of each feed")
    parser.add_argument("--network-ms", type=float, default=0.5, help="length of a round trip behind the relay")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
