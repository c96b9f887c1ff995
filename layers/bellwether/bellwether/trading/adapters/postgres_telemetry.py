"""Bars and signals in PostgreSQL: tables `lane_telemetry`, `telemetry_coverage` and `dispatch_recommendations`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from bellwether.shared.adapters.postgres import Database
from bellwether.trading.domain.bars import Bar, BarRequest, Coverage, Timeframe
from bellwether.trading.domain.news_report import ToldStory
from bellwether.trading.domain.price_gaps import (
    SMALLEST_JUMP,
    PriceGap,
    SuspectedSplit,
    ratio_text,
    suspected_splits,
)
from bellwether.trading.domain.signals import Signal, SignalRule, Situation, Story
from bellwether.trading.ports.telemetry import StoredBars

LOOK_BACK_DAYS = 14  # for the rule's bars: a partition of time that the index can end at
_SIGNALS_LOCK = 0x5349474E  # one writer of recommendations at a time: the cooldown is checked against what is committed


class PostgresBars:
    """BarStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database, timeframe: Timeframe = Timeframe.FIVE_MINUTES) -> None:
        self._database = database
        self._timeframe = timeframe.value

    def coverage(self, tickers: Sequence[str], first_day: date) -> Mapping[tuple[date, str], Coverage]:
        """How far each session since `first_day` was asked for, by day and ticker."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                """
                SELECT session_day, ticker, checked_until, settled FROM telemetry_coverage
                WHERE session_day >= %s AND timeframe = %s AND ticker = ANY(%s)
                """,
                (first_day, self._timeframe, list(tickers)),
            ).fetchall()
        return {(day, ticker): Coverage(until, settled) for day, ticker, until, settled in rows}

    def present(self, tickers: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[datetime]]:
        """Starts of the kept bars in [start, end), in order, by ticker."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                """
                SELECT ticker, array_agg(ts ORDER BY ts) FROM lane_telemetry
                WHERE ticker = ANY(%s) AND ts >= %s AND ts < %s AND timeframe = %s GROUP BY ticker
                """,
                (list(tickers), start, end, self._timeframe),
                binary=True,
            ).fetchall()
        return {ticker: tuple(starts) for ticker, starts in rows}

    def store(self, bars: Sequence[Bar], answered: Sequence[BarRequest], source: str) -> StoredBars:
        """Keep bars and note the requests that they answer, both or neither. A bar that is there is corrected."""
        with self._database.transaction() as connection:
            newest = self._newest(connection, bars)
            written = self._upsert(connection, bars, source)
            self._note(connection, answered)
            new = {(ticker, start) for ticker, start, is_new in written if is_new}
            return StoredBars(
                stored=len(new),
                revised=len(written) - len(new),
                late=sum(start < newest[ticker] for ticker, start in new if ticker in newest),
                splits=self._keep_gaps(connection, {(ticker, start) for ticker, start, _ in written}),
            )

    def _newest(self, connection: Connection[TupleRow], bars: Sequence[Bar]) -> dict[str, datetime]:
        """Start of the newest bar of each ticker before anything is written."""
        return dict(
            connection.execute(
                """
                SELECT wanted.ticker, newest.ts FROM unnest(%s::text[]) AS wanted (ticker)
                CROSS JOIN LATERAL (
                    SELECT ts FROM lane_telemetry
                    WHERE ticker = wanted.ticker AND timeframe = %s ORDER BY ts DESC LIMIT 1
                ) AS newest
                """,
                (sorted({bar.ticker for bar in bars}), self._timeframe),
            ).fetchall()
        )

    def _upsert(self, connection: Connection[TupleRow], bars: Sequence[Bar], source: str) -> list[Any]:
        """Ticker, start and newness of each bar written; in key order, so that two runs don't lock each other out."""
        ordered = sorted(bars, key=lambda bar: (bar.ticker, bar.start))
        return connection.execute(
            """
            INSERT INTO lane_telemetry AS kept (ticker, ts, timeframe, open, high, low, close, volume, source)
            SELECT ticker, ts, %s, open, high, low, close, volume, %s
            FROM unnest(
                %s::text[], %s::timestamptz[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::bigint[]
            ) AS bar (ticker, ts, open, high, low, close, volume)
            ON CONFLICT (ticker, ts, timeframe) DO UPDATE SET
                open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
                volume = excluded.volume, source = excluded.source,
                received_at = now(), revised_count = kept.revised_count + 1
            WHERE (kept.open, kept.high, kept.low, kept.close, kept.volume)
                IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
            RETURNING ticker, ts, xmax = 0
            """,
            (
                self._timeframe,
                source,
                [bar.ticker for bar in ordered],
                [bar.start for bar in ordered],
                [bar.open for bar in ordered],
                [bar.high for bar in ordered],
                [bar.low for bar in ordered],
                [bar.close for bar in ordered],
                [bar.volume for bar in ordered],
            ),
        ).fetchall()

    def _note(self, connection: Connection[TupleRow], answered: Sequence[BarRequest]) -> None:
        """How far each session was asked for; never less far than before."""
        rows: dict[tuple[date, str], tuple[datetime, bool]] = {}
        for request in answered:
            for ticker in request.tickers:
                until, settled = rows.get((request.session_day, ticker), (request.end, False))
                rows[request.session_day, ticker] = (max(until, request.end), settled or request.settles)
        ordered = sorted(rows.items())
        connection.execute(
            """
            INSERT INTO telemetry_coverage AS kept (session_day, ticker, timeframe, checked_until, settled)
            SELECT day, ticker, %s, until, settled
            FROM unnest(%s::date[], %s::text[], %s::timestamptz[], %s::boolean[]) AS asked (day, ticker, until, settled)
            ON CONFLICT (session_day, ticker, timeframe) DO UPDATE SET
                checked_until = greatest(kept.checked_until, excluded.checked_until),
                settled = kept.settled OR excluded.settled,
                checked_at = now()
            """,
            (
                self._timeframe,
                [day for (day, _), _ in ordered],
                [ticker for (_, ticker), _ in ordered],
                [until for _, (until, _) in ordered],
                [settled for _, (_, settled) in ordered],
            ),
        )

    def _keep_gaps(
        self, connection: Connection[TupleRow], written: set[tuple[str, datetime]]
    ) -> tuple[SuspectedSplit, ...]:
        """Store suspicious gaps into written bars; return those that were not stored before."""
        found = [gap for pair in self._jumps(connection, written) for gap in suspected_splits(pair)]
        if not found:
            return ()
        rows = connection.execute(
            """
            INSERT INTO price_gaps (ticker, at, before, after, suspected_ratio)
            SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::numeric[], %s::numeric[], %s::text[])
            ON CONFLICT (ticker, at) DO NOTHING RETURNING ticker, at
            """,
            (
                [gap.ticker for gap in found],
                [gap.at for gap in found],
                [gap.before for gap in found],
                [gap.after for gap in found],
                [gap.ratio and ratio_text(gap.ratio) for gap in found],
            ),
        ).fetchall()
        new = {(ticker, at) for ticker, at in rows}
        return tuple(gap for gap in found if (gap.ticker, gap.at) in new)

    def _jumps(self, connection: Connection[TupleRow], written: set[tuple[str, datetime]]) -> Iterator[tuple[Bar, Bar]]:
        """Neighbours of which the later one was written and opens far from where the earlier one closed."""
        first: dict[str, datetime] = {}
        for ticker, start in written:
            first[ticker] = min(first.get(ticker, start), start)
        rows = connection.execute(
            """
            SELECT ticker, before_ts, before_close, ts, open, close
            FROM (
                SELECT bar.ticker, bar.ts, bar.open, bar.close,
                    lag(bar.ts) OVER of_ticker AS before_ts, lag(bar.close) OVER of_ticker AS before_close
                FROM unnest(%(tickers)s::text[], %(starts)s::timestamptz[]) AS since (ticker, ts)
                CROSS JOIN LATERAL (
                    SELECT ticker, ts, open, close FROM lane_telemetry
                    WHERE ticker = since.ticker AND timeframe = %(timeframe)s AND ts >= since.ts
                    UNION ALL
                    (
                        SELECT ticker, ts, open, close FROM lane_telemetry
                        WHERE ticker = since.ticker AND timeframe = %(timeframe)s AND ts < since.ts
                        ORDER BY ts DESC LIMIT 1
                    )
                ) AS bar
                WINDOW of_ticker AS (PARTITION BY bar.ticker ORDER BY bar.ts)
            ) AS neighbour
            WHERE abs(before_close / open - 1) >= %(jump)s
                OR (before_close IS NOT NULL AND abs(open / close - 1) >= %(jump)s)
            ORDER BY ticker, ts
            """,
            {
                "tickers": list(first),
                "starts": list(first.values()),
                "timeframe": self._timeframe,
                "jump": SMALLEST_JUMP,
            },
        ).fetchall()
        for ticker, before_ts, before_close, ts, opened, closed in rows:
            if (ticker, ts) in written:
                yield _edges(ticker, before_ts, before_close, before_close), _edges(ticker, ts, opened, closed)


