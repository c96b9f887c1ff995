"""Feeds of every kind and in every state, where that data is at hand: it is no part of this repository."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import feedparser  # type: ignore[import-untyped]
import pytest

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.ports.feed_access import FeedResponse
from bellwether.news.usecases.fetch_feeds import fetch_feeds
from tests.fakes.feeds import ScriptedFetcher
from tests.fakes.objects import InMemoryObjectStore
from tests.feed_builders import NOON, due
from tests.places import SHARED

FEEDS = SHARED / "feeds"
PLACES = sorted(path for path in FEEDS.glob("*") if path.name != "SOURCES.md")
FEWEST = {"feedparser_cases.tar.gz": 1059, "gofeed_cases.tar.gz": 575, "feed_rs": 62, "recorded_rss_parser": 18}

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not PLACES, reason=f"no files at {FEEDS} (set BELLWETHER_SHARED_DATA)"),
]


def documents(place: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder or a tar."""
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(FEEDS)), path.read_bytes()
    elif place.suffixes[-2:] == [".tar", ".gz"]:
        with tarfile.open(place) as tar:
            for member in tar:
                if content := tar.extractfile(member):
                    yield f"{place.name}/{member.name}", content.read()


@pytest.mark.parametrize("place", PLACES, ids=lambda path: path.name)
def test_each_document_gives_feedparsers_own_entries_or_a_reason_in_quarantine(place: Path) -> None:
    seen = 0
    reader = FeedparserReader(seconds=5)
    for name, content in documents(place):
        seen += 1
        # Given a document as it lies there
        feed = due()
        answer = FeedResponse(feed, NOON, feed.url, http_status=200, content=content)
        objects = InMemoryObjectStore()
        # When it is fetched
        (result,) = fetch_feeds(ScriptedFetcher(answer), reader, objects, [feed], seconds_left=lambda: 10)
        if result.status == "changed":
            # Then there are as many entries as feedparser alone finds
            own = feedparser.parse(io.BytesIO(content)).entries
            assert len(result.entries) + result.empty_entries == len(own), name
            # And only what has neither a name nor a word may be left out
            assert result.empty_entries <= sum(not (each.get("id") or each.get("link")) for each in own), name
        else:
            # Or it lies in quarantine as it came, with its reason beside it
            assert result.status == "failed", name
            assert result.error, name
            assert result.quarantine_key is not None, name
            assert objects.get(result.quarantine_key).content == content, name
            assert b'"reason": "' in objects.get(f"{result.quarantine_key}.reason.json").content, name
    assert seen >= FEWEST.get(place.name, 1)
