"""Feeds and events in a real PostgreSQL: claims, versions, stories, two at once, plans of what runs every minute."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bellwether.news.adapters.postgres_feeds import STORE, PostgresFeeds, story_columns
from bellwether.news.domain.entry_identity import FeedIdentity
from bellwether.news.domain.feeds import DueFeed, Entry, FetchResult, ListedFeed, after
from bellwether.news.domain.stories import as_batch, event_uid
from bellwether.news.ports.feed_access import Stored
from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from tests.feed_builders import NOON, entry, result

LEASE = timedelta(minutes=5)


def listed(*feed_ids: str) -> tuple[ListedFeed, ...]:
    return tuple(ListedFeed(feed_id=each, url=f"https://{each}.example.org/feed") for each in feed_ids)


def claim(store: PostgresFeeds, now: datetime = NOON, *, limit: int = 100) -> tuple[DueFeed, ...]:
    return store.claim_due(now=now, due_by=now, claimed_until=now + LEASE, limit=limit)


def keep(store: PostgresFeeds, *results: FetchResult, now: datetime = NOON) -> Stored:
    batch = as_batch((each.feed_id, each.fetched_at, each.entries) for each in results)
    return store.store(batch, [after(each) for each in results], now=now)


def told(feed: DueFeed, *entries: Entry, at: datetime = NOON, **changes: Any) -> FetchResult:
    """The feed's answer with these entries."""
    return result(feed_id=feed.feed_id, claim_token=feed.claim_token, entries=entries, fetched_at=at, **changes)


def rows(database: Database, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with database.transaction() as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()


@pytest.fixture
def feed(store: PostgresFeeds) -> DueFeed:
    """One feed, claimed."""
    store.list_feeds(listed("example"), now=NOON)
    (claimed,) = claim(store)
    return claimed


# --- claims ---------------------------------------------------------------------------------------------------------


def test_a_listed_feed_is_due_at_once_and_claimed_once(store: PostgresFeeds) -> None:
    store.list_feeds(listed("a", "b"), now=NOON)
    first = claim(store)
    assert [each.feed_id for each in first] == ["a", "b"]
    assert len({each.claim_token for each in first}) == 2
    assert claim(store) == ()
    # And a claim that nobody came back with is free again
    again = claim(store, NOON + LEASE)
    assert [each.feed_id for each in again] == ["a", "b"]
    assert {each.claim_token for each in again}.isdisjoint(each.claim_token for each in first)


def test_claims_at_once_share_the_feeds(store: PostgresFeeds, migrated: DatabaseLogin) -> None:
    # Given 40 due feeds and four that claim at once
    store.list_feeds(listed(*(f"feed-{n}" for n in range(40))), now=NOON)
    databases = [Database(lambda: migrated, sslmode="prefer") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda each: claim(PostgresFeeds(each), limit=10), databases))
    for each in databases:
        each.close()
    # Then none got what another has
    assert len([each.feed_id for part in claims for each in part]) == len({f.feed_id for part in claims for f in part})


def test_a_feed_that_is_listed_no_longer_rests_and_comes_back(store: PostgresFeeds) -> None:
    store.list_feeds(listed("a", "b"), now=NOON)
    store.list_feeds(listed("a"), now=NOON)
    assert [each.feed_id for each in claim(store)] == ["a"]
    store.list_feeds(listed("a", "b"), now=NOON)
    assert [each.feed_id for each in claim(store)] == ["b"]


def test_the_same_list_again_changes_nothing(store: PostgresFeeds, database: Database, feed: DueFeed) -> None:
    keep(store, told(feed, etag='"1"', moved_to="https://moved.example.org/"))
    before = rows(database, "SELECT xmin, * FROM feed_state")
    store.list_feeds(listed("example"), now=NOON)
    assert rows(database, "SELECT xmin, * FROM feed_state") == before