def _edges(ticker: str, start: datetime, opened: Decimal, closed: Decimal) -> Bar:
    """A bar of which only open and close are known."""
    return Bar(ticker, start, opened, max(opened, closed), min(opened, closed), closed, 0)


# --- signals --------------------------------------------------------------------------------------------------------

SITUATIONS = """
WITH story AS (
    SELECT
        label.event_uid, raw.story_uid, label.tickers, label.classified_at AS known_at, label.scores, label.tones,
        raw.dated_at AS published_at, first_told.at AS first_told_at
    FROM inbound_events_classified AS label
    JOIN inbound_events_raw AS raw USING (event_uid)
    CROSS JOIN LATERAL ( -- of all tellings, in whatever feed, classified or not
        SELECT min(least(telling.dated_at, telling.first_seen_at)) AS at FROM inbound_events_raw AS telling
        WHERE telling.story_uid = raw.story_uid AND telling.first_seen_at <= %(now)s
    ) AS first_told
    WHERE raw.dated_at IS NOT NULL -- a story of unknown age has no weight
        AND label.classified_at > %(now)s::timestamptz - %(window)s::interval AND label.classified_at <= %(now)s
        AND label.tickers <> '{}'
), news AS (
    SELECT
        ticker, array_agg(event_uid) AS event_uids, array_agg(story_uid) AS story_uids,
        array_agg(published_at) AS published, array_agg(known_at) AS known,
        array_agg(
            coalesce((own.scores ->> 'positive')::float8, 0) - coalesce((own.scores ->> 'negative')::float8, 0)
        ) AS sentiments,
        array_agg(first_told_at) AS first_told
    FROM story
    CROSS JOIN LATERAL unnest(story.tickers) AS named (ticker)
    CROSS JOIN LATERAL ( -- a company's own tone, else the whole story's
        SELECT coalesce(story.tones #> ARRAY[named.ticker, 'scores'], story.scores) AS scores
    ) AS own
    GROUP BY ticker
)
SELECT
    news.ticker, event_uids, story_uids, published, known, sentiments, first_told,
    starts, opens, highs, lows, closes, volumes, (
        SELECT made_at FROM dispatch_recommendations AS earlier
        WHERE earlier.ticker = news.ticker ORDER BY made_at DESC LIMIT 1
    ) AS last_made_at,
    gap_starts, new_shares, old_shares
FROM news
LEFT JOIN LATERAL (
    SELECT
        array_agg(at) AS gap_starts, array_agg(gap.new_shares) AS new_shares, array_agg(gap.old_shares) AS old_shares
    FROM reviewed_price_gaps AS gap
    WHERE gap.ticker = news.ticker AND at <= %(now)s::timestamptz
        AND (gap.new_shares IS NULL OR at > %(now)s::timestamptz - %(look_back)s::interval)
) AS gaps ON true
LEFT JOIN LATERAL (
    SELECT
        array_agg(ts ORDER BY ts) AS starts, array_agg(open ORDER BY ts) AS opens, array_agg(high ORDER BY ts) AS highs,
        array_agg(low ORDER BY ts) AS lows, array_agg(close ORDER BY ts) AS closes,
        array_agg(volume ORDER BY ts) AS volumes
    FROM (
        SELECT ts, open, high, low, close, volume FROM lane_telemetry AS bar
        WHERE bar.ticker = news.ticker AND bar.timeframe = %(timeframe)s
            AND bar.ts <= %(now)s::timestamptz - %(bar_length)s::interval
            AND bar.ts > %(now)s::timestamptz - %(look_back)s::interval
        ORDER BY ts DESC LIMIT %(bars)s
    ) AS newest
) AS bars ON true
"""


