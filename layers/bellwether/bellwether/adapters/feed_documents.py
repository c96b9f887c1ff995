"""RSS and Atom as publishers write them, read by feedparser under guard: bounded expansion, bounded time, text only.

feedparser's own clean-up of HTML is switched off: no tag is kept that could be cleaned. The text is taken out by a
parser that passes over scripts, styles and all that is not for reading; that is as safe, and a third quicker.
"""

import calendar
import io
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import struct_time
from types import FrameType
from typing import Any

import feedparser  # type: ignore[import-untyped]

from bellwether.adapters.html_text import plain_text, text_of_html
from bellwether.domain.errors import InvalidInputError
from bellwether.domain.feeds import update_period_seconds
from bellwether.ports.feeds import DocumentEntry, FeedDocument

TITLE_CHARACTERS = 500
SUMMARY_CHARACTERS = 4000
MARKUP_CHARACTERS = 100_000
"""So much of an entry's HTML is looked at for its text."""
MAX_EXPANSION_BYTES = 1024 * 1024
"""What the entities of a document may add to it. Nested and external ones are never expanded at all."""

_ENTITY = re.compile(rb"<!ENTITY\s+(?:%\s+)?([^\s%\"'>]{1,200})\s+(?:\"([^\"]*)\"|'([^']*)'|(SYSTEM|PUBLIC)\b)", re.I)
_ENTRY = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>]", re.I)
_MARKUP = frozenset({"text/html", "application/xhtml+xml"})
_WEB = re.compile(r"https?://\S+\Z", re.I)


class _TooSlowError(BaseException):
    """Out of feedparser's own reach, which catches Exception here and there."""


class FeedparserReader:
    """FeedParser over feedparser. The time limit holds in a process's main thread only, where Lambda calls handlers."""

    def __init__(self, *, seconds: float = 10.0) -> None:
        self._seconds = seconds

    def parse(self, content: bytes, *, url: str, content_type: str | None) -> FeedDocument:
        """Raises InvalidInputError for what is no feed, expands too far, or takes too long to read."""
        _refuse_expansion(content)
        headers = {"content-location": url} | ({"content-type": content_type} if content_type else {})
        try:
            with _limited_to(self._seconds):
                # BytesIO: feedparser would open bytes that happen to be a file's name
                parsed = feedparser.parse(
                    io.BytesIO(content), response_headers=headers, resolve_relative_uris=False, sanitize_html=False
                )
                return _document(parsed, content)
        except _TooSlowError:
            raise InvalidInputError(f"not read within {self._seconds:g} s", field="document") from None
        except InvalidInputError:
            raise
        except Exception as error:  # feedparser meets hostile input in a dozen ways
            raise InvalidInputError(f"the parser failed: {type(error).__name__}: {error}", field="document") from error


def _document(parsed: Any, content: bytes) -> FeedDocument:
    if not parsed.entries and (not parsed.get("version") or (parsed.bozo and _has_entries(content))):
        reason = parsed.bozo_exception if parsed.bozo else "neither RSS nor Atom"
        raise InvalidInputError(f"no entries: {plain_text(str(reason), characters=300)}", field="document")
    feed = parsed.feed
    names = [_text(feed, "id"), _text(feed, "link"), *(_text(link, "href") for link in _list(feed, "links"))]
    ttl = _text(feed, "ttl").strip()
    return FeedDocument(
        entries=tuple(_entry(each) for each in parsed.entries),
        names=tuple(dict.fromkeys(name for name in names if name)),
        ttl_seconds=int(ttl) * 60 if ttl.isascii() and ttl.isdecimal() and len(ttl) < 8 else None,
        update_period_seconds=update_period_seconds(_text(feed, "sy_updateperiod"), _text(feed, "sy_updatefrequency")),
    )


def _has_entries(content: bytes) -> bool:
    """Whether something was there that the parser did not get at."""
    return _ENTRY.search(content) is not None


def _entry(entry: Any) -> DocumentEntry:
    contents = _list(entry, "content")
    summary = _words(entry, "summary", SUMMARY_CHARACTERS)
    if not summary and contents:
        summary = _words_of(contents[0], SUMMARY_CHARACTERS)
    return DocumentEntry(
        entry_id=plain_text(_text(entry, "id"), characters=2000),
        url=_link(entry),
        title=_words(entry, "title", TITLE_CHARACTERS),
        summary=summary,
        published_at=_instant(entry, "published_parsed"),
        updated_at=_instant(entry, "updated_parsed"),
    )


def _words(entry: Any, key: str, characters: int) -> str:
    detail = dict.get(entry, f"{key}_detail")
    if isinstance(detail, dict):
        return _words_of(detail, characters)
    return text_of_html(_text(entry, key)[:MARKUP_CHARACTERS], characters=characters)


def _words_of(detail: dict[str, Any], characters: int) -> str:
    value = _text(detail, "value")[:MARKUP_CHARACTERS]
    if _text(detail, "type") in _MARKUP:
        return text_of_html(value, characters=characters)
    return plain_text(value, characters=characters)


def _link(entry: Any) -> str:
    links = [_text(entry, "link"), *(_text(link, "href") for link in _list(entry, "links"))]
    wanted = (link.strip() for link in links)
    return next((link for link in wanted if len(link) <= 2000 and _WEB.match(link) and link.isprintable()), "")


def _instant(entry: Any, key: str) -> datetime | None:
    parsed = dict.get(entry, key)
    if not isinstance(parsed, struct_time):
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _text(mapping: Any, key: str) -> str:
    """dict's own get: feedparser's looks elsewhere, and warns."""
    value = dict.get(mapping, key)
    return value if isinstance(value, str) else ""


def _list(mapping: Any, key: str) -> list[Any]:
    value = dict.get(mapping, key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# --- guards ---------------------------------------------------------------------------------------------------------


def _refuse_expansion(content: bytes) -> None:
    """Reckon what the declared entities would come to. feedparser keeps only those that name no other entity."""
    if b"<!ENTITY" not in content[: MARKUP_CHARACTERS * 10].upper():
        return
    added = 0
    for name, double, single, external in _ENTITY.findall(content):
        value = double or single
        if external or b"&" in value.replace(b"&#", b""):
            continue
        added += len(value) * content.count(b"&" + name + b";")
    if added > MAX_EXPANSION_BYTES:
        raise InvalidInputError(f"its entities would add {added} bytes", field="document")


@contextmanager
def _limited_to(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer; again and again, in case a destructor swallowed the first interruption."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise _TooSlowError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