def test_a_new_address_starts_afresh_and_brings_a_retired_feed_back(store: PostgresFeeds, feed: DueFeed) -> None:
    # Given a feed that said 410
    keep(store, told(feed, status="gone", http_status=410, etag='"1"'))
    assert claim(store, NOON + timedelta(days=365)) == ()
    # When its address is changed
    store.list_feeds([ListedFeed(feed_id="example", url="https://new.example.org/")], now=NOON)
    # Then it is asked there, with nothing from before
    (again,) = claim(store)
    assert (again.url, again.etag, again.failures) == ("https://new.example.org/", None, 0)


# --- age of stories --------------------------------------------------------------------------------------------------


def ages(database: Database) -> dict[str, datetime | None]:
    """The instant from which each entry's age counts."""
    return dict(rows(database, "SELECT title, dated_at FROM inbound_events_raw"))


def read_at(
    store: PostgresFeeds, at: datetime, *titles: str, dated: datetime | None = None, is_old: bool = False
) -> None:
    (feed,) = claim(store, at)
    entries = [
        entry(n, entry_id=title, title=title, published_at=dated, is_old=is_old) for n, title in enumerate(titles)
    ]
    keep(store, told(feed, *entries, at=at), now=at)


def test_undated_entries_of_a_first_reading_have_an_unknown_age(store: PostgresFeeds, database: Database) -> None:
    # Given a feed that is read for the first time
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "old one", "old two")
    # When it is read again with a new entry
    read_at(store, NOON + LEASE, "new", "old one", "old two")
    # Then only the new entry has a date: its arrival
    assert ages(database) == {"old one": None, "old two": None, "new": NOON + LEASE}
    assert rows(database, "SELECT title, published_at FROM inbound_events_raw WHERE new_since_reading") == [
        ("new", None)
    ]


def test_a_dated_entry_has_its_date_in_every_reading(store: PostgresFeeds, database: Database) -> None:
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "one", dated=NOON - LEASE)
    read_at(store, NOON + LEASE, "one", "two", dated=NOON - LEASE)
    assert ages(database) == {"one": NOON - LEASE, "two": NOON - LEASE}


def test_an_entry_with_an_inexact_old_date_is_never_new(store: PostgresFeeds, database: Database) -> None:
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "one")
    read_at(store, NOON + LEASE, "from the archive", "one", is_old=True)
    assert set(ages(database).values()) == {None}


def test_after_a_long_silence_an_undated_entry_has_an_unknown_age(store: PostgresFeeds, database: Database) -> None:
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "one")
    read_at(store, NOON + timedelta(hours=3), "two", "one")
    assert ages(database) == {"one": None, "two": None}


def test_a_document_of_new_entries_only_is_a_first_reading_again(store: PostgresFeeds, database: Database) -> None:
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "one", "two")
    read_at(store, NOON + LEASE, "other one", "other two")
    assert set(ages(database).values()) == {None}


def test_an_archive_that_a_feed_publishes_again_has_an_unknown_age(store: PostgresFeeds, database: Database) -> None:
    # Given a feed of two undated entries
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "one", "two")
    # When three more appear at once beside them, then they may be old; one more at a time is new
    read_at(store, NOON + LEASE, "old one", "old two", "old three", "one", "two")
    assert set(ages(database).values()) == {None}
    read_at(store, NOON + 2 * LEASE, "new", "old one", "old two", "old three", "one", "two")
    assert {title for title, age in ages(database).items() if age} == {"new"}


def test_a_feed_of_one_entry_at_a_time_has_ages_from_its_second_reading(
    store: PostgresFeeds, database: Database
) -> None:
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "one")
    read_at(store, NOON + LEASE, "two")
    assert ages(database) == {"one": None, "two": NOON + LEASE}


def test_a_new_address_is_a_first_reading(store: PostgresFeeds, database: Database) -> None:
    store.list_feeds(listed("example"), now=NOON)
    read_at(store, NOON, "one")
    store.list_feeds([ListedFeed(feed_id="example", url="https://new.example.org/")], now=NOON + LEASE)
    read_at(store, NOON + LEASE, "two", "one")
    assert ages(database) == {"one": None, "two": None}


