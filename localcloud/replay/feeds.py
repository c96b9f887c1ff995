"""RSS and Atom documents of the tape's stories, with the validators and headers of a decent publisher."""

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from xml.etree import ElementTree

from localcloud.replay.answers import Answer
from localcloud.replay.tape import Story

ATOM = "http://www.w3.org/2005/Atom"
SHOWN = timedelta(hours=48)
MOST_ENTRIES = 60
MAX_AGE_SECONDS = 60
NOTE = "Invented headlines, replayed. None of these events happened."


@dataclass(frozen=True)
class FeedKind:
    """How a feed is published."""

    feed_id: str
    title: str
    render: Callable[["FeedKind", Sequence[Story], str], bytes]
    content_type: str
    etag: bool = True
    last_modified: bool = True


def _rss(kind: FeedKind, stories: Sequence[Story], base_url: str) -> bytes:
    root = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(root, "channel")
    _texts(channel, title=kind.title, link=f"{base_url}/", description=NOTE, ttl="1")
    for story in stories:
        item = ElementTree.SubElement(channel, "item")
        _texts(item, title=story.title, link=_link(base_url, story), description=f"<p>{story.summary}</p>")
        ElementTree.SubElement(item, "guid", isPermaLink="false").text = f"{kind.feed_id}:{story.story_id}"
        _texts(item, pubDate=format_datetime(story.published_at, usegmt=True), category="synthetic")
    return _document(root)


def _atom(kind: FeedKind, stories: Sequence[Story], base_url: str) -> bytes:
    root = ElementTree.Element("feed", xmlns=ATOM)
    _texts(root, title=kind.title, subtitle=NOTE, id=f"tag:bellwether.example,2026:{kind.feed_id}")
    ElementTree.SubElement(root, "link", href=f"{base_url}/")
    if stories:
        _texts(root, updated=max(story.updated_at for story in stories).isoformat())
    author = ElementTree.SubElement(root, "author")
    _texts(author, name="the replay")
    for story in stories:
        entry = ElementTree.SubElement(root, "entry")
        _texts(
            entry,
            title=story.title,
            id=f"tag:bellwether.example,2026:{kind.feed_id}:{story.story_id}",
            published=story.published_at.isoformat(),
            updated=story.updated_at.isoformat(),
            summary=story.summary,
        )
        ElementTree.SubElement(entry, "link", href=_link(base_url, story))
    return _document(root)


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text


def _link(base_url: str, story: Story) -> str:
    return f"{base_url}/stories/{story.story_id}"


def _document(root: ElementTree.Element) -> bytes:
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


RSS_TYPE, ATOM_TYPE = "application/rss+xml; charset=utf-8", "application/atom+xml; charset=utf-8"
KINDS: Mapping[str, FeedKind] = {
    kind.feed_id: kind
    for kind in (
        FeedKind("market-wire", "Market wire (replay)", _rss, RSS_TYPE),
        FeedKind("tech-desk", "Tech desk (replay)", _atom, ATOM_TYPE, last_modified=False),
        FeedKind("industry-desk", "Industry desk (replay)", _rss, RSS_TYPE, etag=False),
        FeedKind("energy-desk", "Energy desk (replay)", _atom, ATOM_TYPE),
    )
}


def publish(kind: FeedKind, stories: Sequence[Story], base_url: str, request: Mapping[str, str]) -> Answer:
    """The document, or 304 when the reader has it (RFC 9110: If-None-Match takes precedence)."""
    document = kind.render(kind, stories[:MOST_ENTRIES], base_url)
    headers = {"Cache-Control": f"max-age={MAX_AGE_SECONDS}", "Vary": "Accept-Encoding"}
    modified = max((story.updated_at for story in stories), default=None)
    etag = f'"{hashlib.sha256(document).hexdigest()[:24]}"'
    if kind.etag:
        headers["ETag"] = etag
    if kind.last_modified and modified:
        headers["Last-Modified"] = format_datetime(modified, usegmt=True)
    if _known(kind, etag, modified, request):
        return Answer(304, headers)
    headers["Content-Type"] = kind.content_type
    if "gzip" in request.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        document = gzip.compress(document, mtime=0)
    return Answer(200, headers, document)


def _known(kind: FeedKind, etag: str, modified: datetime | None, request: Mapping[str, str]) -> bool:
    presented = request.get("If-None-Match")
    if kind.etag and presented is not None:
        return etag in {each.strip().removeprefix("W/") for each in presented.split(",")} or presented.strip() == "*"
    since = request.get("If-Modified-Since")
    if not kind.last_modified or since is None or modified is None:
        return False
    try:
        return modified.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False
