"""Commands of the feed list: list, add, remove, test, import and export."""

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4
from xml.etree import ElementTree as ET

import typer
from botocore.exceptions import ClientError
from rich.table import Table

from bellwether.news.domain.feed_list import read_feed_list
from bellwether.shared.domain.errors import BellwetherError
from cli.models import AsJson
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console

PARAMETER_CHARACTERS = 4096
"""What SSM stores in a standard parameter."""
FEED_TYPES = {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"}
Url = Annotated[str, typer.Argument(help="Address of the feed.")]

feeds_app = typer.Typer(no_args_is_help=True, help="The feeds that are polled: list, add, remove, test.")


@feeds_app.command("list")
def list_feeds(as_json: AsJson = False) -> None:
    """Show each feed: its state, last success, next attempt, and why it is silent."""
    target = current_target()
    listed = read_feed_list(_content(target))
    states = {
        each["feed_id"]: each
        for each in target.invoke(target.output("ListDueFeedsFunctionName"), {"show": True})["states"]
    }
    rows = [{"feed_id": each.feed_id, "url": each.url, **states.get(each.feed_id, {})} for each in listed.feeds or ()]
    problems = [f"{each.place}: {each.reason}" for each in listed.problems]
    if as_json:
        typer.echo(json.dumps({"feeds": rows, "problems": problems}, indent=2))
        return
    console.print(feeds_table(rows, target.where))
    for problem in problems:
        console.print(f"Fault in the list: {problem}", markup=False)


@feeds_app.command("add")
def add_feed(
    url: Url,
    feed_id: Annotated[str, typer.Option("--id", help="Id of the feed; by default from its address.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a feed. It is polled within a minute or two."""
    target = current_target()
    _report(_added(target, [(feed_id, url)]), as_json)


@feeds_app.command("remove")
def remove_feed(
    feed: Annotated[str, typer.Argument(help="Id or address of the feed.")], as_json: AsJson = False
) -> None:
    """Remove a feed from the list. Its stories stay."""
    target = current_target()
    items = _items(target)
    kept = [each for each in items if not _is_called(each, feed)]
    if len(kept) == len(items):
        raise CommandError(f"The list has no feed {feed}.")
    _write(target, kept)
    _report([each for each in items if _is_called(each, feed)], as_json, word="removed")


@feeds_app.command("test")
def try_feed(url: Url, as_json: AsJson = False) -> None:
    """Fetch and read a feed once, without adding it; for a web page, show the feeds that it names."""
    target = current_target()
    feed = {"feed_id": "test", "url": _address(url), "claim_token": str(uuid4())}
    payload = target.invoke(target.output("FetchFeedsFunctionName"), {"feeds": [feed], "trial": True})
    if payload.get("results_key"):
        payload = {"results": json.loads(target.objects.get(payload["results_key"]).content)}
    (result,) = payload["results"]
    found = _named_feeds(target, result.get("quarantine_key"), feed["url"])
    entries = result.get("entries", [])
    report = {
        "url": feed["url"],
        "status": result["status"],
        "error": result.get("error"),
        "entries": len(entries),
        "undated": sum(not each.get("published_at") for each in entries),
        "titles": [each["title"] for each in entries[:5]],
        "moved_to": result.get("moved_to"),
        "named_feeds": found,
    }
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        for name, value in report.items():
            if value not in (None, [], ""):
                console.print(f"{name}: {value}", markup=False)
    if result["status"] not in {"changed", "unchanged"}:
        raise typer.Exit(1)


@feeds_app.command("import")
def import_feeds(
    file: Annotated[Path, typer.Argument(help="OPML file.", exists=True, dir_okay=False)], as_json: AsJson = False
) -> None:
    """Add the feeds of an OPML file; those already listed are left out."""
    target = current_target()
    try:
        outlines = list(ET.parse(file).getroot().iter("outline"))  # noqa: S314 - expat bounds entities
    except ET.ParseError as error:
        raise CommandError(f"{file} is not OPML: {error}") from error
    addresses = [url for each in outlines if (url := each.get("xmlUrl", "").strip())]
    if not addresses:
        raise CommandError(f"{file} names no feed (no outline has xmlUrl).")
    _report(_added(target, [("", url) for url in dict.fromkeys(addresses)], skip_listed=True), as_json)


@feeds_app.command("export")
def export_feeds(as_json: AsJson = False) -> None:
    """Print the list as OPML, or as JSON."""
    listed = read_feed_list(_content(current_target())).feeds or ()
    if as_json:
        typer.echo(json.dumps([each.model_dump() for each in listed], indent=2))
        return
    root = ET.Element("opml", version="2.0")
    ET.SubElement(ET.SubElement(root, "head"), "title").text = "Bellwether feeds"
    body = ET.SubElement(root, "body")
    for each in listed:
        ET.SubElement(body, "outline", type="rss", text=each.feed_id, xmlUrl=each.url)
    ET.indent(root)
    typer.echo(ET.tostring(root, encoding="unicode", xml_declaration=True))


# --- the list -------------------------------------------------------------------------------------------------------


def _parameter(target: Target) -> str:
    return f"/bellwether/{target.environment}/feeds"


def _content(target: Target) -> str:
    return str(target.client("ssm").get_parameter(Name=_parameter(target))["Parameter"]["Value"])


def _items(target: Target) -> list[Any]:
    """The items as they are, faulty ones too: what a command does not change stays."""
    try:
        items = json.loads(_content(target))
    except ValueError as error:
        raise CommandError(f"The feed list is not JSON: {error}. Correct {_parameter(target)} first.") from error
    if not isinstance(items, list):
        raise CommandError(f"The feed list is not a JSON array. Correct {_parameter(target)} first.")
    return items


def _write(target: Target, items: Sequence[Any]) -> None:
    text = json.dumps(items, separators=(",", ":"))
    if len(text) > PARAMETER_CHARACTERS:
        raise CommandError(
            f"The list would have {len(text)} characters, a parameter holds {PARAMETER_CHARACTERS}: nothing changed."
        )
    try:
        target.client("ssm").put_parameter(Name=_parameter(target), Value=text, Type="String", Overwrite=True)
    except ClientError as error:
        raise CommandError(f"The feed list can't be written: {error}") from error


def _added(target: Target, feeds: Sequence[tuple[str, str]], *, skip_listed: bool = False) -> list[dict[str, str]]:
    items = _items(target)
    listed = [each for each in items if isinstance(each, dict)]
    urls, ids = {str(each.get("url")) for each in listed}, {str(each.get("feed_id")) for each in listed}
    added = []
    for feed_id, given in feeds:
        url = _address(given)
        if url in urls:
            if skip_listed:
                continue
            raise CommandError(f"{url} is listed already.")
        if feed_id in ids:
            raise CommandError(f"The list has a feed {feed_id} already.")
        item = {"feed_id": feed_id or _free_id(url, ids), "url": url}
        if problems := read_feed_list([item]).problems:
            raise CommandError(f"{given}: {problems[0].reason}")
        urls.add(url)
        ids.add(item["feed_id"])
        added.append(item)
    if added:
        _write(target, [*items, *added])
    return added


def _address(url: str) -> str:
    """`feed:` addresses are web addresses (`feed://host/path`, `feed:https://host/path`)."""
    url = url.strip()
    if url.lower().startswith("feed:"):
        rest = url[5:]
        url = rest if rest.lower().startswith(("http://", "https://")) else f"https:{rest}"
    return url if "://" in url else f"https://{url}"


def _free_id(url: str, taken: set[str]) -> str:
    parts = urlsplit(url)
    name = re.sub(r"[^a-z0-9]+", "-", f"{parts.hostname or ''}{parts.path}".lower().removeprefix("www."))[:50]
    name = name.strip("-") or "feed"
    return next(each for n in range(1, 10_000) if (each := name if n == 1 else f"{name}-{n}") not in taken)


def _is_called(item: Any, name: str) -> bool:
    return isinstance(item, dict) and name in (item.get("feed_id"), item.get("url"))


# --- pages that name feeds ------------------------------------------------------------------------------------------


class _FeedLinks(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        alternate = tag in {"link", "a"} and "alternate" in given.get("rel", "").lower().split()
        if alternate and given.get("type", "").lower() in FEED_TYPES and given.get("href"):
            self.found.append(given["href"].strip())


def feed_links(page: str, base: str) -> list[str]:
    """Addresses of the feeds that a web page names by `rel="alternate"`."""
    links = _FeedLinks()
    links.feed(page)
    return list(dict.fromkeys(urljoin(base, each) for each in links.found))


def _named_feeds(target: Target, quarantine_key: str | None, base: str) -> list[str]:
    if not quarantine_key:
        return []
    try:
        page = target.objects.get(quarantine_key).content
    except BellwetherError:
        return []
    return feed_links(page.decode("utf-8", "replace"), base)


# --- output ---------------------------------------------------------------------------------------------------------


def _report(items: Sequence[dict[str, str]], as_json: bool, *, word: str = "added") -> None:
    if as_json:
        typer.echo(json.dumps({word: list(items)}, indent=2))
        return
    for each in items:
        console.print(f"{word} {each['feed_id']}: {each['url']}", markup=False)
    if not items:
        console.print("Every feed is listed already.")


def feeds_table(rows: Sequence[dict[str, Any]], where: str) -> Table:
    """Feeds with their state as a person reads it."""
    table = Table(title=f"Feeds in the {where}")
    for name in ("feed", "state", "stories", "last success", "next attempt", "identity"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            row["feed_id"],
            feed_state(row),
            str(row.get("stories", "")),
            _minute(row.get("last_success_at")),
            _minute(row.get("next_attempt_at")),
            str(row.get("basis", "")),
        )
    return table


def feed_state(row: dict[str, Any]) -> str:
    """Why a feed is silent, or that it is well."""
    if "failures" not in row:
        return "not polled yet"
    if row["retired"]:
        return "retired: the server answered 410; a new address brings it back"
    if row["failures"]:
        return f"failing ({row['failures']}): {row['error']}"
    if row["last_success_at"] is None:
        return "not polled yet"
    return f"well; {row['error']}" if row["error"] else "well"


def _minute(instant: str | None) -> str:
    return instant[:16].replace("T", " ") if instant else "never"