# --- identity --------------------------------------------------------------------------------------------------------


def test_one_link_in_two_feeds_is_one_story(store: PostgresFeeds, database: Database) -> None:
    # Given two feeds with one short headline and one address, and a third with another story under the address
    store.list_feeds(listed("a", "b", "c"), now=NOON)
    one = entry(1, title="Boeing wins order", link_name="//example.org/1")
    reused = entry(2, title="Weather for the week", link_name="//example.org/1")
    for feed, told_entry in zip(claim(store), (one, one, reused), strict=True):
        keep(store, told(feed, told_entry))
    # Then the first two are one story, and the third is its own
    assert rows(database, "SELECT count(*), count(DISTINCT story_uid) FROM inbound_events_raw") == [(3, 2)]


def test_a_listed_interval_is_used_until_the_list_has_none(store: PostgresFeeds, feed: DueFeed) -> None:
    # Given a feed whose publisher asks for an hour
    keep(store, told(feed, entry(1), interval_seconds=3600))
    assert claim(store, NOON + timedelta(minutes=59)) == ()
    # When the list sets ten minutes
    (named,) = listed("example")
    store.list_feeds((named.model_copy(update={"interval_seconds": 600}),), now=NOON)
    # Then it is due ten minutes later, and fetched with that interval
    (due,) = claim(store, NOON + timedelta(minutes=10))
    assert (due.interval_seconds, due.listed_interval_seconds) == (600, 600)
    assert store.states()[0].interval_seconds == 600
    # And without it, the publisher's is used again
    keep(store, told(due, entry(1), at=NOON + timedelta(minutes=10), interval_seconds=600))
    store.list_feeds((named,), now=NOON + timedelta(minutes=10))
    (due,) = claim(store, NOON + timedelta(minutes=20))
    assert due.listed_interval_seconds is None


def test_a_listed_identity_is_fixed_until_the_list_has_none(store: PostgresFeeds, feed: DueFeed) -> None:
    keep(store, told(feed, entry(1)))
    (named,) = listed("example")
    # When the list says that links identify the entries
    store.list_feeds((named.model_copy(update={"identity": "link"}),), now=NOON)
    identity = store.identities(["example"])["example"]
    assert (identity.basis, identity.fixed, identity.reason) == ("link", True, "set in the feed list")
    # Then another list decides anew
    store.list_feeds((named.model_copy(update={"identity": "words"}),), now=NOON)
    assert store.identities(["example"])["example"].basis == "words"
    store.list_feeds((named,), now=NOON)
    identity = store.identities(["example"])["example"]
    assert (identity.basis, identity.fixed, identity.reason) == ("id", False, "")


def test_what_identifies_entries_is_recorded_and_read_again(store: PostgresFeeds, feed: DueFeed) -> None:
    identity = FeedIdentity(basis="link", reason="4 entries of one document have one id")
    answer = told(feed, entry(1))
    update = replace(after(answer), identity=identity.model_dump_json())
    store.store(as_batch([("example", NOON, answer.entries)]), [update], now=NOON)
    assert store.identities(["example", "unknown"]) == {"example": identity}
    # And a result without a document leaves it
    (again,) = claim(store, NOON + LEASE)
    keep(store, told(again, status="unchanged"))
    assert store.identities(["example"]) == {"example": identity}


# --- states ---------------------------------------------------------------------------------------------------------


def test_what_a_server_said_is_what_it_hears_next_time(store: PostgresFeeds, feed: DueFeed) -> None:
    answer: dict[str, Any] = {"etag": 'W/"1"', "last_modified": "yesterday", "body_sha256": "ab" * 32}
    keep(store, told(feed, interval_seconds=300, moved_to="https://moved.example.org/", **answer))
    assert claim(store, NOON + timedelta(seconds=299)) == ()
    (again,) = claim(store, NOON + timedelta(seconds=300))
    assert (again.url, again.interval_seconds) == ("https://moved.example.org/", 300)
    assert again.model_dump(include=set(answer)) == answer