_TOLD = """
SELECT raw.event_uid, raw.story_uid, raw.feed_id, raw.url, raw.title, raw.first_seen_at, raw.dated_at, told.label,
    raw.set_aside_at IS NOT NULL AS set_aside, (
        SELECT coalesce(jsonb_object_agg(
            ticker, coalesce((own.scores ->> 'positive')::float8, 0) - coalesce((own.scores ->> 'negative')::float8, 0)
        ), '{}')
        FROM unnest(told.tickers) AS named (ticker) CROSS JOIN LATERAL ( -- as in the situations
            SELECT coalesce(told.tones #> ARRAY[named.ticker, 'scores'], told.scores) AS scores
        ) AS own
    ) AS tones
FROM inbound_events_raw AS raw LEFT JOIN inbound_events_classified AS told USING (event_uid)
WHERE %(ticker)s::text IS NULL OR told.tickers @> ARRAY[%(ticker)s::text]
ORDER BY coalesce(raw.dated_at, raw.first_seen_at) DESC, raw.event_uid DESC LIMIT %(limit)s
"""


class PostgresSignals:
    """SignalStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def situations(self, now: datetime, rule: SignalRule) -> Iterator[Situation]:
        """One for each ticker with a classified story in the rule's window, all in one query."""
        with self._database.transaction() as connection:
            rows = connection.execute(SITUATIONS, situation_parameters(now, rule), binary=True).fetchall()
        return (_situation(now, *row) for row in rows)

    def stories(self, *, ticker: str | None, limit: int) -> tuple[ToldStory, ...]:
        """The newest stories, of one company where it is named, newest first."""
        with self._database.transaction() as connection, connection.cursor(row_factory=class_row(ToldStory)) as cursor:
            rows = cursor.execute(_TOLD, {"ticker": ticker, "limit": limit}).fetchall()
        return tuple(rows)

    def add(self, signals: Sequence[Signal], cooldown: timedelta) -> tuple[UUID, ...]:
        """Insert as PENDING; ids of those that were new and whose ticker had none within the cooldown."""
        with self._database.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SIGNALS_LOCK,))
            rows = connection.execute(
                """
                INSERT INTO dispatch_recommendations (
                    recommendation_id, ticker, side, quantity, reference_price, rule_version, evidence,
                    made_at, expires_at
                )
                SELECT DISTINCT ON (ticker)
                    id, ticker, side, quantity, price, rule_version, evidence::jsonb, made_at, expires_at
                FROM unnest(
                    %s::uuid[], %s::text[], %s::text[], %s::numeric[], %s::numeric[], %s::text[], %s::text[],
                    %s::timestamptz[], %s::timestamptz[]
                ) AS made (id, ticker, side, quantity, price, rule_version, evidence, made_at, expires_at)
                WHERE NOT EXISTS (
                    SELECT FROM dispatch_recommendations AS earlier
                    WHERE earlier.ticker = made.ticker AND earlier.made_at > made.made_at - %s::interval
                )
                ORDER BY ticker, made_at
                ON CONFLICT (recommendation_id) DO NOTHING
                RETURNING recommendation_id
                """,
                (
                    [each.recommendation_id for each in signals],
                    [each.ticker for each in signals],
                    [each.side.value for each in signals],
                    [each.quantity for each in signals],
                    [each.reference_price for each in signals],
                    [each.rule_version for each in signals],
                    [each.evidence.model_dump_json() for each in signals],
                    [each.made_at for each in signals],
                    [each.expires_at for each in signals],
                    cooldown,
                ),
            ).fetchall()
        return tuple(row[0] for row in rows)


