"""Commands of the feed list: list, add, remove, test, import and export."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4
from xml.etree import ElementTree as ET

import typer
from rich.table import Table

from bellwether.news.domain.feed_list import read_feed_list
from bellwether.news.domain.feeds import ListedFeed
from bellwether.news.domain.news_layout import FEED_LISTS
from bellwether.shared.domain.errors import BellwetherError
from cli.list_parameters import ListParameter
from cli.models import AsJson
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console

QUIET_AFTER = timedelta(days=3)
FEED_TYPES = {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"}
FEED_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
READ = {"changed", "unchanged"}
Url = Annotated[str, typer.Argument(help="Address of the feed, or of a web page that names its feed.")]
Force = Annotated[bool, typer.Option("--force", help="Add it without reading it first.")]
Interval = Annotated[
    int | None, typer.Option("--interval", help="Seconds between two polls, instead of the publisher's interval.")
]
Identity = Annotated[
    str | None,
    typer.Option("--identity", help="What identifies its entries (id, link or words), instead of the decision."),
]

feeds_app = typer.Typer(
    no_args_is_help=True, help="The feeds that are polled: list, add, remove, test, import, export."
)


@feeds_app.command("list")
def list_feeds(as_json: AsJson = False) -> None:
    """Show each feed: its state, last success, next attempt, and why it is silent."""
    target = current_target()
    listed = read_feed_list(_list(target).content())
    states = {
        each["feed_id"]: each
        for each in target.invoke(target.output("ListDueFeedsFunctionName"), {"show": True})["states"]
    }
    rows = [
        {
            "feed_id": each.feed_id,
            "url": each.url,
            **states.get(each.feed_id, {}),
            "state": feed_state(states.get(each.feed_id, {})),
        }
        for each in listed.feeds or ()
    ]
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
    interval: Interval = None,
    identity: Identity = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Read a feed once and add it. It is polled within a minute or two. A web page leads to the feed that it names."""
    target = current_target()
    item = {"feed_id": feed_id, "url": url, "interval_seconds": interval, "identity": identity}
    items = _new_items(_list(target).items(), [item])
    if not force:
        address = _readable(target, items[0]["url"])
        if address != items[0]["url"]:
            items = _new_items(_list(target).items(), [item | {"url": address}])
    _append(target, items)
    _report(items, as_json)


@feeds_app.command("remove")
def remove_feed(
    feed: Annotated[str, typer.Argument(help="Id or address of the feed.")], as_json: AsJson = False
) -> None:
    """Remove a feed from the list. Its stories stay."""
    target = current_target()
    items = _list(target).items()
    kept = [each for each in items if not _is_called(each, feed)]
    if len(kept) == len(items):
        raise CommandError(f"The list has no feed {feed}.")
    _list(target).write(kept)
    _report([each for each in items if _is_called(each, feed)], as_json, word="removed")


@feeds_app.command("test")
def try_feed(url: Url, as_json: AsJson = False) -> None:
    """Fetch and read a feed once, without adding it; for a web page, show the feeds that it names."""
    report = _trial(current_target(), _address(url))
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        for name, value in report.items():
            if value not in (None, [], ""):
                console.print(f"{name}: {value}", markup=False)
    if report["status"] not in READ:
        raise typer.Exit(1)


@feeds_app.command("import")
def import_feeds(
    file: Annotated[Path, typer.Argument(help="OPML file.", exists=True, dir_okay=False)], as_json: AsJson = False
) -> None:
    """Add the feeds of an OPML file; those already listed are left out."""
    target = current_target()
    try:
        outlines = list(ET.parse(file).getroot().iter("outline"))  # noqa: S314 - expat bounds entities
    except (ET.ParseError, LookupError, ValueError) as error:  # also an encoding that nobody knows
        raise CommandError(f"{file} is not OPML: {error}") from error
    feeds = {given["url"]: given for each in outlines if (given := _from_outline(each))["url"]}
    if not feeds:
        raise CommandError(f"{file} names no feed (no outline has xmlUrl).")
    items = _list(target).items()
    added: list[dict[str, Any]] = []
    left_out = []
    for given in feeds.values():
        if any(_is_called(each, given.get("feed_id", "")) for each in (*items, *added)):
            del given["feed_id"]  # another feed has it: a free one is made from the address
        try:
            added += _new_items([*items, *added], [given], skip_listed=True)
        except CommandError as error:
            left_out.append(str(error))
    _append(target, added)
    _report(added, as_json, left_out=left_out)