def test_a_failure_shows_with_its_reason_and_next_attempt_and_keeps_the_rest(
    store: PostgresFeeds, database: Database, feed: DueFeed
) -> None:
    # Given a feed that was well
    keep(store, told(feed, etag='"1"'))
    (again,) = claim(store, NOON + timedelta(hours=1))
    # When it fails
    at = NOON + timedelta(hours=1)
    failed = result(
        feed_id="example",
        claim_token=again.claim_token,
        status="failed",
        http_status=503,
        error="HTTP 503",
        retry_after_seconds=7200,
        fetched_at=at,
    )
    keep(store, failed, now=at)
    # Then everybody can see it
    shown = rows(
        database,
        "SELECT failures, last_error, last_http_status, next_attempt_at, last_success_at, etag, claim_token"
        " FROM feed_state",
    )
    assert shown == [(1, "HTTP 503", 503, at + timedelta(hours=2), NOON, '"1"', None)]


def test_a_state_is_written_by_the_holder_of_the_claim_only(store: PostgresFeeds, feed: DueFeed) -> None:
    # Given a claim that ran out and that another has now
    (taken_over,) = claim(store, NOON + LEASE)
    # When the first comes back late
    late = keep(store, told(feed, entry(), etag='"late"'))
    # Then its entries are kept, its state is not
    assert (late.stored, late.feeds) == (1, 0)
    assert keep(store, told(taken_over, etag='"new"')).feeds == 1


def test_a_feed_for_which_there_was_no_time_is_due_at_once(
    store: PostgresFeeds, database: Database, feed: DueFeed
) -> None:
    keep(store, told(feed, status="untried", http_status=None))
    assert rows(database, "SELECT last_attempt_at, failures FROM feed_state") == [(None, 0)]
    assert len(claim(store)) == 1


def test_one_broken_feed_leaves_the_others_alone(store: PostgresFeeds, database: Database) -> None:
    store.list_feeds(listed("bad", "good"), now=NOON)
    bad, good = claim(store)
    keep(store, told(bad, status="failed", error="broken"), told(good, entry()))
    assert rows(database, "SELECT feed_id, failures, last_error FROM feed_state ORDER BY 1") == [
        ("bad", 1, "broken"),
        ("good", 0, None),
    ]
    assert rows(database, "SELECT count(*) FROM inbound_events_raw") == [(1,)]


# --- events ---------------------------------------------------------------------------------------------------------


def test_storing_again_stores_nothing(store: PostgresFeeds, database: Database, feed: DueFeed) -> None:
    entries = [entry(n) for n in range(50)]
    assert keep(store, told(feed, *entries)) == Stored(50, 0, 0, 0, 1)
    before = rows(database, "SELECT xmin, * FROM inbound_events_raw ORDER BY event_uid")
    # When the same entries come again, in another order and doubled
    assert keep(store, told(feed, *reversed(entries), *entries)) == Stored(0, 50, 0, 0, 0)
    # Then no row was touched
    assert rows(database, "SELECT xmin, * FROM inbound_events_raw ORDER BY event_uid") == before


def test_an_edit_is_a_version_and_keeps_the_event(store: PostgresFeeds, database: Database, feed: DueFeed) -> None:
    # Given a story
    keep(store, told(feed, entry(summary="first")))
    # When it is edited, and edited back
    later = [NOON + timedelta(hours=n) for n in (1, 2, 3)]
    counts = [
        keep(store, told(feed, entry(summary=text), at=at)).versions
        for text, at in zip(("second", "first", "second"), later, strict=True)
    ]
    # Then each text is kept once, and the event is the same one
    assert counts == [1, 1, 0]
    uid = event_uid("example", entry().entry_id)
    assert rows(database, "SELECT event_uid, summary, content_seen_at FROM inbound_events_raw") == [
        (uid, "second", later[2])
    ]
    assert rows(database, "SELECT summary, seen_at FROM inbound_event_versions ORDER BY seen_at") == [
        ("first", NOON),
        ("second", later[0]),
    ]


