"""Claiming, fetching and storing as use cases: what an answer becomes, what goes by claim check, what is told."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.domain.feeds import DueFeed, Entry, FeedUpdate, FetchResult, FetchStatus, ListedFeed
from bellwether.news.domain.stories import Batch
from bellwether.news.ports.feed_access import FeedDocument, FeedResponse, Stored
from bellwether.news.usecases.fetch_feeds import INLINE_BYTES, FetchPayload, fetch_feeds, pack_results, unpack_results
from bellwether.news.usecases.list_due_feeds import list_due_feeds
from bellwether.news.usecases.store_entries import ENTRIES_AT_ONCE, store_entries
from bellwether.shared.domain.errors import (
    BellwetherError,
    InvalidInputError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)
from tests.fakes.feeds import NotedFeeds, ScriptedFetcher
from tests.fakes.objects import InMemoryObjectStore
from tests.feed_builders import NOON, due, entry, result, rss


class FixedClock:
    """Always noon."""

    def now(self) -> Any:
        return NOON


def fetched(objects: InMemoryObjectStore | None = None, feed: DueFeed | None = None, **changes: Any) -> FetchResult:
    """What a use case makes of one answer."""
    feed = feed or due()
    answer = FeedResponse(**{"feed": feed, "fetched_at": NOON, "url": feed.url, "http_status": 200, **changes})
    (got,) = fetch_feeds(
        ScriptedFetcher(answer), FeedparserReader(), objects or InMemoryObjectStore(), [feed], seconds_left=lambda: 9
    )
    return got


# --- claiming -------------------------------------------------------------------------------------------------------


def test_the_list_is_brought_in_and_what_is_due_soon_is_claimed_for_the_lease() -> None:
    store, feeds = NotedFeeds(due()), (ListedFeed(feed_id="a", url="https://example.org"),)
    assert list_due_feeds(store, FixedClock(), feeds, lease_seconds=300, limit=9) == (due(),)
    assert store.listed == [feeds]
    assert store.claims == [(NOON, NOON + timedelta(seconds=15), NOON + timedelta(seconds=300), 9)]


def test_without_a_list_it_stays_as_it_is() -> None:
    store = NotedFeeds()
    list_due_feeds(store, FixedClock(), None, lease_seconds=300, limit=9)
    assert store.listed == []


@pytest.mark.parametrize("url", ["ftp://example.org", "https://exa mple.org", "file:///etc/passwd", "", "https://"])
def test_a_list_with_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        ListedFeed(feed_id="a", url=url)


# --- what an answer becomes -----------------------------------------------------------------------------------------


def test_a_document_becomes_entries_with_validators_and_the_publishers_wish() -> None:
    got = fetched(
        content=rss(2, channel="<ttl>10</ttl>"), etag='"1"', max_age_seconds=300, moved_to="https://m.example/"
    )
    assert (got.status, len(got.entries), got.interval_seconds) == ("changed", 2, 600)
    assert (got.etag, got.last_modified, got.moved_to) == ('"1"', None, "https://m.example/")
    assert got.entries[0].entry_id == "//example.org/0"
    # And the same bytes again are no news, though the server knows nothing of ETags
    again = fetched(feed=due(body_sha256=got.body_sha256), content=rss(2, channel="<ttl>10</ttl>"))
    assert (again.status, again.entries, again.body_sha256) == ("unchanged", (), got.body_sha256)


def test_not_modified_keeps_what_it_does_not_repeat() -> None:
    feed = due(etag='"1"', last_modified="yesterday", body_sha256="ab", interval_seconds=900, failures=3)
    got = fetched(feed=feed, http_status=304, etag='"2"')
    assert (got.status, got.etag, got.last_modified, got.body_sha256) == ("unchanged", '"2"', "yesterday", "ab")
    assert got.interval_seconds == 900


def test_not_modified_is_no_answer_to_who_has_nothing() -> None:
    got = fetched(feed=due(body_sha256="ab"), http_status=304)
    assert (got.status, got.error) == ("failed", "HTTP 304")


def test_a_reason_that_quotes_a_stranger_can_be_kept() -> None:
    for changes in ({"error": "bad \0 \ud800 host"}, {"unreadable": "bad \0 \ud800 host"}):
        answered: dict[str, Any] = {"http_status": None, **changes}
        got = fetched(**answered)
        assert "bad     host" in (got.error or "")
        pack_results(InMemoryObjectStore(), [got])


def test_documents_that_take_long_leave_the_others_for_the_next_round() -> None:
    # Given three answers, and time to read two of them
    feeds = [due(feed_id=name) for name in ("a", "b", "c")]
    answers = [FeedResponse(each, NOON, each.url, 200, rss(1)) for each in feeds]
    left = iter([9.0, 9.0, 1.0, 0.0])
    # When they are read
    results = list(
        fetch_feeds(
            ScriptedFetcher(*answers),
            FeedparserReader(),
            InMemoryObjectStore(),
            feeds,
            seconds_left=lambda: next(left),
        )
    )
    # Then the third counts as not asked, and is due at once
    assert [each.status for each in results] == ["changed", "changed", "untried"]


def test_a_document_for_which_the_run_has_no_time_left_is_untried() -> None:
    class SlowMachine(FeedparserReader):
        def parse(self, content: bytes, **facts: Any) -> FeedDocument:
            raise TimeoutError(facts["seconds_left"])

    feed = due(failures=2)
    answer = FeedResponse(feed, NOON, feed.url, 200, rss(1))
    (got,) = fetch_feeds(ScriptedFetcher(answer), SlowMachine(), InMemoryObjectStore(), [feed], seconds_left=lambda: 9)
    assert (got.status, got.failures, got.error) == ("untried", 2, None)


def test_gone_failed_and_untried_are_told_apart() -> None:
    assert fetched(http_status=410).status == "gone"
    assert fetched(http_status=None, tried=False).status == "untried"
    refused = fetched(http_status=429, retry_after_seconds=60)
    assert (refused.status, refused.error, refused.retry_after_seconds) == ("failed", "HTTP 429", 60)
    mute = fetched(http_status=None, error="no whole answer within 15 s", moved_to="https://m.example/")
    assert (mute.status, mute.error, mute.moved_to) == ("failed", "no whole answer within 15 s", None)


@pytest.mark.parametrize(
    ("date", "known"),
    [
        ("Mon, 02 Mar 2126 12:00:00 GMT", False),
        ("Mon, 02 Mar 2027 12:00:00 GMT", False),
        ("Mon, 02 Mar 2026 13:00:00 GMT", False),  # an hour ahead: a zone is misread
        ("Mon, 02 Mar 2026 12:10:00 GMT", True),  # a clock that is ahead
        ("Mon, 02 Mar 1926 12:00:00 GMT", False),
        ("Thu, 01 Jan 1970 00:00:00 GMT", False),
        ("soon", False),
    ],
)
def test_a_date_that_cannot_be_right_is_unknown(date: str, known: bool) -> None:
    (entry_,) = fetched(content=rss([{"title": "A title", "pubDate": date}])).entries
    assert (entry_.published_at is not None) == known


@pytest.mark.parametrize(
    ("date", "is_old"),
    [("2026-02-27", True), ("2026-03-01", False), ("2026-03-02 11:00", False), ("1970-01-01", False), ("soon", False)],
)
def test_an_inexact_date_is_unknown_but_tells_an_old_entry(date: str, is_old: bool) -> None:
    (entry_,) = fetched(content=rss([{"title": "A title", "pubDate": date}])).entries
    assert (entry_.published_at, entry_.is_old) == (None, is_old)


def test_an_entry_that_says_nothing_is_counted() -> None:
    got = fetched(content=rss([{"title": "Something"}, {}]))
    assert (len(got.entries), got.empty_entries) == (1, 1)


# --- quarantine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"content": b"<html>Log in</html>"}, {"content": b"\x1f\x8b", "unreadable": "compressed data is cut off"}],
)
def test_what_nobody_can_read_is_kept_with_its_reason_once_a_day(changes: dict[str, Any]) -> None:
    objects = InMemoryObjectStore()
    got, again = (fetched(objects, content_type="text/html", **changes) for _ in range(2))
    assert got == again
    assert got.status == "failed"
    assert got.quarantine_key is not None
    assert got.quarantine_key.startswith("news/quarantine/2026-03-02/")
    assert objects.keys() == [got.quarantine_key, f"{got.quarantine_key}.reason.json"]
    assert objects.get(got.quarantine_key).content == changes["content"]
    told = json.loads(objects.get(f"{got.quarantine_key}.reason.json").content)
    assert told["file"] == "example"
    assert told["url"] == due().url
    assert told["reason"] in (got.error or "")


def test_a_quarantine_that_is_shut_hides_no_reason() -> None:
    objects = InMemoryObjectStore()

    def shut(_: str) -> None:
        raise UpstreamError("no right")

    objects.before_put = shut
    got = fetched(objects, content=b"<html>")
    assert got.quarantine_key is None
    assert "no entries" in (got.error or "")
    assert "not quarantined: no right" in (got.error or "")


# --- claim check ----------------------------------------------------------------------------------------------------


def test_small_results_travel_themselves_and_large_ones_by_their_key() -> None:
    objects = InMemoryObjectStore()
    small = (result(entries=(entry(1),)),)
    large = (result(entries=tuple(entry(n, summary="x" * 500) for n in range(400))),)
    for results, inline in ((small, True), (large, False)):
        # Given results; when they are handed over as JSON and taken over
        payload = pack_results(objects, results)
        passed_on = json.dumps(payload.model_dump(mode="json", exclude_none=True))
        assert len(passed_on) < INLINE_BYTES * 1.2
        assert (payload.results is not None) == inline
        # Then they are the same
        assert unpack_results(objects, FetchPayload.model_validate_json(passed_on)) == results
    assert [key.startswith("news/fetched/") for key in objects.keys("")] == [True]


def test_a_handover_is_one_of_the_two_and_points_nowhere_else() -> None:
    for nonsense in ({}, {"results": [], "results_key": "news/fetched/1.json"}, {"results_key": "fred-data/x.json"}):
        with pytest.raises(ValidationError):
            FetchPayload.model_validate(nonsense)
    with pytest.raises(NotFoundError):
        unpack_results(InMemoryObjectStore(), FetchPayload(results_key="news/fetched/0-0.json"))


texts = st.text(max_size=12)
entries_of_all_kinds = st.builds(
    Entry,
    entry_id=texts,
    url=st.none() | texts,
    title=texts,
    summary=texts,
    published_at=st.none() | st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
results_of_all_kinds = st.builds(
    FetchResult,
    feed_id=st.sampled_from(["a", "b"]),
    claim_token=st.uuids(),
    status=st.sampled_from(get_args(FetchStatus)),
    fetched_at=st.just(NOON),
    interval_seconds=st.integers(1, 9),
    failures=st.integers(0, 9),
    http_status=st.none() | st.integers(100, 599),
    etag=st.none() | texts,
    last_modified=st.none() | texts,
    body_sha256=st.none() | texts,
    moved_to=st.none() | st.just("https://example.org/"),
    retry_after_seconds=st.none() | st.integers(0, 9),
    entries=st.lists(entries_of_all_kinds, max_size=3).map(tuple),
    error=st.none() | texts,
    quarantine_key=st.none() | texts,
)


@given(st.lists(results_of_all_kinds, max_size=3).map(tuple), st.booleans())
def test_every_result_survives_the_way_to_the_next_step(results: tuple[FetchResult, ...], drop_nulls: bool) -> None:
    # Given results with or without each optional value; when the handler returns them as JSON, nulls left out or not
    objects = InMemoryObjectStore()
    passed_on = json.dumps(pack_results(objects, results).model_dump(mode="json", exclude_none=drop_nulls))
    # Then the next step reads the same
    assert unpack_results(objects, FetchPayload.model_validate(json.loads(passed_on))) == results


@pytest.mark.parametrize(
    "item",
    [
        {"title": "Zenith wins a big order today", "link": "https://example.org/1"},
        {"title": "Zenith wins a big order today", "guid": "a1", "pubDate": "Mon, 02 Mar 2026 11:00:00 GMT"},
        {"title": "Zenith wins a big order today"},
    ],
    ids=["no date", "no link", "neither"],
)
def test_an_entry_without_date_or_link_reaches_the_store_with_unknown_values(item: dict[str, str]) -> None:
    # Given a feed with one incomplete entry between two complete ones
    got = fetched(content=rss([{"title": "First story", "guid": "1"}, item, {"title": "Last story", "guid": "2"}]))
    # When it is handed over
    objects = InMemoryObjectStore()
    handed = pack_results(objects, [got]).model_dump(mode="json", exclude_none=True)
    # Then all three arrive
    assert unpack_results(objects, FetchPayload.model_validate(handed)) == (got,)
    assert len(got.entries) == 3


def test_a_result_that_cannot_be_read_is_a_failure_of_its_feed_alone() -> None:
    # Given a payload with a result that has an unreadable entry, one that names no feed, and a good one
    good = result(feed_id="good", entries=(entry(1),)).model_dump(mode="json")
    bad = {**good, "feed_id": "bad", "entries": [{"entry_id": "1", "title": 3}]}
    payload = FetchPayload.model_validate({"results": [bad, {"status": "changed"}, good]})
    # When it is unpacked; then the good one is whole and the bad one has failed, with its place
    failed, whole = unpack_results(InMemoryObjectStore(), payload)
    assert whole == result(feed_id="good", entries=(entry(1),))
    assert (failed.feed_id, failed.status, failed.entries) == ("bad", "failed", ())
    assert "entries.0.title" in (failed.error or "")


def test_a_feed_that_breaks_the_parser_does_not_stop_the_others() -> None:
    class BreakingParser(FeedparserReader):
        def parse(self, content: bytes, **facts: Any) -> FeedDocument:
            if b"bad" in content:
                raise RuntimeError("unforeseen")
            return super().parse(content, **facts)

    feeds = [due(feed_id=name) for name in ("bad", "good")]
    answers = [FeedResponse(each, NOON, each.url, 200, rss(1, channel=f"<x>{each.feed_id}</x>")) for each in feeds]
    bad, good = fetch_feeds(
        ScriptedFetcher(*answers), BreakingParser(), InMemoryObjectStore(), feeds, seconds_left=lambda: 9
    )
    assert (bad.status, bad.error) == ("failed", "not processed: RuntimeError: unforeseen")
    assert (good.status, len(good.entries)) == ("changed", 1)


# --- storing --------------------------------------------------------------------------------------------------------


class RefusingFeeds(NotedFeeds):
    """FeedStore that refuses batches with certain titles, as the database refuses a value."""

    def __init__(self, **refused: BellwetherError) -> None:
        super().__init__()
        self.refused = refused

    def store(self, batch: Batch, updates: Sequence[FeedUpdate], *, now: datetime) -> Stored:
        for story in batch.stories:
            if story.title in self.refused:
                raise self.refused[story.title]
        return super().store(batch, updates, now=now)

    def state(self, feed_id: str) -> FeedUpdate:
        (update,) = (each for _, updates in self.stored for each in updates if each.feed_id == feed_id)
        return update


def test_an_entry_that_the_database_refuses_is_left_out_and_reported() -> None:
    # Given a feed with one entry that the database refuses, beside a good feed
    store = RefusingFeeds(poison=InvalidInputError("a NUL character", field="title"))
    entries = (entry(1), entry(2, title="poison"), entry(3))
    results = [result(feed_id="mixed", entries=entries), result(feed_id="good", entries=(entry(4),))]
    # When both are stored
    told = store_entries(store, FixedClock(), results, retention_days=30)
    # Then all other entries are stored, and the feed's state says what was left out
    stored = {story.title for batch, _ in store.stored for story in batch.stories}
    assert stored == {entry(1).title, entry(3).title, entry(4).title}
    assert store.state("mixed").error == "1 entries not stored: title: a NUL character"
    assert store.state("mixed").succeeded
    assert (store.state("good").error, told.failed_feeds) == (None, ())


def test_a_feed_of_which_nothing_can_be_stored_fails_alone_and_backs_off() -> None:
    store = RefusingFeeds(poison=UpstreamError("row refused"))
    results = [result(feed_id="bad", entries=(entry(2, title="poison"),)), result(feed_id="good", entries=(entry(1),))]
    told = store_entries(store, FixedClock(), results, retention_days=30)
    assert [(each.feed_id, each.error, each.failures) for each in told.failed_feeds] == [
        ("bad", "not stored: row refused", 1)
    ]
    assert store.state("bad").next_attempt_at > NOON + timedelta(seconds=60)
    assert store.state("good").succeeded


def test_a_feed_whose_statement_takes_too_long_fails_alone() -> None:
    store = RefusingFeeds(slow=TransientUpstreamError("canceling statement due to statement timeout"))
    results = [result(feed_id="slow", entries=(entry(2, title="slow"),)), result(feed_id="good", entries=(entry(1),))]
    told = store_entries(store, FixedClock(), results, retention_days=30)
    assert [each.feed_id for each in told.failed_feeds] == ["slow"]
    assert store.state("good").succeeded


def test_a_database_that_is_away_fails_the_run_so_that_it_is_retried() -> None:
    class AwayFeeds(NotedFeeds):
        def store(self, batch: Batch, updates: Sequence[FeedUpdate], *, now: datetime) -> Stored:
            raise TransientUpstreamError("connection refused")

    results = [result(feed_id="a", entries=(entry(1),)), result(feed_id="b")]
    with pytest.raises(TransientUpstreamError):
        store_entries(AwayFeeds(), FixedClock(), results, retention_days=30)


def test_what_was_stored_and_what_failed_is_told() -> None:
    store = NotedFeeds()
    told = store_entries(
        store,
        FixedClock(),
        [
            result(feed_id="well", entries=(entry(1), entry(2))),
            result(feed_id="same", status="unchanged"),
            result(feed_id="gone", status="gone"),
            result(feed_id="bad", status="failed", error="HTTP 500", failures=4),
            result(feed_id="late", status="untried"),
        ],
        retention_days=30,
    )
    assert (told.stored, told.feeds, told.unchanged_feeds, told.retired_feeds) == (2, 5, 1, ("gone",))
    assert [(each.feed_id, each.error, each.failures) for each in told.failed_feeds] == [("bad", "HTTP 500", 5)]
    assert store.deleted == [NOON - timedelta(days=30)]
    ((batch, updates),) = store.stored
    assert len(batch.stories) == 2
    assert [each.feed_id for each in updates] == ["well", "same", "gone", "bad", "late"]


def test_a_publisher_who_floods_takes_no_other_feed_along() -> None:
    # Given one feed with more entries than are stored at once, between two small ones
    flood = tuple(entry(n) for n in range(ENTRIES_AT_ONCE + 1))
    results = [
        result(feed_id="small", entries=(entry(1),)),
        result(feed_id="flood", entries=flood),
        result(feed_id="last", entries=(entry(2),)),
        result(feed_id="same", status="unchanged"),
    ]
    store = NotedFeeds()
    told = store_entries(store, FixedClock(), results, retention_days=30)
    # Then each is stored with its state, the flood by itself
    assert [[each.feed_id for each in updates] for _, updates in store.stored] == [
        ["small"],
        ["flood"],
        ["last", "same"],
    ]
    assert (told.stored, told.feeds) == (ENTRIES_AT_ONCE + 3, 4)
