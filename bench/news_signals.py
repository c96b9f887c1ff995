"""Signals for 5 000 tickers in one pass: the query's plan and time, the rule's, and beside it one query a ticker.

On the embedded Postgres with the shipped schema and the functions' own role; tickers, bars and stories are generated.
Run: python -m bench.news_signals [--tickers N] [--sessions N] [--json]
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.trading.adapters.postgres_telemetry import SITUATIONS, PostgresSignals, situation_parameters
from bellwether.trading.domain.bars import bar_starts
from bellwether.trading.domain.market_calendar import last_sessions
from bellwether.trading.domain.signals import INTRADAY, Signal, apply_rule
from bench.database import embedded_database

OUTPUT = Path("build/bench")
NOW = datetime(2026, 3, 10, 19, 0, tzinfo=UTC)
STORIES_A_TICKER = 4
REPETITIONS = 5
SEED = 7


@dataclass(frozen=True)
class Figures:
    """Medians of some repetitions, in milliseconds."""

    tickers: int
    bars: int
    stories: int
    query_ms: float
    rule_ms: float
    insert_ms: float
    pass_ms: float
    one_query_a_ticker_ms: float
    signals: int
    skipped: dict[str, int]
    plan: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, keep figures and plan under build/bench."""
    options = _options(arguments)
    with embedded_database() as (owner, application):
        rows = _fill(owner, options.tickers, options.sessions)
        database = Database(lambda: application, sslmode="prefer", statement_timeout_seconds=120)
        figures = measure(database, options.tickers, *rows)
        database.close()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "news_signals.json").write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(asdict(figures), indent=1))
    else:
        _print(figures)
    return 0


def measure(database: Database, tickers: int, bars: int, stories: int) -> Figures:
    """Each part by itself, then all tickers one by one, as a loop in Python would ask for them."""
    store = PostgresSignals(database)
    query, rule = [], []
    for _ in range(REPETITIONS + 1):  # the first one warms the caches and is left out
        started = time.perf_counter()
        situations = list(store.situations(NOW, INTRADAY))
        fetched = time.perf_counter()
        found = [apply_rule(situation, INTRADAY) for situation in situations]
        query.append(fetched - started)
        rule.append(time.perf_counter() - fetched)
    if len(situations) != tickers:
        raise RuntimeError(f"{len(situations)} of {tickers} tickers were found")
    signals = [each for each in found if isinstance(each, Signal)]
    started = time.perf_counter()
    added = store.add(signals, INTRADAY.cooldown)
    insert = time.perf_counter() - started
    if len(added) != len(signals):
        raise RuntimeError(f"{len(added)} of {len(signals)} signals were kept")
    one_by_one = _one_query_a_ticker(database, [each.ticker for each in situations])
    query_ms, rule_ms = _median_ms(query[1:]), _median_ms(rule[1:])
    return Figures(
        tickers=tickers,
        bars=bars,
        stories=stories,
        query_ms=query_ms,
        rule_ms=rule_ms,
        insert_ms=insert * 1000,
        pass_ms=query_ms + rule_ms + insert * 1000,
        one_query_a_ticker_ms=one_by_one * 1000,
        signals=len(signals),
        skipped=dict(Counter(each.value for each in found if not isinstance(each, Signal))),
        plan=tuple(_plan(database)),
    )


def _plan(database: Database) -> Iterator[str]:
    with database.transaction() as connection:
        parameters = situation_parameters(NOW, INTRADAY)
        for (line,) in connection.execute("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) " + SITUATIONS, parameters).fetchall():
            yield line


def _one_query_a_ticker(database: Database, tickers: Sequence[str]) -> float:
    """Stories, bars and the last recommendation of each ticker by itself, through the same indexes."""
    parameters = situation_parameters(NOW, INTRADAY)
    started = time.perf_counter()
    with database.transaction() as connection:
        for ticker in tickers:
            named = {**parameters, "ticker": ticker, "tickers": [ticker]}
            connection.execute(
                """
                SELECT event_uid, story_uid, published_at, classified_at, scores
                FROM inbound_events_classified JOIN inbound_events_raw USING (event_uid)
                WHERE tickers @> %(tickers)s AND classified_at > %(now)s::timestamptz - %(window)s::interval
                """,
                named,
            ).fetchall()
            connection.execute(
                """
                SELECT ts, open, high, low, close, volume FROM lane_telemetry
                WHERE ticker = %(ticker)s AND timeframe = %(timeframe)s AND ts <= %(now)s::timestamptz - %(bar_length)s
                ORDER BY ts DESC LIMIT %(bars)s
                """,
                named,
            ).fetchall()
            connection.execute(
                "SELECT made_at FROM dispatch_recommendations WHERE ticker = %(ticker)s ORDER BY made_at DESC LIMIT 1",
                named,
            ).fetchall()
    return time.perf_counter() - started


