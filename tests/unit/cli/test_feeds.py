"""The feed list from the terminal; SSM and the functions are played."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import feeds
from cli.list_parameters import PARAMETER_CHARACTERS
from cli.problems import CommandError
from cli.target import Target
from tests.fakes.objects import InMemoryObjectStore

LISTED = [{"feed_id": "fed-press", "url": "https://www.federalreserve.gov/feeds/press_all.xml"}]


@dataclass
class Played:
    """The parameter, the functions' answers, and what they were asked."""

    value: str = json.dumps(LISTED)
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": self.value}}

    def put_parameter(self, **given: Any) -> None:
        self.value = given["Value"]

    @property
    def items(self) -> Any:
        found = json.loads(self.value)
        return json.loads(self.objects.get(found["s3_key"]).content) if isinstance(found, dict) else found

    def reads(self, **result: Any) -> None:
        """What the deployed function answers for an address."""
        self.answers["FetchFeedsFunctionName"] = {"results": [{"status": "changed"} | result]}


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    found = Played()
    found.reads()

    def invoke(_self: Target, name: str, event: dict[str, Any]) -> Any:
        found.asked.append(event)
        return found.answers[name]

    target = Target(where="embedded cloud", stack="bellwether-local", client=lambda _: found, region="us-east-1")
    monkeypatch.setattr(Target, "output", lambda _self, key: key)
    monkeypatch.setattr(Target, "invoke", invoke)
    monkeypatch.setattr(Target, "environment", "local")
    monkeypatch.setattr(Target, "objects", found.objects)
    monkeypatch.setattr(feeds, "current_target", lambda: target)
    return found


def run(*words: str) -> str:
    result = CliRunner().invoke(feeds.feeds_app, list(words), catch_exceptions=False, env={"COLUMNS": "200"})
    return result.output


def test_a_feed_is_added_with_an_id_from_its_address_and_removed(played: Played) -> None:
    run("add", "feed://www.example.org/News/rss.xml")
    assert played.items[1] == {"feed_id": "example-org-news-rss-xml", "url": "https://www.example.org/News/rss.xml"}
    run("add", "https://example.org/x", "--id", "mine")
    run("remove", "mine")
    run("remove", "https://www.example.org/News/rss.xml")
    assert played.items == LISTED


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", LISTED[0]["url"]), "listed already"),
        (("add", "https://example.org/", "--id", "fed-press"), "has a feed fed-press already"),
        (("add", "ftp://example.org/"), "only http:// and https://"),
        (("add", "https://example.org/", "--id", "My_Feed"), "use a-z"),
        (("add", "ftp://example.org/"), "^(?!.*left out)"),
        (("add", " "), "^empty address: url"),
        (("add", "https://example.org/", "--interval", "5"), "interval_seconds '5': Input"),
        (("add", "https://example.org/", "--identity", "title"), "identity 'title': Input"),
        (("remove", "unknown"), "no feed unknown"),
    ],
)
def test_a_change_that_is_wrong_changes_nothing(played: Played, words: tuple[str, ...], reason: str) -> None:
    before = played.value
    with pytest.raises(CommandError, match=reason):
        run(*words)
    assert played.value == before


def test_interval_and_identity_of_a_feed_are_kept_in_the_list(played: Played) -> None:
    run("add", "https://example.org/x", "--id", "slow", "--interval", "900", "--identity", "link")
    assert played.items[1] == {
        "feed_id": "slow",
        "url": "https://example.org/x",
        "interval_seconds": 900,
        "identity": "link",
    }


def test_an_address_that_can_not_be_read_is_added_by_force_only(played: Played) -> None:
    played.reads(status="failed", error="HTTP 404")
    with pytest.raises(CommandError, match="HTTP 404"):
        run("add", "https://example.org/x")
    assert played.items == LISTED
    run("add", "https://example.org/x", "--force")
    assert len(played.items) == 2


PAGE = '<head><link rel="alternate" type="application/rss+xml" href="/{}.xml"></head>'


def test_a_page_is_added_as_the_one_feed_that_it_names(played: Played) -> None:
    played.reads(status="failed", error="no entries", quarantine_key="news/quarantine/x")
    played.objects.put("news/quarantine/x", PAGE.format("feed").encode())
    run("add", "https://example.org/news/")
    assert played.items[1]["url"] == "https://example.org/feed.xml"
    # A page with two feeds leaves the choice to the user
    played.objects.put("news/quarantine/x", (PAGE.format("one") + PAGE.format("two")).encode())
    with pytest.raises(CommandError, match=r"names 2 feeds.*one\.xml, https://example\.org/two\.xml"):
        run("add", "https://example.org/other/")
    assert len(played.items) == 2


def test_a_long_list_goes_to_the_data_bucket_and_comes_back(played: Played, tmp_path: Path) -> None:
    file = tmp_path / "many.opml"
    outlines = "".join(f'<outline xmlurl="https://example.org/feeds/{n}/news.xml"/>' for n in range(200))
    file.write_text(f"<opml version='2.0'><body>{outlines}</body></opml>")
    # When more feeds are imported than a parameter holds
    run("import", str(file))
    assert len(played.items) == 201
    # Then the parameter names the list, which stays readable when a later list replaces it
    former = json.loads(played.value)["s3_key"]
    assert former.startswith("news/feeds/")
    run("remove", "fed-press")
    assert len(played.items) == 200
    assert len(json.loads(played.objects.get(former).content)) == 201
    # And a list that has become short is in the parameter again
    for each in played.items[20:]:
        run("remove", each["feed_id"])
    assert len(json.loads(played.value)) == 20
    assert len(played.value) <= PARAMETER_CHARACTERS


