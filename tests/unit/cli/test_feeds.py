"""The feed list from the terminal; SSM and the functions are played."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import feeds
from cli.problems import CommandError
from cli.target import Target

LISTED = [{"feed_id": "fed-press", "url": "https://www.federalreserve.gov/feeds/press_all.xml"}]


@dataclass
class Played:
    """The parameter, the functions' answers, and what they were asked."""

    value: str = json.dumps(LISTED)
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": self.value}}

    def put_parameter(self, **given: Any) -> None:
        self.value = given["Value"]

    @property
    def items(self) -> Any:
        return json.loads(self.value)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    found = Played()

    def invoke(_self: Target, name: str, event: dict[str, Any]) -> Any:
        found.asked.append(event)
        return found.answers[name]

    target = Target(where="embedded cloud", stack="bellwether-local", client=lambda _: found, region="us-east-1")
    monkeypatch.setattr(Target, "output", lambda _self, key: key)
    monkeypatch.setattr(Target, "invoke", invoke)
    monkeypatch.setattr(Target, "environment", "local")
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
        (("add", "https://example.org/" + "x" * 1900, "--id", "long"), ""),
        (("remove", "unknown"), "no feed unknown"),
    ],
)
def test_a_change_that_is_wrong_changes_nothing(played: Played, words: tuple[str, ...], reason: str) -> None:
    if not reason:  # what would not fit into the parameter
        played.value = json.dumps([*LISTED, {"feed_id": "other", "url": "https://example.org/" + "y" * 1970}] * 2)
        reason = "characters"
    before = played.value
    with pytest.raises(CommandError, match=reason):
        run(*words)
    assert played.value == before


def test_a_faulty_item_stays_and_is_shown(played: Played) -> None:
    played.value = json.dumps([*LISTED, {"feed_id": "My_Feed", "url": "https://example.org/"}])
    run("add", "https://example.org/new")
    assert len(played.items) == 3
    played.answers["ListDueFeedsFunctionName"] = {"states": []}
    shown = json.loads(run("list", "--json"))
    assert [each["feed_id"] for each in shown["feeds"]] == ["fed-press", "example-org-new"]
    assert shown["problems"] == ["item 2 ('My_Feed'): left out: feed_id 'My_Feed': use a-z, 0-9 and hyphens, at most 60 characters"]  # fmt: skip  # noqa: E501


def test_the_list_says_why_a_feed_is_silent(played: Played) -> None:
    state = {
        "feed_id": "fed-press",
        "retired": False,
        "stories": 3,
        "failures": 4,
        "error": "HTTP 503",
        "last_success_at": "2026-03-02T11:00:00Z",
        "next_attempt_at": "2026-03-02T12:30:00Z",
        "basis": "id",
    }
    played.answers["ListDueFeedsFunctionName"] = {"states": [state]}
    shown = run("list")
    assert "failing (4): HTTP 503" in shown
    assert "2026-03-02 12:30" in shown
    assert feeds.feed_state({**state, "failures": 0, "error": None}) == "well"
    assert feeds.feed_state({**state, "retired": True}).startswith("retired")
    assert feeds.feed_state({}) == "not polled yet"


def test_a_test_reads_a_feed_and_adds_nothing(played: Played) -> None:
    entry = {"entry_id": "1", "title": "A story", "summary": ""}
    played.answers["FetchFeedsFunctionName"] = {"results": [{"status": "changed", "entries": [entry]}]}
    report = json.loads(run("test", "example.org/feed", "--json"))
    assert (report["url"], report["entries"], report["undated"]) == ("https://example.org/feed", 1, 1)
    assert played.asked[0]["trial"]
    assert played.items == LISTED


def test_a_page_names_its_feeds() -> None:
    page = """<html><head><link rel="alternate" type="application/rss+xml" href="/feed.xml">
        <link rel="ALTERNATE" type="application/feed+json" href="https://other.example/feed.json">
        <link rel="alternate" hreflang="de" href="/de"><link rel="stylesheet" href="/x.css"></head>"""
    assert feeds.feed_links(page, "https://example.org/news/") == [
        "https://example.org/feed.xml",
        "https://other.example/feed.json",
    ]


def test_opml_goes_out_and_comes_in(played: Played, tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    run("add", "https://example.org/a?b=1&c=2")
    before = played.items
    file.write_text(run("export"))
    played.value = json.dumps(LISTED)
    run("import", str(file))
    assert [each["url"] for each in played.items] == [each["url"] for each in before]
    assert "listed already" in run("import", str(file))
    file.write_text("no opml")
    with pytest.raises(CommandError, match="not OPML"):
        run("import", str(file))