LABELLED = "UPDATE inbound_events_raw SET processed_at = now(), attempts = 5 WHERE event_uid = %s RETURNING 1"
SET_ASIDE = """
UPDATE inbound_events_raw SET set_aside_at = now(), set_aside_reason = 'poison', attempts = 5 WHERE event_uid = %s
RETURNING 1
"""


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        ({"title": "Acme rises on strong demand"}, {"title": "Acme falls on strong demand"}, True),
        ({"title": "Acme rises 5% on demand"}, {"title": "Acme rises 6% on demand"}, True),
        ({"title": "東京 株価 上昇"}, {"title": "東京 株価 下落"}, True),
        ({"title": "", "summary": "Acme rises"}, {"title": "", "summary": "Acme falls"}, True),
        ({"summary": "Acme rises"}, {"summary": "Zenith rises"}, True),
        ({"summary": "東京"}, {"summary": "大阪"}, True),
        ({"title": "Acme rises, on strong demand"}, {"title": "ACME rises on the strong demand!"}, False),
        ({"summary": "Acme rises"}, {"summary": "ACME - rises"}, False),
        ({"summary": "x " * 300 + "first"}, {"summary": "x " * 300 + "second"}, False),  # beyond what is looked at
        ({"url": "https://example.org/1"}, {"url": "https://example.org/2"}, False),
    ],
)
def test_other_words_are_asked_about_again(
    store: PostgresFeeds, database: Database, feed: DueFeed, before: dict[str, str], after: dict[str, str], again: bool
) -> None:
    # Given a story with its label, and one that was set aside
    keep(store, told(feed, entry(1, **before), entry(2, **before)))
    for number, command in enumerate((LABELLED, SET_ASIDE), start=1):
        rows(database, command, event_uid("example", entry(number).entry_id))
    # When they are edited
    edited = [entry(number, **after) for number in (1, 2)]
    stored = keep(store, told(feed, *edited, at=NOON + timedelta(hours=1)))
    # Then they wait anew where their words have changed, and only there
    waiting = rows(
        database, "SELECT attempts FROM inbound_events_raw WHERE processed_at IS NULL AND set_aside_at IS NULL"
    )
    assert (stored.requeued, waiting) == ((2, [(0,), (0,)]) if again else (0, []))
    # And the same text once more changes nothing
    assert keep(store, told(feed, *edited, at=NOON + timedelta(hours=9))).requeued == 0


def test_an_edit_leaves_a_claim_alone(store: PostgresFeeds, database: Database, feed: DueFeed) -> None:
    # Given a story in somebody's hands for the second time
    keep(store, told(feed, entry()))
    rows(
        database,
        """
        UPDATE inbound_events_raw SET claim_token = gen_random_uuid(), claimed_until = now(), attempts = 2 RETURNING 1
        """,
    )
    # When its text changes; Then it is still in those hands, and the attempt still counts
    assert keep(store, told(feed, entry(title="Something else entirely happened"))).requeued == 0
    assert rows(database, "SELECT claim_token IS NOT NULL, attempts FROM inbound_events_raw") == [(True, 2)]


def test_two_texts_under_one_identity_are_both_kept(store: PostgresFeeds, database: Database, feed: DueFeed) -> None:
    both = (entry(summary="one"), entry(summary="other"))
    assert keep(store, told(feed, *both)) == Stored(1, 0, 1, 0, 1)
    assert keep(store, told(feed, *both)).versions == 0
    assert rows(database, "SELECT summary FROM inbound_events_raw") == [("one",)]
    assert rows(database, "SELECT summary FROM inbound_event_versions") == [("other",)]


def test_no_text_is_too_odd_to_be_stored(store: PostgresFeeds, database: Database, feed: DueFeed) -> None:
    odd = ['{"a",NULL}', "NULL", "", "back\\slash 'n' \"quotes\"", "Ünïcødé 😀 \u2028", "%s %(now)s {}"]
    entries = [entry(n, title=text or "x", summary=text, url=None, published_at=None) for n, text in enumerate(odd)]
    keep(store, told(feed, *entries))
    assert [text for (text,) in rows(database, "SELECT summary FROM inbound_events_raw ORDER BY entry_id")] == odd