def situation_parameters(now: datetime, rule: SignalRule) -> dict[str, object]:
    """Parameters of SITUATIONS."""
    return {
        "now": now,
        "window": rule.window,
        "timeframe": rule.timeframe.value,
        "bar_length": rule.timeframe.length,
        "look_back": timedelta(days=LOOK_BACK_DAYS),
        "bars": rule.sma_bars,
    }


def _situation(
    now: datetime,
    ticker: str,
    event_uids: list[str],
    story_uids: list[str],
    published: list[datetime],
    known: list[datetime],
    sentiments: list[float],
    first_told: list[datetime],
    starts: list[datetime] | None,
    *rest: Any,
) -> Situation:
    *prices, last_made_at, gap_starts, new_shares, old_shares = rest
    gaps = list(zip(gap_starts or (), new_shares or (), old_shares or (), strict=True))
    bars = zip(starts, *prices, strict=True) if starts else ()
    return Situation(
        ticker=ticker,
        now=now,
        market_open=True,
        bars=tuple(Bar(ticker, *figures) for figures in bars),
        stories=tuple(map(Story, event_uids, story_uids, published, known, sentiments, first_told)),
        last_made_at=last_made_at,
        reviewed_gaps={at: Fraction(new, old) for at, new, old in gaps if new},
        has_unreviewed_gap=any(new is None for _, new, _ in gaps),
    )


# --- price gaps -----------------------------------------------------------------------------------------------------


class PostgresGaps:
    """GapStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def gaps(self) -> tuple[PriceGap, ...]:
        """Return every gap with its latest review, unreviewed ones first, then newest first."""
        with self._database.transaction() as connection, connection.cursor(row_factory=class_row(PriceGap)) as cursor:
            rows = cursor.execute(
                """
                SELECT ticker, at, before, after, suspected_ratio, found_at, actor, reason, reviewed_at,
                    new_shares || ':' || old_shares AS ratio
                FROM reviewed_price_gaps ORDER BY new_shares IS NOT NULL, at DESC, ticker
                """
            ).fetchall()
        return tuple(rows)

    def review(self, gap: PriceGap, ratio: Fraction, *, actor: str, reason: str) -> None:
        """Append a review; the latest one counts."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO price_gap_reviews (ticker, at, new_shares, old_shares, actor, reason)
                VALUES (%s, %s, %s, %s, %s, %s)
                """,
                (gap.ticker, gap.at, ratio.numerator, ratio.denominator, actor, reason),
            )
