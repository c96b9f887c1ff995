"""Feeds with faults that real publishers make, and a JSON Feed. Their headlines name no company."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime

from localcloud.replay.answers import Answer
from localcloud.replay.clock import Start

NOTE = "Invented headlines, replayed. Nothing of this happened."
ODD_PATH, JSON_PATH = "/feeds/odd-desk.rss", "/feeds/json-desk.json"


def odd_feeds(path: str, *, edition: Start, opened: datetime, base_url: str) -> Answer | None:
    """The feed at a path, as of the time at which the replay opened; None for another path."""
    if path == ODD_PATH:
        return Answer(200, {"Content-Type": "application/rss+xml; charset=utf-8"}, _rss(edition, opened, base_url))
    if path == JSON_PATH:
        content = json.dumps(_json_feed(edition, opened, base_url)).encode()
        return Answer(200, {"Content-Type": "application/feed+json"}, content)
    return None


def _rss(edition: Start, opened: datetime, base_url: str) -> bytes:
    """Five stories: without a date, without a link, two with one GUID, and one with a day-first date."""
    link = f"{base_url}/stories/odd-{edition.edition}"
    date = format_datetime(opened - timedelta(hours=1), usegmt=True)
    items = (
        {"title": "Weather service expects a mild weekend in the north", "link": f"{link}-1", "guid": f"{link}-1"},
        {"title": "Museum extends its opening hours in summer", "guid": f"{edition.edition}-2", "pubDate": date},
        {
            "title": "City library moves its archive to the harbour",
            "link": f"{link}-3",
            "guid": "news",
            "pubDate": date,
        },
        {"title": "Ferry timetable changes next month", "link": f"{link}-4", "guid": "news", "pubDate": date},
        {
            "title": "School holidays begin one week later this year",
            "link": f"{link}-5",
            "guid": f"{link}-5",
            "pubDate": f"{opened - timedelta(hours=1):%d/%m/%Y %H:%M}",
        },
    )
    entries = "".join(f"<item>{''.join(_element(*each) for each in item.items())}</item>" for item in items)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>Odd desk (replay)</title>'
        f"<link>{base_url}/</link><description>{NOTE}</description>{entries}</channel></rss>"
    ).encode()


def _element(name: str, text: str) -> str:
    attribute = ' isPermaLink="false"' if name == "guid" else ""
    return f"<{name}{attribute}>{text}</{name}>"


def _json_feed(edition: Start, opened: datetime, base_url: str) -> Mapping[str, object]:
    """Two stories, and an item that is no object."""
    link = f"{base_url}/stories/json-{edition.edition}"
    titles = ("Railway renews two bridges in the valley", "Botanical garden opens a new greenhouse")
    stories = [
        {
            "id": f"{link}-{number}",
            "url": f"{link}-{number}",
            "title": title,
            "content_text": NOTE,
            "date_published": (opened - timedelta(hours=number)).isoformat(),
        }
        for number, title in enumerate(titles, start=1)
    ]
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "JSON desk (replay)",
        "home_page_url": f"{base_url}/",
        "items": [*stories, None],
    }