def test_a_list_that_is_missing_is_told_and_not_overwritten(played: Played) -> None:
    played.value = json.dumps({"s3_key": "news/feeds/gone.json"})
    with pytest.raises(CommandError, match=r"news/feeds/gone\.json"):
        run("add", "https://example.org/x")
    assert json.loads(played.value) == {"s3_key": "news/feeds/gone.json"}


def test_a_faulty_item_stays_and_is_shown(played: Played) -> None:
    played.value = json.dumps([*LISTED, {"feed_id": "My_Feed", "url": "https://example.org/"}])
    run("add", "https://example.org/new")
    assert len(played.items) == 3
    played.answers["ListDueFeedsFunctionName"] = {"states": []}
    shown = json.loads(run("list", "--json"))
    assert [each["feed_id"] for each in shown["feeds"]] == ["fed-press", "example-org-new"]
    assert shown["problems"] == ["item 2 ('My_Feed'): left out: feed_id 'My_Feed': use a-z, 0-9 and hyphens, at most 60 characters"]  # fmt: skip  # noqa: E501


def test_a_feed_that_was_never_polled_is_polled_next(played: Played) -> None:
    played.answers["ListDueFeedsFunctionName"] = {"states": []}
    assert "at the next poll" in run("list")


def test_the_list_says_why_a_feed_is_silent(played: Played) -> None:
    state = {
        "feed_id": "fed-press",
        "retired": False,
        "stories": 3,
        "failures": 4,
        "error": "HTTP 503",
        "last_success_at": "2026-03-02T11:00:00Z",
        "newest_story_at": "2026-03-01T10:00:00Z",
        "interval_seconds": 600,
        "next_attempt_at": "2026-03-02T12:30:00Z",
        "basis": "id",
    }
    played.answers["ListDueFeedsFunctionName"] = {"states": [state]}
    shown = run("list")
    assert "failing (4): HTTP 503" in shown
    assert "2026-03-02 12:30" in shown
    assert "600 s" in shown
    well = {**state, "failures": 0, "error": None}
    assert feeds.feed_state(well, datetime(2026, 3, 2, 12, tzinfo=UTC)) == "well"
    quiet = feeds.feed_state(well, datetime(2026, 3, 6, 12, tzinfo=UTC))
    assert quiet == "well; its last new story came 2026-03-01 10:00"
    assert feeds.feed_state({**well, "newest_story_at": None}) == "read, but it has no entry yet"
    assert feeds.feed_state({**state, "retired": True}).startswith("retired")
    assert feeds.feed_state({}) == "not polled yet"


def test_a_test_reads_a_feed_and_adds_nothing(played: Played) -> None:
    entry = {"entry_id": "1", "title": "A story", "summary": ""}
    played.reads(entries=[entry])
    report = json.loads(run("test", "example.org/feed", "--json"))
    assert (report["url"], report["entries"], report["undated"]) == ("https://example.org/feed", 1, 1)
    assert played.asked[0]["trial"]
    assert played.items == LISTED


def test_a_page_names_its_feeds() -> None:
    page = """<html><head><link rel="alternate" type="application/rss+xml" href="/feed.xml">
        <link rel="ALTERNATE" type="application/feed+json" href="https://other.example/feed.json">
        <base href="https://base.example/">
        <link rel="alternate" type="application/atom+xml; charset=utf-8" href="atom.xml">
        <link rel="alternate" type="application/rss+xml" href="http://[x">
        <link rel="alternate" type="application/rss+xml">
        <link rel="alternate" hreflang="de" href="/de"><link rel="stylesheet" href="/x.css"></head>"""
    assert feeds.feed_links(page, "https://example.org/news/") == [
        "https://example.org/feed.xml",
        "https://other.example/feed.json",
        "https://base.example/atom.xml",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x89PNG\r\n", b"<opml><body><outline", b"<?xml version='1.0' encoding='none'?><opml/>"]
)
def test_a_file_that_is_no_opml_is_named(played: Played, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "feeds.opml").write_bytes(content)
    with pytest.raises(CommandError, match=r"feeds\.opml is not OPML"):
        run("import", str(tmp_path / "feeds.opml"))
    assert played.items == LISTED


def test_opml_goes_out_and_comes_in(played: Played, tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    run("add", "https://example.org/a?b=1&c=2", "--id", "mine", "--interval", "900", "--identity", "link")
    before = played.items
    file.write_text(run("export"))
    played.value = json.dumps(LISTED)
    run("import", str(file))
    assert played.items == before
    assert "listed already" in run("import", str(file))
    # An outline that can't be used is named and left out; the others are imported
    file.write_text('<opml><outline xmlUrl="ftp://x.example/"/><outline xmlUrl="https://example.org/c"/></opml>')
    told = run("import", str(file))
    assert "left out: ftp://x.example/: url" in told
    assert "added example-org-c" in told
    # And two feeds of one name have an id each
    outlines = (f'<outline text="a" xmlUrl="https://{host}.example/"/>' for host in "ab")
    file.write_text(f"<opml>{''.join(outlines)}</opml>")
    run("import", str(file))
    assert [each["feed_id"] for each in played.items[-2:]] == ["a", "b-example"]
    file.write_text("no opml")
    with pytest.raises(CommandError, match="not OPML"):
        run("import", str(file))