# --- stories --------------------------------------------------------------------------------------------------------

TOLD = "Apple to acquire chip designer Arteris for 2 billion dollars in cash"
RETOLD = "UPDATE 1-Apple to acquire chip designer Arteris for 2 billion dollars - Reuters"
OTHER_FIGURE = "Apple to acquire chip designer Arteris for 3 billion dollars in cash"


def stories(database: Database) -> dict[str, str]:
    """Title → title of the first telling."""
    found = rows(
        database,
        "SELECT e.title, s.title FROM inbound_events_raw e JOIN inbound_events_raw s ON s.event_uid = e.story_uid",
    )
    return dict(found)


def claimed(store: PostgresFeeds, *feed_ids: str) -> Sequence[DueFeed]:
    store.list_feeds(listed(*feed_ids), now=NOON)
    return claim(store)


def test_one_story_in_two_feeds_is_one_story(store: PostgresFeeds, database: Database) -> None:
    # Given a story in one feed
    first, second = claimed(store, "a", "b")
    keep(store, told(first, entry(1, title=TOLD)))
    # When another feed tells it an hour later, beside one with another figure
    at = NOON + timedelta(hours=1)
    answer = told(second, entry(7, title=RETOLD), entry(8, title=OTHER_FIGURE), at=at)
    assert keep(store, answer, now=at).linked == 1
    # Then the two are linked, the other stands alone
    assert stories(database) == {TOLD: TOLD, RETOLD: TOLD, OTHER_FIGURE: OTHER_FIGURE}


def test_one_story_in_one_batch_is_one_story(store: PostgresFeeds, database: Database) -> None:
    first, second = claimed(store, "a", "b")
    keep(store, told(first, entry(1, title=TOLD)), told(second, entry(7, title=RETOLD)))
    assert stories(database) == {TOLD: TOLD, RETOLD: TOLD}


def test_a_story_told_days_later_is_another(store: PostgresFeeds, database: Database) -> None:
    first, second = claimed(store, "a", "b")
    keep(store, told(first, entry(1, title=TOLD)))
    at = NOON + timedelta(days=4)
    keep(store, told(second, entry(7, title=RETOLD), at=at), now=at)
    assert stories(database) == {TOLD: TOLD, RETOLD: RETOLD}
    # And the keys of the old one are gone
    assert rows(database, "SELECT DISTINCT seen_at FROM story_keys") == [(at,)]


def test_two_that_store_at_once_store_each_once_and_link_it(
    store: PostgresFeeds, database: Database, migrated: DatabaseLogin
) -> None:
    # Given eight feeds that tell the same twenty stories, and eight workers
    feeds = claimed(store, *(f"feed-{n}" for n in range(8)))
    names = ["Acme", "Zenith", "Orion", "Delta", "Quill"]
    titles = [
        f"{name} {verb} long awaited {noun} plant"
        for name in names
        for verb, noun in [("opens", "battery"), ("shuts", "paper"), ("sues", "copper"), ("shows", "fusion")]
    ]

    def work(feed: DueFeed) -> int:
        mine = Database(lambda: migrated, sslmode="prefer")
        answer = told(feed, *(entry(n, title=title) for n, title in enumerate(titles)))
        new = [keep(PostgresFeeds(mine), answer).stored for _ in range(2)]
        mine.close()
        return sum(new)

    with ThreadPoolExecutor(16) as pool:
        stored = list(pool.map(work, [*feeds, *feeds]))
    # Then each event is there once, counted once, and there are twenty stories
    assert sum(stored) == 160
    counted = rows(
        database, "SELECT count(*), count(DISTINCT event_uid), count(DISTINCT story_uid) FROM inbound_events_raw"
    )
    assert counted == [(160, 160, 20)]


# --- retention ------------------------------------------------------------------------------------------------------


