"""The replay: an invented week, moved to the present, in the protocols of feeds and of Alpaca's market data."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bellwether.news.adapters.feed_documents import FeedparserReader
from bellwether.news.adapters.listings import packaged_listings
from bellwether.news.domain.entry_identity import FeedIdentity, identify
from bellwether.news.domain.tickers import TickerFinder, parse_listings
from bellwether.news.ports.feed_access import FeedDocument, FeedResponse
from bellwether.news.usecases.fetch_feeds import fetch_feeds
from bellwether.shared.domain.errors import InvalidInputError
from localcloud.errors import CloudError
from localcloud.replay.answers import Answer
from localcloud.replay.clock import ReplayClock
from localcloud.replay.feeds import KINDS
from localcloud.replay.server import ADDRESSES, Replay
from localcloud.replay.tape import Tape
from samples import make_news_sample
from tests.fakes.feeds import ScriptedFetcher
from tests.fakes.objects import InMemoryObjectStore
from tests.feed_builders import due
from tests.places import SAMPLES

SAMPLES = SAMPLES / "news"
BASE = "http://127.0.0.1:4588"
STARTED = datetime(2026, 11, 21, 5, 27, 12, tzinfo=UTC)  # a Saturday, before dawn
TAPE = Tape.load(SAMPLES)


class Wall:
    """A clock on the wall that the test moves."""

    def __init__(self) -> None:
        self.time = STARTED

    def __call__(self) -> datetime:
        return self.time


class World:
    """A replay, and the time it takes it to be."""

    def __init__(self, folder: Path) -> None:
        self.wall = Wall()
        self.clock = ReplayClock(folder / "clock.json", TAPE.begin, now=self.wall)
        self.replay = Replay.of(TAPE, self.clock)

    def get(self, path: str, **headers: str) -> Answer:
        return self.replay.get(path, {name.replace("_", "-"): value for name, value in headers.items()}, BASE)

    def feed(self, feed_id: str) -> FeedDocument:
        answer = self.get(f"/feeds/{feed_id}.xml")
        return FeedparserReader().parse(answer.body, url=BASE, content_type=answer.headers["Content-Type"])

    def ask_bars(self, **parameters: str) -> Answer:
        asked = {"symbols": "AAPL,NVDA", "timeframe": "5Min", "start": rfc3339(STARTED - timedelta(hours=1))}
        return self.get(f"/v2/stocks/bars?{urlencode({**asked, **parameters})}")

    def bars(self, **parameters: str) -> Any:
        answer = self.ask_bars(**parameters)
        if answer.status == 429:
            answer = self.ask_bars(**parameters)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


def rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- the samples ----------------------------------------------------------------------------------------------------


def test_the_samples_are_what_the_generator_makes() -> None:
    assert make_news_sample.files() == {
        path.name: path.read_text("utf-8") for path in SAMPLES.iterdir() if path.suffix != ".md"
    }


def test_the_companies_of_every_headline_are_found() -> None:
    finder = TickerFinder(parse_listings(packaged_listings()))
    stories = json.loads((SAMPLES / "stories.json").read_bytes())["stories"]
    assert [each["title"] for each in stories if list(finder.symbols(each["title"])) != each["tickers"]] == []


def test_a_damaged_sample_is_told_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "week.json").write_text("{}")
    with pytest.raises(CloudError, match="does not contain a week to replay"):
        Tape.load(tmp_path)


# --- feeds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed_id", KINDS)
def test_each_feed_has_readable_entries_of_the_past(world: World, feed_id: str) -> None:
    document = world.feed(feed_id)
    assert len(document.entries) >= 5
    for entry in document.entries:
        assert entry.published_at is not None
        assert STARTED - timedelta(hours=48) < entry.published_at <= STARTED
        assert "Invented" in entry.summary


@pytest.mark.parametrize(("feed_id", "stories", "dated", "linked"), [("odd-desk", 5, 3, 4), ("json-desk", 2, 2, 2)])
def test_odd_feeds_have_one_event_a_story(world: World, feed_id: str, stories: int, dated: int, linked: int) -> None:
    # Given an answer of the server, read as the functions read it, twice
    answer = world.get(ADDRESSES[feed_id])
    response = FeedResponse(due(), STARTED, BASE, 200, answer.body, answer.headers["Content-Type"])
    known = FeedIdentity()
    for _ in range(2):
        fetcher = ScriptedFetcher(response)
        (result,) = fetch_feeds(fetcher, FeedparserReader(), InMemoryObjectStore(), [due()], seconds_left=lambda: 30)
        identified = identify(result.entries, known)
        known = identified.identity
        # Then there are as many events as stories, and what is unknown is unknown
        assert len({each.entry_id for each in identified.entries}) == stories
        assert sum(each.published_at is not None for each in identified.entries) == dated
        assert sum(each.url is not None for each in identified.entries) == linked
    assert result.empty_entries == (1 if feed_id == "json-desk" else 0)


def test_the_newest_story_is_just_in(world: World) -> None:
    newest = max(entry.published_at for feed_id in KINDS for entry in world.feed(feed_id).entries if entry.published_at)
    assert STARTED - newest < timedelta(minutes=30)


def test_entries_appear_as_time_goes_by_and_keep_their_ids(world: World) -> None:
    before = {entry.entry_id for entry in world.feed("tech-desk").entries}
    world.wall.time += timedelta(hours=5)
    after = {entry.entry_id for entry in world.feed("tech-desk").entries}
    assert before < after


def test_an_edited_headline_keeps_its_id(world: World) -> None:
    # Given the feed with the headline that is edited, from its beginning on
    titles: dict[str, set[str]] = {}
    world.wall.time -= timedelta(hours=9)
    for _ in range(18):
        for entry in world.feed("energy-desk").entries:
            titles.setdefault(entry.entry_id, set()).add(entry.title)
        world.wall.time += timedelta(minutes=30)
    # Then one id has had two titles
    assert sorted(map(len, titles.values()))[-2:] == [1, 2]


def test_after_its_end_the_week_plays_again_under_new_ids(world: World) -> None:
    first = {entry.entry_id for entry in world.feed("market-wire").entries}
    world.wall.time += timedelta(days=6)
    again = {entry.entry_id for entry in world.feed("market-wire").entries}
    assert again
    assert not first & again


def test_etag_is_answered_with_304_until_something_is_new(world: World) -> None:
    etag = world.get("/feeds/tech-desk.atom").headers["ETag"]
    # When the reader shows the tag, alone, weak or among others
    for shown in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = world.get("/feeds/tech-desk.atom", If_None_Match=shown)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", etag)
    # Then another tag, and another time, bring the document
    assert world.get("/feeds/tech-desk.atom", If_None_Match='"other"').status == 200
    world.wall.time += timedelta(hours=5)
    assert world.get("/feeds/tech-desk.atom", If_None_Match=etag).status == 200


def test_last_modified_is_answered_with_304_where_there_is_no_etag(world: World) -> None:
    headers = world.get("/feeds/industry-desk.rss").headers
    assert "ETag" not in headers
    modified = headers["Last-Modified"]
    assert parsedate_to_datetime(modified) <= STARTED
    assert world.get("/feeds/industry-desk.rss", If_Modified_Since=modified).status == 304
    earlier = "Mon, 01 Jan 2024 00:00:00 GMT"
    assert world.get("/feeds/industry-desk.rss", If_Modified_Since=earlier).status == 200
    assert world.get("/feeds/industry-desk.rss", If_Modified_Since="yesterday").status == 200


def test_a_wrong_etag_counts_more_than_a_right_date(world: World) -> None:
    modified = world.get("/feeds/market-wire.rss").headers["Last-Modified"]
    answer = world.get("/feeds/market-wire.rss", If_None_Match='"old"', If_Modified_Since=modified)
    assert answer.status == 200


def test_gzip_for_those_who_take_it(world: World) -> None:
    plain, packed = (world.get("/feeds/market-wire.rss", **asked) for asked in ({}, {"Accept_Encoding": "gzip"}))
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] == plain.headers["ETag"]


def test_one_feed_has_moved_one_is_broken_one_is_gone(world: World) -> None:
    moved = world.get(ADDRESSES["energy-desk"])
    assert (moved.status, moved.headers["Location"]) == (301, "/feeds/energy-desk.atom")
    assert world.get(ADDRESSES["closed-desk"]).status == 410
    broken = world.get(ADDRESSES["broken-desk"])
    assert broken.status == 200
    with pytest.raises(InvalidInputError, match="unclosed token"):
        FeedparserReader().parse(broken.body, url=BASE, content_type=broken.headers["Content-Type"])
    assert world.get("/feeds/unheard-of.rss").status == 404


# --- the clock ------------------------------------------------------------------------------------------------------


def test_a_restart_changes_nothing_a_rewind_begins_anew(world: World, tmp_path: Path) -> None:
    etag = world.get("/feeds/tech-desk.atom").headers["ETag"]
    restarted = World(tmp_path)
    assert restarted.get("/feeds/tech-desk.atom").headers["ETag"] == etag
    # When it is rewound a day later
    restarted.wall.time += timedelta(days=1)
    told = json.loads(restarted.replay.rewind().body)
    # Then what is to be shown begins now, under other ids
    assert told["edition"] == 2
    assert restarted.wall.time - datetime.fromisoformat(told["replay_from"]) < timedelta(minutes=5)
    assert not {entry.entry_id for entry in restarted.feed("tech-desk").entries} & {
        entry.entry_id for entry in world.feed("tech-desk").entries
    }


# --- market data ----------------------------------------------------------------------------------------------------


def test_bars_of_all_symbols_up_to_the_last_that_has_ended(world: World) -> None:
    page = world.bars()
    assert page["next_page_token"] is None
    assert list(page["bars"]) == ["AAPL", "NVDA"]
    for rows in page["bars"].values():
        starts = [datetime.fromisoformat(row["t"]) for row in rows]
        assert starts == [datetime(2026, 11, 21, 4, 30, tzinfo=UTC) + timedelta(minutes=5 * n) for n in range(11)]
        assert all(row["l"] <= min(row["o"], row["c"]) <= max(row["o"], row["c"]) <= row["h"] for row in rows)
        assert all({"t", "o", "h", "l", "c", "v", "n", "vw"} == set(row) for row in rows)


def test_pages_go_from_symbol_to_symbol_and_come_to_the_same(world: World) -> None:
    whole = world.bars()["bars"]
    pages: list[Any] = [world.bars(limit="4")]
    while token := pages[-1]["next_page_token"]:
        pages.append(world.bars(limit="4", page_token=token))
    assert [sum(map(len, page["bars"].values())) for page in pages] == [4, 4, 4, 4, 4, 2]
    assert {ticker: [row for page in pages for row in page["bars"].get(ticker, [])] for ticker in whole} == whole


def test_newest_first_is_the_same_backwards(world: World) -> None:
    page = world.bars(symbols="AAPL", sort="desc", limit="3")
    rest = world.bars(symbols="AAPL", sort="desc", page_token=page["next_page_token"])
    backwards = [*page["bars"]["AAPL"], *rest["bars"]["AAPL"]]
    assert backwards[::-1] == world.bars(symbols="AAPL")["bars"]["AAPL"]


def test_bars_go_on_in_the_next_run_without_a_jump(world: World) -> None:
    # Given a time shortly after the end of the week
    end = world.clock.start.at + TAPE.length
    world.wall.time = end + timedelta(hours=1)
    rows = world.bars(symbols="TSLA", start=rfc3339(end - timedelta(hours=1)))["bars"]["TSLA"]
    assert len(rows) == 24
    assert all(abs(late["o"] / early["c"] - 1) < 0.01 for early, late in pairwise(rows))


def test_one_bar_comes_late_and_one_is_corrected(world: World) -> None:
    # Given tickers of which one bar is missing and one wrong where they are first told
    def told() -> dict[tuple[str, str], Any]:
        return {
            (ticker, row["t"]): row for ticker, rows in world.bars(symbols="JPM,XOM")["bars"].items() for row in rows
        }

    first, second = told(), told()
    # Then both are right from the second answer on
    (late,) = second.keys() - first.keys()
    corrected = [key for key in first if first[key] != second[key]]
    assert (late[0], [ticker for ticker, _ in corrected]) == ("XOM", ["JPM"])
    assert told() == second
    assert all(row["l"] <= row["c"] <= row["h"] for row in first.values())
    # And after a rewind there are others
    world.wall.time += timedelta(hours=1)
    world.replay.rewind()
    assert len(told().keys() ^ told().keys()) == 1


def test_before_the_week_there_is_nothing_and_unknown_symbols_are_left_out(world: World) -> None:
    assert world.bars(start="2026-11-01", end="2026-11-02")["bars"] == {}
    assert list(world.bars(symbols="AAPL,ZZZZ")["bars"]) == ["AAPL"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"symbols": ""}, "symbols is required"),
        ({"symbols": "AAPL,not-one"}, "invalid symbol: not-one"),
        ({"timeframe": "2Weeks"}, "invalid timeframe"),
        ({"start": "then"}, "invalid start"),
        ({"end": "2026-01-01"}, "end should not be before start"),
        ({"limit": "10001"}, "limit"),
        ({"page_token": "%%%"}, "invalid page_token"),
        ({"sort": "up"}, "invalid sort"),
    ],
)
def test_nonsense_is_refused_as_the_api_does(world: World, asked: dict[str, str], says: str) -> None:
    answer = world.ask_bars(**asked)
    assert answer.status == 400
    assert says in json.loads(answer.body)["message"]


def test_now_and_then_there_are_too_many_requests(world: World) -> None:
    answers = [world.ask_bars() for _ in range(60)]
    refused = [place for place, answer in enumerate(answers, start=1) if answer.status == 429]
    assert refused == [2, 27, 52]
    headers = answers[1].headers
    assert headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(headers["X-RateLimit-Reset"]) - STARTED.timestamp() <= 1
