"""The configured feed list: a bad item is left out and reported, the others are polled."""

import json
from typing import Any

import pytest

from bellwether.news.domain.feed_list import MAX_FEEDS, read_feed_list
from bellwether.news.domain.feeds import ListedFeed
from bellwether.news.usecases.list_due_feeds import configured_feeds
from tests.fakes.objects import InMemoryObjectStore

GOOD = {"feed_id": "good", "url": "https://example.org/feed"}


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"feed_id": "My_Feed", "url": "https://example.org/x"}, "feed_id 'My_Feed': use a-z, 0-9 and hyphens"),
        ({"feed_id": "b", "url": "feed://example.org/x"}, "url 'feed://example.org/x': only http:// and https://"),
        ({"feed_id": "b"}, "url is missing"),
        ({"url": "https://example.org/x"}, "feed_id is missing"),
        ({"feed_id": "good", "url": "https://example.org/x"}, "an earlier feed has the same feed_id"),
        ({"feed_id": 3, "url": None}, "feed_id: Input should be a valid string"),
        ("https://example.org/x", "'https://example.org/x' is not an object with feed_id and url"),
        (None, "None is not an object with feed_id and url"),
        ([], "[] is not an object with feed_id and url"),
    ],
)
def test_a_bad_item_is_left_out_with_its_place_and_reason(item: Any, reason: str) -> None:
    listed = read_feed_list(json.dumps([GOOD, item, {"feed_id": "last", "url": "https://example.org/last"}]))
    assert [each.feed_id for each in listed.feeds or ()] == ["good", "last"]
    (problem,) = listed.problems
    assert problem.place.startswith("item 2")
    assert problem.reason.startswith("left out: ")
    assert reason in problem.reason


def test_a_feed_with_an_unknown_key_is_polled_and_the_key_is_reported() -> None:
    listed = read_feed_list([GOOD | {"title": "note"}])
    assert listed.feeds == (ListedFeed.model_validate(GOOD),)
    assert [(each.place, each.reason) for each in listed.problems] == [
        ("item 1 ('good')", "unknown keys are ignored: title")
    ]


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({"interval_seconds": 900, "identity": "link"}, []),
        ({"interval_seconds": 5}, ["interval_seconds '5' is ignored"]),
        ({"interval_seconds": "an hour", "identity": "title"}, ["interval_seconds 'an hour'", "identity 'title'"]),
    ],
)
def test_a_feed_is_polled_without_options_that_can_not_be_used(options: dict[str, Any], reasons: list[str]) -> None:
    listed = read_feed_list([GOOD | options])
    usable = {} if reasons else options
    assert listed.feeds == (ListedFeed.model_validate(GOOD | usable),)
    assert len(listed.problems) == len(reasons)
    for problem, reason in zip(listed.problems, reasons, strict=True):
        assert problem.reason.startswith(reason)


def test_a_list_in_the_data_bucket_is_read() -> None:
    objects = InMemoryObjectStore({"news/feeds/a.json": json.dumps([GOOD]).encode()})
    listed = configured_feeds('{"s3_key": "news/feeds/a.json"}', objects)
    assert listed.feeds == (ListedFeed.model_validate(GOOD),)
    assert listed.problems == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"s3_key": "news/feeds/gone.json"}', "news/feeds/gone.json"),
        ('{"s3_key": "news/quarantine/x"}', "not a key under news/feeds/"),
        ('{"s3_key": "news/feeds/../x"}', "not a key under news/feeds/"),
        ('{"s3_key": "news/feeds/bytes.json"}', "can't decode"),
        ('{"s3_key": "news/feeds/object.json"}', "not a JSON array"),
        ('{"s3_key": 3}', "not a key under news/feeds/"),
    ],
)
def test_a_list_that_can_not_be_read_from_the_bucket_changes_nothing(content: str, reason: str) -> None:
    objects = InMemoryObjectStore({"news/feeds/bytes.json": b"\xff", "news/feeds/object.json": b"{}"})
    listed = configured_feeds(content, objects)
    assert listed.feeds is None
    assert reason in listed.problems[0].reason


@pytest.mark.parametrize("content", ["", "[{", '{"feeds": []}', "3", "null", "[" * 100_000])
def test_without_a_readable_list_the_feeds_stay_as_they_are(content: str) -> None:
    listed = read_feed_list(content)
    assert listed.feeds is None
    assert [each.place for each in listed.problems] == ["list"]


def test_a_list_that_is_too_long_is_cut_and_reported() -> None:
    listed = read_feed_list([{"feed_id": f"f{n}", "url": "https://example.org/"} for n in range(MAX_FEEDS + 2)])
    assert len(listed.feeds or ()) == MAX_FEEDS
    assert [each.place for each in listed.problems] == [f"item {MAX_FEEDS + 1} ('f{MAX_FEEDS}')"]
