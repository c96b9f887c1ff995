"""The news from the terminal; the function is played."""

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import news
from cli.problems import CommandError
from cli.target import Target

REPORT = {
    "at": "2026-03-10T16:00:00Z",
    "market_open": True,
    "rule_version": "sentiment-sma/3",
    "companies": [{"ticker": "ACME", "outcome": "against_trend", "stories": 1, "tone": 0.42}],
    "stories": [
        {
            "feed_id": "wire",
            "title": "Acme soars while Beta sinks",
            "published_at": "2026-03-10T15:00:00Z",
            "companies": [
                {"ticker": "ACME", "tone": 0.9, "weight": 0.89, "no_weight": None},
                {"ticker": "BETA", "tone": -0.8, "weight": None, "no_weight": "told_before"},
            ],
            "no_weight": None,
        },
        {"feed_id": "desk", "title": "Rain", "published_at": None, "companies": [], "no_weight": "no_company"},
    ],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def invoke(_self: Target, name: str, event: dict[str, Any]) -> Any:
        found.append({"name": name} | event)
        return REPORT

    target = Target(where="embedded cloud", stack="x", client=lambda _: None, region="us-east-1")
    monkeypatch.setattr(Target, "output", lambda _self, key: key)
    monkeypatch.setattr(Target, "invoke", invoke)
    monkeypatch.setattr(news, "current_target", lambda: target)
    return found


def run(*words: str) -> str:
    app = typer.Typer()
    app.command()(news.news)
    return CliRunner().invoke(app, list(words), catch_exceptions=False, env={"COLUMNS": "200"}).output


def test_stories_show_tone_weight_and_the_reason_for_no_trade(asked: list[dict[str, Any]]) -> None:
    shown = run("--limit", "5")
    assert asked == [{"name": "MakeRecommendationsFunctionName", "show": True, "stories": 5}]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert rows == [
        ["ACME", "1", "+0.42", "against trend"],
        ["03-10 15:00", "wire", "Acme soars while Beta sinks", "ACME", "+0.90", "0.89", "against trend"],
        ["", "", "", "BETA", "-0.80", "", "told before"],
        ["unknown", "desk", "Rain", "", "", "", "no company"],
    ]


def test_one_company_and_json(asked: list[dict[str, Any]]) -> None:
    assert json.loads(run("acme", "--json")) == REPORT
    assert asked[0]["ticker"] == "ACME"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "No story is stored"),
        (("aapl",), "No story names AAPL."),
        (("ZZZZZ",), "ZZZZZ, which is not in the list of companies"),
    ],
)
def test_no_story_is_told_with_the_reason(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], reason: str
) -> None:
    monkeypatch.setitem(REPORT, "stories", [])
    monkeypatch.setitem(REPORT, "companies", [])
    assert reason in run(*words)


def test_what_is_no_ticker_is_refused(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(CommandError, match=r"'\?\?' is no ticker"):
        run("??")
    assert not asked