@feeds_app.command("export")
def export_feeds(as_json: AsJson = False) -> None:
    """Print the list as OPML, or as JSON."""
    listed = read_feed_list(_list(current_target()).content()).feeds or ()
    if as_json:
        typer.echo(json.dumps([each.model_dump(exclude_none=True) for each in listed], indent=2))
        return
    root = ET.Element("opml", version="2.0")
    ET.SubElement(ET.SubElement(root, "head"), "title").text = "Bellwether feeds"
    body = ET.SubElement(root, "body")
    for each in listed:
        settings = {"identity": each.identity, "intervalSeconds": each.interval_seconds}
        known = {name: str(value) for name, value in settings.items() if value is not None}
        ET.SubElement(body, "outline", {"type": "rss", "text": each.feed_id, "xmlUrl": each.url, **known})
    ET.indent(root)
    typer.echo(ET.tostring(root, encoding="unicode", xml_declaration=True))


# --- the list -------------------------------------------------------------------------------------------------------


def _list(target: Target) -> ListParameter:
    return ListParameter(target, "feeds", FEED_LISTS)


def _append(target: Target, added: Sequence[dict[str, Any]]) -> None:
    if added:
        _list(target).write([*_list(target).items(), *added])


def _new_items(
    items: Sequence[Any], feeds: Sequence[dict[str, Any]], *, skip_listed: bool = False
) -> list[dict[str, Any]]:
    """The items to append to the list. Raises CommandError for one that can't be used or is listed already."""
    listed = [each for each in items if isinstance(each, dict)]
    urls, ids = {str(each.get("url")) for each in listed}, {str(each.get("feed_id")) for each in listed}
    added = []
    for given in feeds:
        url = _address(given["url"])
        if url in urls:
            if skip_listed:
                continue
            raise CommandError(f"{url} is listed already.")
        if given.get("feed_id") in ids:
            raise CommandError(f"The list has a feed {given['feed_id']} already.")
        item = given | {"feed_id": given.get("feed_id") or _free_id(url, ids), "url": url}
        item = {name: item[name] for name in ListedFeed.model_fields if item.get(name) is not None}
        if problems := read_feed_list([item]).problems:
            raise CommandError(f"{given['url'].strip() or 'empty address'}: {_fault(problems[0].reason)}")
        urls.add(url)
        ids.add(item["feed_id"])
        added.append(item)
    return added


def _fault(reason: str) -> str:
    """A reason without what the poll makes of the item: a command refuses it."""
    return re.sub(r" is ignored(?=: )", "", reason.removeprefix("left out: "))


def _from_outline(outline: ET.Element) -> dict[str, Any]:
    """A feed as `export` writes it, or anybody: a text that is no feed id gives none. Attributes in either case."""
    found = {name.lower(): value.strip() for name, value in outline.attrib.items()}
    given: dict[str, Any] = {"url": found.get("xmlurl", "")}
    if FEED_ID.fullmatch(found.get("text", "")):
        given["feed_id"] = found["text"]
    if found.get("intervalseconds", "").isdecimal():
        given["interval_seconds"] = int(found["intervalseconds"])
    return given | ({"identity": found["identity"]} if "identity" in found else {})


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


# --- reading an address once ----------------------------------------------------------------------------------------


def _trial(target: Target, url: str) -> dict[str, Any]:
    """What the deployed function reads at an address."""
    feed = {"feed_id": "test", "url": url, "claim_token": str(uuid4())}
    payload = target.invoke(target.output("FetchFeedsFunctionName"), {"feeds": [feed], "trial": True})
    if payload.get("results_key"):
        payload = {"results": json.loads(target.objects.get(payload["results_key"]).content)}
    (result,) = payload["results"]
    entries = result.get("entries", [])
    return {
        "url": url,
        "status": result["status"],
        "error": result.get("error"),
        "entries": len(entries),
        "undated": sum(not each.get("published_at") for each in entries),
        "without_link": sum(not each.get("url") for each in entries),
        "titles": [each["title"] for each in entries[:5]],
        "moved_to": result.get("moved_to"),
        "named_feeds": _named_feeds(target, result.get("quarantine_key"), result.get("moved_to") or url),
    }


