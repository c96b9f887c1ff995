"""By what an entry is known, and which entries tell the same story."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.news.domain.feeds import Entry
from bellwether.news.domain.sentiment import SUMMARY_CHARACTERS
from bellwether.news.domain.stories import (
    SUMMARY_LOOKED_AT,
    as_batch,
    content_sha256,
    event_uid,
    leaders,
    names_of_entry,
    signature,
    similarity,
)
from tests.feed_builders import NOON, entry

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=80)
ENTRIES = st.builds(
    lambda number, title, summary: entry(number, title=title, summary=summary), st.integers(0, 12), TEXTS, TEXTS
)
FEEDS = st.lists(ENTRIES, max_size=25)


def known_by(**changes: Any) -> str | None:
    values: dict[str, Any] = {"entry_id": "", "url": "", "title": "", "summary": "", "published_at": None}
    return names_of_entry(**{**values, **changes}).first or None


def uids(entries: list[Entry]) -> set[str]:
    return {each.event_uid for each in as_batch([("example", NOON, entries)]).stories}


# --- event_uid ------------------------------------------------------------------------------------------------------


@given(FEEDS, st.randoms(use_true_random=False))
def test_order_plays_no_part(entries: list[Entry], random: Any) -> None:
    shuffled = random.sample(entries, len(entries))
    assert uids(shuffled) == uids(entries)


@given(FEEDS, st.lists(st.integers(0, 24), max_size=30))
def test_repetition_plays_no_part(entries: list[Entry], again: list[int]) -> None:
    repeated = entries + [entries[n] for n in again if n < len(entries)]
    assert uids(repeated) == uids(entries)
    assert len(as_batch([("example", NOON, repeated)]).stories) == len(uids(entries))


@given(
    st.text(min_size=1, max_size=40).filter(str.strip), TEXTS, TEXTS, TEXTS, TEXTS, st.datetimes(timezones=st.just(UTC))
)
def test_edits_play_no_part_where_there_is_an_id_or_a_link(
    name: str, title: str, summary: str, other_title: str, other_summary: str, published_at: datetime
) -> None:
    for part in ("entry_id", "url"):
        before = known_by(**{part: name}, title=title, summary=summary, published_at=published_at)
        assert before == known_by(**{part: name}, title=other_title, summary=other_summary)
        assert before is not None
    # And the id counts before the link
    assert known_by(entry_id=name, url="https://a/1") == known_by(entry_id=name, url="https://b/2")


@given(FEEDS, FEEDS)
def test_feeds_do_not_share_events_and_none_is_lost(one: list[Entry], other: list[Entry]) -> None:
    batch = as_batch([("one", NOON, one), ("other", NOON, other)])
    assert len(batch.stories) == len({each.entry_id for each in one}) + len({each.entry_id for each in other})
    # And every text is there, as an event's or beside it
    texts = {(each.event_uid, each.content_sha256) for each in batch.stories}
    texts |= {(each.event_uid, each.content_sha256) for each in batch.other_texts}
    for feed_id, entries in (("one", one), ("other", other)):
        assert {
            (event_uid(feed_id, each.entry_id), content_sha256(each.title, each.summary)) for each in entries
        } <= texts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "https://EXAMPLE.org/a"),
        ("https://example.org/a?utm_source=rss&id=7", "https://example.org/a?id=7"),
        ("https://example.org", " https://example.org/ "),
        ("https://example.org:443/a?fbclid=x", "http://example.org:80/a"),
    ],
)
def test_what_publishers_change_at_will_plays_no_part(one: str, other: str) -> None:
    assert known_by(entry_id=one) == known_by(entry_id=other) == known_by(url=one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a", "https://example.org/A"),
        ("https://example.org/a?id=7", "https://example.org/a?id=8"),
        ("https://example.org/a#1", "https://example.org/a#2"),
        ("tag:example.org,2026:1", "tag:example.org,2026:2"),
    ],
)
def test_what_differs_is_different(one: str, other: str) -> None:
    assert known_by(entry_id=one) != known_by(entry_id=other)


def test_an_id_that_is_the_feeds_own_names_no_entry() -> None:
    feed = ("https://example.org/", "urn:feed")
    assert known_by(entry_id="http://example.org", url="https://example.org/1", feed_names=feed) == "//example.org/1"
    assert known_by(entry_id="urn:feed", title="Words", feed_names=feed) == "words"


def test_without_names_day_and_title_decide() -> None:
    assert known_by(title=" Market  Wrap ", published_at=NOON) == "2026-03-02 market wrap"
    assert known_by(summary="Only this") == "only this"
    assert known_by() is None
    assert known_by(entry_id=" ", url="\n") is None


@given(st.text(max_size=3000), st.text(max_size=3000))
def test_anything_can_be_known_and_never_by_more_than_an_index_takes(entry_id: str, url: str) -> None:
    known = known_by(entry_id=entry_id, url=url, title="x")
    assert known is not None
    assert len(known) <= 1000


# --- the same story -------------------------------------------------------------------------------------------------

TOLD = "Apple to acquire chip designer Arteris for 2 billion dollars in cash"


def same_story(one: str, other: str) -> bool:
    return leaders({"one": signature(one), "other": signature(other)})["other"] == "one"


@pytest.mark.parametrize(
    "other",
    [
        TOLD,
        TOLD.upper(),
        f"UPDATE 2-{TOLD}",
        f"BREAKING: {TOLD}",
        f"JUST IN: {TOLD}",
        f"{TOLD} - Reuters",
        f"{TOLD} | The Daily Ledger",
        "Apple to Acquire Chip-Designer Arteris for 2 Billion Dollars".replace("-", " "),
        "Apple to acquire chip designer Arteris for 2 billion dollars in cash, filing shows",
    ],
)
def test_a_story_told_again_is_the_same(other: str) -> None:
    assert same_story(TOLD, other)


SERIES = [  # the same words around another name, figure or direction
    ("Apple to acquire chip designer Arteris for {} billion dollars in cash", "2", "3"),
    ("Oil prices {} as traders await news on output cuts", "rise", "fall"),
    ("{} Corp announces first quarter 2026 financial results", "Acme", "Zenith"),
    ("5 Insightful Analyst Questions From {}’s Q2 Earnings Call", "Natera", "Entegris"),
    ("Short interest in shares of {} grows again this week", "ACME", "ZNTH"),
    ("Market {}", "wrap", "wrap"),
    ("", "", ""),
]


@pytest.mark.parametrize(("words", "one", "other"), SERIES)
def test_another_story_is_another(words: str, one: str, other: str) -> None:
    assert not same_story(words.format(one), words.format(other))


@pytest.mark.parametrize(
    ("one", "other", "hours", "stories"),
    [
        ("Boeing profit soars", "Boeing profit soars", 1, 1),
        ("Nvidia beats", "BREAKING: Nvidia beats", 1, 1),
        ("Nvidia beats", "Nvidia misses", 1, 2),
        ("Boeing profit soars", "Boeing profit soars", 24, 2),  # a move of another day
        ("Stocks rise", "Stocks rise", 24, 2),
        ("Market wrap", "Market wrap", 1, 2),  # no word of direction: a series
        ("Earnings call transcript", "Earnings call transcript", 1, 2),
        ("Soars", "Soars", 1, 2),
    ],
)
def test_short_titles_are_one_story_word_by_word_on_one_day(one: str, other: str, hours: int, stories: int) -> None:
    feeds = [
        ("one", NOON, [entry(1, title=one, link_name="")]),
        ("other", NOON, [entry(2, title=other, link_name="", published_at=NOON + timedelta(hours=hours))]),
    ]
    assert len({each.leader_uid for each in as_batch(feeds).stories}) == stories


def test_keys_are_the_same_for_ever() -> None:
    """They are kept in the database: other keys would lose three days of stories."""
    assert signature(TOLD).keys[:2] == (-1696577422450852456, -2887620774234062612)


@given(st.lists(st.sampled_from(["Acme", "opens", "plant", "Ohio", "battery", "two", "unions", "protest"]), max_size=9))
def test_a_title_is_like_itself_and_likeness_is_mutual(words: list[str]) -> None:
    title = " ".join(words)
    mine, fixed = signature(title), signature("Acme opens battery plant in Ohio as two unions protest")
    assert similarity(mine.terms, mine.terms) == (1.0 if mine.terms else 0.0)
    assert similarity(mine.terms, fixed.terms) == similarity(fixed.terms, mine.terms)


@given(st.lists(TEXTS, max_size=30))
def test_leaders_lead_themselves(titles: list[str]) -> None:
    found = leaders({f"{n}": signature(title) for n, title in enumerate(titles)})
    assert all(found[leader] == leader for leader in found.values())


@given(st.text(max_size=2000))
def test_any_title_has_few_keys(title: str) -> None:
    found = signature(title)
    assert len(found.keys) in (0, 4)
    assert all(-(2**63) <= key < 2**63 for key in found.keys)
    assert all(-(2**31) <= term < 2**31 for term in found.terms)


def test_what_is_looked_at_for_an_edit_is_what_is_classified() -> None:
    assert SUMMARY_LOOKED_AT == SUMMARY_CHARACTERS
