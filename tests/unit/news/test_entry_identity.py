"""What identifies the entries of a feed, over every combination of what publishers do with ids and links."""

from collections.abc import Callable, Sequence
from itertools import product

import pytest

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.domain.entry_identity import FeedIdentity, identify
from bellwether.news.domain.feeds import Entry
from bellwether.news.ports.feed_access import FeedResponse
from bellwether.news.usecases.fetch_feeds import fetch_feeds
from tests.fakes.feeds import ScriptedFetcher
from tests.fakes.objects import InMemoryObjectStore
from tests.feed_builders import NOON, due, rss

STORIES = (
    "Boeing wins order for 50 jets",
    "Pfizer cuts full year outlook",
    "Ford recalls 90,000 pickup trucks",
    "Intel names new chief executive",
    "Company A raises full year outlook again",
    "Company B raises full year outlook again",
)
IDS: dict[str, Callable[[int, int], str]] = {
    "own": lambda story, fetch: f"tag:example.org,2026:{story}",
    "none": lambda story, fetch: "",
    "one for all": lambda story, fetch: "news",
    "new at each fetch": lambda story, fetch: f"{fetch}-{story}",
}
LINKS: dict[str, Callable[[int, int], str]] = {
    "own": lambda story, fetch: f"https://example.org/{story}",
    "none": lambda story, fetch: "",
    "a section": lambda story, fetch: "https://example.org/press",
    "a known session parameter": lambda story, fetch: f"https://example.org/{story}?sessionid={fetch}",
    "an unknown session parameter": lambda story, fetch: f"https://example.org/{story}?x={fetch}",
    "variants": lambda story, fetch: (
        f"http://example.org/{story}?utm_source=rss",
        f"https://www.example.org/{story}",
        f"https://example.org/{story}/",
        f"https://example.org/{story}#ref",
        f"https://example.org/{story}?cmp=rss&at_medium=RSS",
    )[fetch % 5],
}


def parsed(items: Sequence[dict[str, str]]) -> tuple[Entry, ...]:
    """Entries of a document with these items."""
    feed = due()
    answer = FeedResponse(feed, NOON, feed.url, 200, rss([{k: v for k, v in each.items() if v} for each in items]))
    (result,) = fetch_feeds(
        ScriptedFetcher(answer), FeedparserReader(), InMemoryObjectStore(), [feed], seconds_left=lambda: 30
    )
    return result.entries


def item(story: int, fetch: int, ids: str, links: str) -> dict[str, str]:
    return {
        "title": STORIES[story],
        "guid": IDS[ids](story, fetch),
        "link": LINKS[links](story, fetch),
        "pubDate": f"Mon, 02 Mar 2026 1{story}:00:00 GMT",
    }


def events(documents: Sequence[Sequence[dict[str, str]]]) -> tuple[set[str], FeedIdentity]:
    """Identities of all entries over several fetches, and the recorded choice, which goes through JSON each time."""
    known, found = FeedIdentity(), set()
    for document in documents:
        entries = parsed(document)
        identified = identify(entries, known)
        again = identify(entries, identified.identity)  # a run that is repeated
        assert [each.entry_id for each in again.entries] == [each.entry_id for each in identified.entries]
        assert again.identity == identified.identity
        known = FeedIdentity.model_validate_json(identified.identity.model_dump_json())
        found |= {each.entry_id for each in identified.entries}
    return found, known


@pytest.mark.parametrize(("ids", "links"), [*product(IDS, LINKS)])
def test_there_is_one_event_a_story_when_a_feed_is_fetched_again(ids: str, links: str) -> None:
    documents = [[item(story, fetch, ids, links) for story in range(4)] for fetch in range(10)]
    found, known = events(documents)
    assert len(found) == 4, known


@pytest.mark.parametrize(("ids", "links"), [*product(IDS, LINKS)])
def test_there_is_one_event_a_story_when_a_feed_grows_by_one_story_at_a_time(ids: str, links: str) -> None:
    documents = [
        [item(story, fetch, ids, links) for story in reversed(range(min(fetch + 1, len(STORIES))))]
        for fetch in range(8)
    ]
    found, known = events(documents)
    assert len(found) == len(STORIES), known


@pytest.mark.parametrize(("ids", "links"), [*product(IDS, ("own", "variants"))])
def test_there_is_one_event_a_story_when_a_feed_shows_the_last_three(ids: str, links: str) -> None:
    documents = [
        [item(story, fetch, ids, links) for story in range(fetch, fetch + 3)] for fetch in range(len(STORIES) - 2)
    ]
    found, known = events(documents)
    assert len(found) == len(STORIES), known


def test_the_choice_is_recorded_with_its_reason() -> None:
    _, same = events([[item(story, 0, "one for all", "own") for story in range(4)]])
    assert (same.basis, same.reason) == ("link", "4 entries of one document have one id")
    _, changing = events([[item(story, fetch, "new at each fetch", "none") for story in range(4)] for fetch in (0, 1)])
    assert changing.basis == "words"
    _, good = events([[item(story, fetch, "own", "a section") for story in range(4)] for fetch in (0, 1)])
    assert (good.basis, good.reason) == ("id", "")


@pytest.mark.parametrize(("ids", "links"), [*product(IDS, ("own", "none", "a section"))])
def test_there_is_one_event_a_story_when_a_feed_shows_one_story_at_a_time(ids: str, links: str) -> None:
    # Given a feed of one entry, fetched twice before the next story takes its place
    documents = [[item(story, fetch, ids, links)] for story in range(4) for fetch in range(2)]
    found, known = events(documents)
    assert len(found) == 4, known


@pytest.mark.parametrize(("ids", "links"), [("one for all", "none"), ("one for all", "a section")])
def test_an_edited_title_is_a_version_in_a_feed_of_one_story(ids: str, links: str) -> None:
    first = item(0, 0, ids, links)
    found, known = events([[first], [{**first, "title": "Boeing wins order for 60 jets, shares rise"}]])
    assert (len(found), known.basis) == (1, "id")


def test_an_edited_title_is_a_version_where_there_is_an_id_or_a_link() -> None:
    for ids, links in (("own", "own"), ("own", "none"), ("none", "own"), ("one for all", "own")):
        first = [item(story, 0, ids, links) for story in range(4)]
        edited = [{**first[0], "title": "Boeing wins order for 60 jets, shares rise"}, *first[1:]]
        found, _ = events([first, edited])
        assert len(found) == 4


def test_two_versions_of_one_story_in_a_document_are_one_event() -> None:
    first = [item(story, 0, "own", "own") for story in range(4)]
    second = {**first[0], "title": f"{STORIES[0]} of a new kind"}
    found, known = events([[*first, second]])
    assert (len(found), known.basis) == (4, "id")


def test_a_configured_choice_is_kept() -> None:
    entries = parsed([item(story, 0, "one for all", "own") for story in range(4)])
    identified = identify(entries, FeedIdentity(basis="id", fixed=True))
    assert len({each.entry_id for each in identified.entries}) == 1