def _readable(target: Target, url: str) -> str:
    """The address itself, or the one feed that the page there names. Raises CommandError when there is neither."""
    report = _trial(target, url)
    if report["status"] in READ:
        return url
    named = report["named_feeds"]
    if len(named) == 1:
        return str(named[0])
    if named:
        raise CommandError(f"{url} is a page that names {len(named)} feeds; add one of them: {', '.join(named)}")
    raise CommandError(f"{url} can't be read ({report['error'] or report['status']}); --force adds it nevertheless.")


class _FeedLinks(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: (value or "").strip() for name, value in attrs}
        if not given.get("href"):
            return
        try:
            address = urljoin(self.base, given["href"])
        except ValueError:  # no address
            return
        if tag == "base":
            self.base = address
        alternate = tag in {"link", "a"} and "alternate" in given.get("rel", "").lower().split()
        kind = given.get("type", "").partition(";")[0].strip().lower()
        if alternate and kind in FEED_TYPES:
            self.found.append(address)


def feed_links(page: str, base: str) -> list[str]:
    """Addresses of the feeds that a web page names by `rel="alternate"`."""
    links = _FeedLinks(base)
    links.feed(page)
    return list(dict.fromkeys(links.found))


def _named_feeds(target: Target, quarantine_key: str | None, base: str) -> list[str]:
    if not quarantine_key:
        return []
    try:
        page = target.objects.get(quarantine_key).content
    except BellwetherError:
        return []
    return feed_links(page.decode("utf-8", "replace"), base)


# --- output ---------------------------------------------------------------------------------------------------------


def _report(
    items: Sequence[dict[str, Any]], as_json: bool, *, word: str = "added", left_out: Sequence[str] = ()
) -> None:
    if as_json:
        typer.echo(json.dumps({word: list(items), "left_out": list(left_out)}, indent=2))
        return
    for each in items:
        console.print(f"{word} {each.get('feed_id')}: {each.get('url')}", markup=False)
    for reason in left_out:
        console.print(f"left out: {reason}", markup=False)
    if not items and not left_out:
        console.print("Every feed is listed already.")


def feeds_table(rows: Sequence[dict[str, Any]], where: str) -> Table:
    """Feeds with their state as a person reads it."""
    table = Table(title=f"Feeds in the {where}")
    for name in ("feed", "state", "stories", "last success", "next attempt", "every", "identity"):
        is_time = name in ("last success", "next attempt")
        table.add_column(name, overflow="fold", min_width=len("2026-03-02") if is_time else None)
    for row in rows:
        table.add_row(
            row["feed_id"],
            row["state"],
            str(row.get("stories", "")),
            _minute(row.get("last_success_at")),
            _next_attempt(row),
            f"{row['interval_seconds']} s" if "interval_seconds" in row else "",
            f"{row.get('basis', '')}: {row['basis_reason']}" if row.get("basis_reason") else str(row.get("basis", "")),
        )
    return table


def feed_state(row: dict[str, Any], now: datetime | None = None) -> str:
    """Why a feed is silent, or that it is well."""
    if "failures" not in row:
        return "not polled yet"
    if row["retired"]:
        return "retired: the server answered 410; a new address brings it back"
    if row["failures"]:
        return f"failing ({row['failures']}): {row['error']}"
    if row["last_success_at"] is None:
        return "not polled yet"
    if row["error"]:
        return f"well; {row['error']}"
    newest = row.get("newest_story_at")
    if newest is None:
        return "read, but it has no entry yet"
    if (now or datetime.now(UTC)) - datetime.fromisoformat(newest) > QUIET_AFTER:
        return f"well; its last new story came {_minute(newest)}"
    return f"well; moved to {row['moved_to']}" if row.get("moved_to") else "well"


def _next_attempt(row: dict[str, Any]) -> str:
    if row.get("retired"):
        return "never"
    return _minute(row["next_attempt_at"]) if "next_attempt_at" in row else "at the next poll"


def _minute(instant: str | None) -> str:
    return instant[:16].replace("T", " ") if instant else "never"
