"""`bellwether news`: stories, the tone for each company, the weight, and why a story is not traded."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from bellwether.news.views import packaged_companies
from bellwether.trading.domain.ticker_list import select_tickers
from cli.models import AsJson
from cli.problems import CommandError
from cli.target import current_target
from cli.terminal import console

Ticker = Annotated[str | None, typer.Argument(help="Only stories that name this company.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Number of stories.")]


def news(ticker: Ticker = None, limit: Limit = 30, as_json: AsJson = False) -> None:
    """Show the newest stories: tone and weight for each company, and why they are not traded."""
    target = current_target()
    event: dict[str, Any] = {"show": True, "stories": limit} | ({"ticker": _ticker(ticker)} if ticker else {})
    report = target.invoke(target.output("MakeRecommendationsFunctionName"), event)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    if report["companies"]:
        console.print(companies_table(report))
    if report["stories"]:
        console.print(stories_table(report))
    else:
        console.print(_why_none(event.get("ticker")))


def _ticker(name: str) -> str:
    """The symbol; raises CommandError for what is none."""
    (ticker,) = select_tickers([name.strip().upper()]).tickers or (None,)
    if ticker is None:
        raise CommandError(f"{name!r} is no ticker such as AAPL or BRK.B.")
    return ticker


def _why_none(ticker: str | None) -> str:
    if ticker is None:
        return "No story is stored. `bellwether feeds list` shows whether the feeds are read."
    if ticker not in packaged_companies():
        return f"No story names {ticker}, which is not in the list of companies."
    return f"No story names {ticker}."


def companies_table(report: dict[str, Any]) -> Table:
    """The companies in the news, and what the signal rule makes of them."""
    at = datetime.fromisoformat(report["at"])
    market = "open" if report["market_open"] else "closed"
    table = Table(title=f"Companies in the news, {at:%Y-%m-%d %H:%M} UTC, market {market}")
    table.add_column("ticker")
    table.add_column("stories", justify="right")
    table.add_column("tone", justify="right")
    table.add_column("signal")
    for each in report["companies"]:
        tone = "" if each["tone"] is None else f"{each['tone']:+.2f}"
        table.add_row(each["ticker"], str(each["stories"]), tone, _words(each["outcome"]))
    return table


def stories_table(report: dict[str, Any]) -> Table:
    """One row for each story and company."""
    outcomes = {each["ticker"]: each["outcome"] for each in report["companies"]}
    table = Table(title=f"Newest {len(report['stories'])} stories")
    for name in ("published", "feed", "title", "company", "tone", "weight", "signal"):
        table.add_column(name, justify="right" if name in ("tone", "weight") else "left")
    for story in report["stories"]:
        published = story["published_at"]
        first = (
            f"{datetime.fromisoformat(published):%m-%d %H:%M}" if published else "unknown",
            story["feed_id"],
            story["title"],
        )
        for company in story["companies"] or [None]:
            table.add_row(*first, *_company(story, company, outcomes))
            first = ("", "", "")
    return table


def _company(story: dict[str, Any], company: dict[str, Any] | None, outcomes: dict[str, str]) -> tuple[str, ...]:
    if company is None:
        return "", "", "", _words(story["no_weight"])
    reason = company["no_weight"] or outcomes.get(company["ticker"], "")
    weight = "" if company["weight"] is None else f"{company['weight']:.2f}"
    return company["ticker"], f"{company['tone']:+.2f}", weight, _words(reason)


def _words(reason: str | None) -> str:
    return (reason or "").replace("_", " ")
