"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/), which feedparser does not read."""

import json
from html import unescape
from typing import Any
from urllib.parse import urljoin

from bellwether.news.adapters.entry_fields import MARKUP_CHARACTERS, SUMMARY_CHARACTERS, TITLE_CHARACTERS, web_address
from bellwether.news.adapters.html_text import plain_text, text_of_html
from bellwether.news.domain.feed_dates import read_date
from bellwether.news.domain.feeds import MAX_INTERVAL_SECONDS
from bellwether.news.ports.feed_access import DocumentEntry, FeedDocument
from bellwether.shared.domain.errors import InvalidInputError

VERSIONS = ("https://jsonfeed.org/version/", "http://jsonfeed.org/version/", "https://www.jsonfeed.org/version/")
_BLANK = b"\xef\xbb\xbf \t\r\n"


def is_json(content: bytes) -> bool:
    """Whether a document is a JSON object or array rather than XML."""
    return content.lstrip(_BLANK)[:1] in (b"{", b"[")


def read_json_feed(content: bytes, *, url: str) -> FeedDocument:
    """Read a JSON Feed; raises InvalidInputError for other JSON. An item that is not an object counts as empty."""
    try:
        found = json.loads(content.lstrip(_BLANK).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"no entries: not JSON: {error}"[:300], field="document") from error
    version, items = (found.get("version"), found.get("items")) if isinstance(found, dict) else (None, None)
    if not isinstance(version, str) or not version.strip().startswith(VERSIONS):
        raise InvalidInputError("no entries: JSON, but not a JSON Feed: it has no version of one", field="document")
    if items is None:  # as some publishers write an empty feed
        items = []
    if not isinstance(items, list):
        raise InvalidInputError("no entries: the items of a JSON Feed are no list", field="document")
    names = (found.get("feed_url"), found.get("home_page_url"))
    return FeedDocument(
        entries=tuple(_entry(each, url) for each in items),
        names=tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name)),
        ttl_seconds=MAX_INTERVAL_SECONDS if found.get("expired") is True else None,  # it will not be updated again
    )


def _entry(item: Any, base: str) -> DocumentEntry:
    if not isinstance(item, dict):
        return DocumentEntry("", "", "", "", None, None)
    published, updated = (read_date(_text_or_number(item, key)) for key in ("date_published", "date_modified"))
    return DocumentEntry(
        entry_id=plain_text(_text_or_number(item, "id"), characters=2000),
        url=next((link for key in ("url", "external_url") if (link := _link(item, key, base))), ""),
        title=plain_text(unescape(_text(item, "title")), characters=TITLE_CHARACTERS),
        summary=_summary(item),
        published_at=published.instant,
        updated_at=updated.instant,
        latest_at=None if published.instant or updated.instant else published.latest or updated.latest,
    )


def _link(item: dict[str, Any], key: str, base: str) -> str:
    given = _text(item, key).strip()
    try:
        return web_address(urljoin(base, given)) if given else ""
    except ValueError:
        return ""


def _text_or_number(item: dict[str, Any], key: str) -> str:
    """A number as an id, as version 1.1 recommends to read it, or as seconds since 1970."""
    value = item.get(key)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _text(item, key)


def _summary(item: dict[str, Any]) -> str:
    for key in ("summary", "content_text"):
        if text := plain_text(_text(item, key)[:MARKUP_CHARACTERS], characters=SUMMARY_CHARACTERS):
            return text
    return text_of_html(_text(item, "content_html")[:MARKUP_CHARACTERS], characters=SUMMARY_CHARACTERS)


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""