def test_what_no_feed_shows_any_more_is_forgotten_with_all_that_belongs_to_it(
    store: PostgresFeeds, database: Database, feed: DueFeed
) -> None:
    # Given two entries, one of them edited once and gone from the feed since, with a document of today
    keep(store, told(feed, entry(1, summary="first"), entry(2)))
    keep(store, told(feed, entry(1, summary="second")))
    (again,) = claim(store, NOON + timedelta(days=200))
    keep(store, told(again, entry(2), at=NOON + timedelta(days=200)))
    # When what was not seen for 180 days is forgotten
    assert store.delete_unseen(unseen_since=NOON + timedelta(days=20), limit=10) == 1
    # Then it is gone with its versions, and the one that the feed still shows is there
    assert rows(database, "SELECT entry_id FROM inbound_events_raw") == [(entry(2).entry_id,)]
    assert rows(database, "SELECT count(*) FROM inbound_event_versions") == [(0,)]


def test_what_a_silent_feed_showed_last_is_kept(store: PostgresFeeds, feed: DueFeed) -> None:
    keep(store, told(feed, entry(1)))
    assert store.delete_unseen(unseen_since=NOON + timedelta(days=1000), limit=10) == 0


# --- plans ----------------------------------------------------------------------------------------------------------


def test_what_runs_every_minute_reads_indexes_however_much_there_is(
    store: PostgresFeeds, database: Database, owner: DatabaseLogin
) -> None:
    # Given 50 000 events of 2 000 feeds, all processed but a few
    with connect(owner, sslmode="prefer") as connection:
        connection.execute(
            """
            INSERT INTO feed_state (feed_id, url, next_attempt_at)
            SELECT 'feed-' || n, 'https://example.org/' || n, now() + n * interval '1 minute'
            FROM generate_series(1, 2000) n
            """
        )
        connection.execute(
            """
            INSERT INTO inbound_events_raw (event_uid, feed_id, entry_id, title, summary, content_sha256, story_uid,
                first_seen_at, last_seen_at, processed_at)
            SELECT md5(n::text), 'feed-' || (1 + n % 2000), n, 't', 's', repeat('0', 64), md5(n::text),
                now() - n * interval '1 minute', now() - n * interval '1 minute', CASE WHEN n > 100 THEN now() END
            FROM generate_series(1, 50000) n
            """
        )
        connection.execute(
            """
            INSERT INTO story_keys SELECT (random() * 1e6)::bigint, now() - n * interval '1 second', md5(n::text)
            FROM generate_series(1, 50000) n
            """
        )
        connection.execute("ANALYZE feed_state, inbound_events_raw, story_keys")
    # When the statements are planned
    plans = {
        "feed_state_due": "SELECT feed_id FROM feed_state WHERE listed AND retired_at IS NULL"
        " AND next_attempt_at <= now() ORDER BY next_attempt_at LIMIT 100",
        "inbound_events_raw_waiting": "SELECT event_uid FROM inbound_events_raw WHERE processed_at IS NULL"
        " AND set_aside_at IS NULL ORDER BY first_seen_at LIMIT 64",
        "inbound_events_raw_seen": "SELECT max(first_seen_at) FROM inbound_events_raw",
        "inbound_events_raw_unseen": "SELECT event_uid FROM inbound_events_raw WHERE last_seen_at < now() - interval"
        " '130 days' ORDER BY last_seen_at LIMIT 500",
    }
    for index, query in plans.items():
        plan = str(rows(database, f"EXPLAIN {query}"))
        # Then each walks its index
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan
    # And storing looks up what it brings, and of each key the latest titles, and reads nothing whole
    batch = as_batch([("feed-1", NOON, [entry(n) for n in range(200)])])
    with database.transaction() as connection:
        found = connection.execute("EXPLAIN " + STORE, story_columns(batch)).fetchall()
    plan = "\n".join(line for (line,) in found)
    assert "story_keys_pkey" in plan
    assert "Seq Scan on inbound_events_raw" not in plan, plan
    assert "Seq Scan on story_keys" not in plan, plan
