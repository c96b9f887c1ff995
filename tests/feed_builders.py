"""Small feeds, their entries and their states to start a test from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

from bellwether.news.domain.feeds import DueFeed, Entry, FetchResult

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOKEN = UUID("6f0c1a52-3c55-4a3e-9d0b-2f6a1f3b7c11")


def due(url: str = "https://feeds.example.org/news.xml", **changes: Any) -> DueFeed:
    """A feed claimed to be asked."""
    return DueFeed(**{"feed_id": "example", "url": url, "claim_token": TOKEN, **changes})


def entry(number: int = 1, **changes: Any) -> Entry:
    """An entry of a feed."""
    values: dict[str, Any] = {
        "entry_id": f"//example.org/{number}",
        "url": f"https://example.org/{number}",
        "title": f"Company number {number} reports quarterly figures for region {number}",
        "summary": f"What number {number} had to say.",
        "published_at": NOON,
    }
    return Entry(**{**values, **changes})


def result(**changes: Any) -> FetchResult:
    """What asking a feed came to."""
    values: dict[str, Any] = {
        "feed_id": "example",
        "claim_token": TOKEN,
        "status": "changed",
        "fetched_at": NOON,
        "interval_seconds": 60,
        "failures": 0,
        "http_status": 200,
    }
    return FetchResult(**{**values, **changes})


def rss(items: Sequence[dict[str, str]] | int = 2, *, channel: str = "") -> bytes:
    """An RSS document; items are their elements by name, or so many of them."""
    if isinstance(items, int):
        items = [
            {
                "title": f"Company number {n} reports quarterly figures for region {n}",
                "link": f"https://example.org/{n}",
                "guid": f"https://example.org/{n}",
                "description": f"What number {n} had to say.",
                "pubDate": "Mon, 02 Mar 2026 12:00:00 GMT",
            }
            for n in range(items)
        ]
    inside = "".join(
        f"<item>{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in item.items())}</item>" for item in items
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Example</title>'
        f"<link>https://example.org/</link><description>News</description>{channel}{inside}</channel></rss>"
    ).encode()
