"""Bars and signals in a real PostgreSQL, with the rights of the functions' role."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.adapters.postgres_telemetry import PostgresBars, PostgresSignals
from bellwether.trading.domain.news_report import news_report
from bellwether.trading.domain.signals import INTRADAY, Signal, Situation, apply_rule, sentiment_at
from tests.fakes.bar_store_suite import BarStoreSuite
from tests.unit.trading.builders import FIVE_MINUTES, NOON, bar, bars_until, situation, story


class TestPostgresBars(BarStoreSuite):
    @pytest.fixture
    def bar_store(self, database: Database) -> PostgresBars:
        return PostgresBars(database)


def tell(
    database: Database,
    uid: str,
    tickers: Sequence[str],
    *,
    sentiment: float = 0.9,
    published: datetime | None = NOON - timedelta(hours=1),
    known: datetime = NOON - timedelta(minutes=55),
    story_uid: str | None = None,
    new_since_reading: bool = False,
    tones: str = "{}",
) -> None:
    """A classified story."""
    scores = f'{{"positive": {max(sentiment, 0)}, "neutral": 0.0, "negative": {max(-sentiment, 0)}}}'
    event_uid = uid.encode().hex().rjust(32, "0")
    with database.transaction() as connection:
        connection.execute("INSERT INTO feed_state (feed_id, url) VALUES ('wire', 'http://x/') ON CONFLICT DO NOTHING")
        connection.execute(
            """
            INSERT INTO inbound_events_raw (
                event_uid, feed_id, entry_id, title, summary, published_at, first_seen_at, content_sha256, story_uid,
                new_since_reading
            ) VALUES (%s, 'wire', %s, 'title', '', %s, %s, repeat('0', 64), %s, %s)
            """,
            (event_uid, uid, published, known, story_uid or event_uid, new_since_reading),
        )
        connection.execute(
            """
            INSERT INTO inbound_events_classified (
                event_uid, label, scores, model_version, tickers, tones, classified_at
            ) VALUES (%s, 'neutral', %s::jsonb, 'test', %s, %s::jsonb, %s)
            """,
            (event_uid, scores, list(tickers), tones, known),
        )


def signal(**changes: object) -> Signal:
    """What the rule makes of a situation."""
    found = apply_rule(situation(**changes), INTRADAY)
    assert isinstance(found, Signal)
    return found


def situations(database: Database, now: datetime = NOON) -> dict[str, Situation]:
    return {each.ticker: each for each in PostgresSignals(database).situations(now, INTRADAY)}


# --- bars ------------------------------------------------------------------------------------------------------------


def test_prices_are_kept_to_the_last_digit(database: Database) -> None:
    store = PostgresBars(database)
    exact = bar(NOON - FIVE_MINUTES, "0.1234567890123456", high=Decimal("1E+2"), low=Decimal("0.0000001"))
    store.store((exact,), (), "test")
    tell(database, "s1", ["ACME"])
    (kept,) = situations(database)["ACME"].bars
    assert kept == exact


def test_a_bar_that_the_table_refuses_stores_nothing_at_all(database: Database) -> None:
    store = PostgresBars(database)
    with pytest.raises(InvalidInputError):
        store.store((bar(NOON), bar(NOON + FIVE_MINUTES, high=Decimal(1))), (), "test")
    assert store.present(["ACME"], NOON, NOON + timedelta(hours=1)) == {}


def test_two_at_once_store_each_bar_once(migrated: DatabaseLogin) -> None:
    # Given the same bars at the same time from several functions
    bars = [bar(each.start, each.close, f"T{count}") for count in range(50) for each in bars_until()]

    def store(step: int) -> tuple[int, int]:
        database = Database(lambda: migrated, sslmode="prefer")
        written = PostgresBars(database).store(bars[::step], (), "test")
        database.close()
        return written.stored, written.revised

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(store, [1, -1, 1, -1]))
    # Then each was new for one of them, and nobody changed anything
    assert sum(stored for stored, _ in found) == len(bars)
    assert [revised for _, revised in found] == [0, 0, 0, 0]


# --- situations ------------------------------------------------------------------------------------------------------


def test_a_situation_holds_what_the_rule_needs(database: Database) -> None:
    # Given bars before and after now, and stories of two tickers
    bars = bars_until(NOON + 2 * FIVE_MINUTES, closes=[*range(100, 130)])
    PostgresBars(database).store(bars, (), "test")
    tell(database, "s1", ["ACME", "BETA"])
    tell(database, "s2", ["ACME"], sentiment=-0.25, published=None, story_uid="another", new_since_reading=True)
    tell(database, "s3", [], sentiment=0.1)
    # When they are asked for
    found = situations(database)
    # Then each ticker in the news has its own, with the last twenty bars that had ended
    assert set(found) == {"ACME", "BETA"}
    acme = found["ACME"]
    assert acme.bars == tuple(each for each in bars if each.start + FIVE_MINUTES <= NOON)[-20:]
    stories = {each.story_uid: each for each in acme.stories}
    assert {each.sentiment for each in acme.stories} == {0.9, -0.25}
    # And a story without a date that was new since the last reading is as old as our knowledge of it
    assert stories["another"].published_at == NOON - timedelta(minutes=55)
    assert (found["BETA"].bars, len(found["BETA"].stories), acme.last_made_at) == ((), 1, None)


def test_each_company_has_its_own_tone(database: Database) -> None:
    # Given a story that is good for one company and bad for another; the third has the tone of the whole story
    own = '{"positive": 0.0, "neutral": 0.25, "negative": 0.75}'
    tell(database, "s1", ["ACME", "BETA"], sentiment=0.5, tones=f'{{"BETA": {{"label": "negative", "scores": {own}}}}}')
    # When the situations are read, then each company has its own sentiment
    found = situations(database)
    assert [found[ticker].stories[0].sentiment for ticker in ("ACME", "BETA")] == [0.5, -0.75]


def test_a_story_of_unknown_age_has_no_weight(database: Database) -> None:
    tell(database, "dated", ["ACME"])
    tell(database, "undated", ["ACME", "BETA"], published=None)
    found = situations(database)
    assert {ticker: len(each.stories) for ticker, each in found.items()} == {"ACME": 1}


@pytest.mark.parametrize("published", [NOON - timedelta(hours=30), None], ids=["dated", "of unknown age"])
def test_a_retold_story_is_as_old_as_its_first_telling(database: Database, published: datetime | None) -> None:
    # Given a story that was told 30 hours ago, of another ticker or with an unknown date, and is told again
    tell(database, "first", ["BETA"], published=published, known=NOON - timedelta(hours=30), story_uid="s")
    tell(database, "again", ["ACME"], story_uid="s")
    # When the situations are asked for
    (again,) = situations(database)["ACME"].stories
    # Then the retelling carries the first telling, and so has no weight in a window of 24 hours
    assert again.first_told_at == NOON - timedelta(hours=30)
    assert sentiment_at([again], NOON, INTRADAY) is None


def test_the_news_report_has_every_story_with_its_tones(database: Database) -> None:
    # Given a story of two companies, a retelling of an old one, one of unknown age, and one that waits for its label
    own = '{"positive": 0.0, "neutral": 0.25, "negative": 0.75}'
    tell(database, "s1", ["ACME", "BETA"], sentiment=0.5, tones=f'{{"BETA": {{"label": "negative", "scores": {own}}}}}')
    tell(database, "first", [], published=NOON - timedelta(hours=30), known=NOON - timedelta(hours=30), story_uid="s")
    tell(database, "again", ["ACME"], published=NOON - timedelta(hours=2), story_uid="s")
    tell(database, "undated", ["ACME"], published=None)
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO inbound_events_raw (event_uid, feed_id, entry_id, title, summary, content_sha256, story_uid)"
            " VALUES (%(uid)s, 'wire', 'waits', 'title', '', repeat('0', 64), %(uid)s)",
            {"uid": b"waits".hex().rjust(32, "0")},
        )
    # When the news is reported
    signals = PostgresSignals(database)
    found = news_report(
        signals.stories(ticker=None, limit=10),
        tuple(signals.situations(NOON, INTRADAY)),
        INTRADAY,
        now=NOON,
        market_open=True,
    )
    # Then each story says what it weighs for which company, or why nothing
    by_uid = {bytes.fromhex(each.event_uid.lstrip("0")).decode(): each for each in found.stories}
    assert {uid: each.no_weight for uid, each in by_uid.items()} == {
        "s1": None,
        "first": "no_company",
        "again": None,
        "undated": "age_unknown",
        "waits": "not_classified",
    }
    assert [(each.ticker, each.tone, each.weight) for each in by_uid["s1"].companies] == [
        ("ACME", 0.5, 0.8909),
        ("BETA", -0.75, 0.8909),
    ]
    assert [each.no_weight for each in by_uid["again"].companies] == ["told_before"]
    assert [each.ticker for each in found.companies] == ["ACME", "BETA"]
    # And one company has its own stories only
    assert len(signals.stories(ticker="BETA", limit=10)) == 1
    assert len(signals.stories(ticker=None, limit=2)) == 2


def test_stories_out_of_the_window_or_not_yet_known_are_left_out(database: Database) -> None:
    tell(database, "old", ["OLD"], known=NOON - INTRADAY.window)
    tell(database, "new", ["NEW"], known=NOON + timedelta(seconds=1))
    tell(database, "now", ["NOW"], known=NOON)
    assert set(situations(database)) == {"NOW"}


def test_the_rule_says_the_same_of_rows_as_of_objects(database: Database) -> None:
    # Given the situation of the rule's own tests, in tables
    PostgresBars(database).store(bars_until(), (), "test")
    tell(database, "s1", ["ACME"])
    (from_rows,) = (apply_rule(each, INTRADAY) for each in situations(database).values())
    uid = b"s1".hex().rjust(32, "0")
    from_objects = apply_rule(situation(stories=(story(uid=uid),)), INTRADAY)
    assert from_rows == from_objects
    assert isinstance(from_rows, Signal)


# --- recommendations -------------------------------------------------------------------------------------------------


def test_a_recommendation_is_kept_once_and_as_pending(database: Database) -> None:
    store = PostgresSignals(database)
    made = signal()
    assert store.add([made], INTRADAY.cooldown) == (made.recommendation_id,)
    assert store.add([made], INTRADAY.cooldown) == ()
    assert store.add([made], timedelta(0)) == ()  # by its key too, not by the cooldown only
    with database.transaction() as connection:
        (row,) = connection.execute(
            "SELECT ticker, side, status, quantity, reference_price, rule_version, made_at, expires_at,"
            " evidence -> 'stories' -> 0 ->> 'event_uid', evidence ->> 'close' FROM dispatch_recommendations"
        ).fetchall()
    assert row == (
        *("ACME", "BUY", "PENDING", 8, Decimal(101), INTRADAY.version, NOON, NOON + INTRADAY.lifetime),
        *("s1", "101"),
    )
    tell(database, "s1", ["ACME"])
    assert situations(database, NOON + FIVE_MINUTES)["ACME"].last_made_at == NOON


def later(minutes: float) -> Signal:
    now = NOON + timedelta(minutes=minutes)
    fresh = (story(published_at=now - timedelta(hours=1), known_at=now),)
    return signal(now=now, bars=bars_until(now), stories=fresh)


def test_the_cooldown_holds_in_the_database_too(database: Database) -> None:
    store = PostgresSignals(database)
    store.add([signal()], INTRADAY.cooldown)
    other = signal(ticker="BETA", bars=tuple(bar(each.start, each.close, "BETA") for each in bars_until()))
    # Given a signal before the cooldown is over, one after it, and another ticker's
    assert store.add([later(235)], INTRADAY.cooldown) == ()
    assert store.add([other], INTRADAY.cooldown) == (other.recommendation_id,)
    assert len(store.add([later(240)], INTRADAY.cooldown)) == 1


def test_of_many_at_once_one_recommends(migrated: DatabaseLogin, database: Database) -> None:
    # Given eight functions, each of which would recommend the same ticker on another bar
    def add(count: int) -> int:
        own = Database(lambda: migrated, sslmode="prefer")
        added = PostgresSignals(own).add([later(5 * count)], INTRADAY.cooldown)
        own.close()
        return len(added)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(add, range(8)))
    # Then one of them does
    with database.transaction() as connection:
        kept = connection.execute("SELECT made_at FROM dispatch_recommendations ORDER BY made_at").fetchall()
    assert sum(found) == len(kept) == 1


def test_two_signals_of_one_ticker_in_one_batch_are_one(database: Database) -> None:
    assert len(PostgresSignals(database).add([signal(), later(5)], INTRADAY.cooldown)) == 1