# --- data -----------------------------------------------------------------------------------------------------------


def _fill(owner: DatabaseLogin, tickers: int, sessions: int) -> tuple[int, int]:
    """Bars of some sessions and a day's stories; how many of each."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    names = [f"T{number}" for number in range(tickers)]
    with connect(owner, sslmode="prefer", statement_timeout_seconds=300) as connection:
        bars = _copy(
            connection,
            "lane_telemetry (ticker, ts, open, high, low, close, volume, source)",
            _bars(names, sessions, chance),
        )
        connection.execute("INSERT INTO feed_state (feed_id, url) VALUES ('bench', 'http://bench.invalid/')")
        told = list(_stories(names, chance))
        _copy(
            connection,
            "inbound_events_raw (event_uid, feed_id, entry_id, title, summary, published_at, first_seen_at,"
            " content_sha256, story_uid)",
            ((uid, "bench", uid, "t", "", at, at, "0" * 64, uid) for uid, at, _, _ in told),
        )
        _copy(
            connection,
            "inbound_events_classified (event_uid, label, scores, model_version, tickers, classified_at)",
            ((uid, "neutral", scores, "bench", of, at + timedelta(minutes=3)) for uid, at, scores, of in told),
        )
        connection.execute("VACUUM ANALYZE")
    return bars, len(told)


def _copy(connection: psycopg.Connection[Any], target: str, rows: Iterator[tuple[object, ...]]) -> int:
    count = 0
    with connection.cursor().copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _bars(names: Sequence[str], sessions: int, chance: random.Random) -> Iterator[tuple[object, ...]]:
    starts = [start for session in last_sessions(NOW, sessions) for start in bar_starts(session) if start < NOW]
    prices = dict.fromkeys(names, 100.0)
    for start in starts:  # by time, as they come in
        for name in names:
            opened, closed = prices[name], max(1.0, prices[name] * (1 + chance.gauss(0, 0.002)))
            high, low = max(opened, closed) + 0.05, min(opened, closed) - 0.05
            yield (
                name,
                start,
                *(f"{price:.4f}" for price in (opened, high, low, closed)),
                chance.randrange(100, 9999),
                "x",
            )
            prices[name] = round(closed, 4)


def _stories(names: Sequence[str], chance: random.Random) -> Iterator[tuple[str, datetime, str, list[str]]]:
    for number in range(STORIES_A_TICKER * len(names)):
        positive = chance.random()
        negative = (1 - positive) * chance.random()
        scores = json.dumps({"positive": positive, "neutral": 1 - positive - negative, "negative": negative})
        published = NOW - timedelta(minutes=chance.randrange(5, 23 * 60))
        others = {chance.choice(names)} if number % 3 == 0 else set()
        yield f"{number:032x}", published, scores, sorted({names[number % len(names)], *others})


def _median_ms(seconds: Sequence[float]) -> float:
    return sorted(seconds)[len(seconds) // 2] * 1000


def _print(figures: Figures) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    title = f"{figures.tickers} tickers, {figures.bars} bars, {figures.stories} stories; medians of {REPETITIONS}"
    table = Table("", "ms", title=title, title_justify="left")
    for name, value in (
        ("one query for all tickers, rows into situations", figures.query_ms),
        (f"the rule: {figures.signals} signals, {sum(figures.skipped.values())} silent", figures.rule_ms),
        ("keeping the signals, cooldown checked (once)", figures.insert_ms),
        ("the whole pass", figures.pass_ms),
        ("beside it: three queries a ticker, rows only (once)", figures.one_query_a_ticker_ms),
    ):
        table.add_row(name, f"{value:.0f}")
    console.print(table)
    console.print(f"silent because: {figures.skipped}")
    console.print("\n".join(figures.plan), markup=False, highlight=False)
    console.print(f"Figures and plan: {OUTPUT / 'news_signals.json'}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.news_signals", description="Signals for many tickers in one pass")
    parser.add_argument("--tickers", type=int, default=5000)
    parser.add_argument("--sessions", type=int, default=3, help="sessions of 78 bars that are kept for each ticker")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
