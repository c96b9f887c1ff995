"""RSS and Atom as publishers write them, read by feedparser under guard: bounded expansion, bounded time, text only;
JSON Feed, which feedparser does not read, by `json_feed`.

feedparser's own clean-up of HTML is switched off: no tag is kept that could be cleaned. The text is taken out by a
parser that passes over scripts, styles and all that is not for reading; that is as safe, and a third quicker.
"""

import codecs
import io
import math
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import feedparser  # type: ignore[import-untyped]

from bellwether.news.adapters.entry_fields import (
    MARKUP_CHARACTERS,
    SUMMARY_CHARACTERS,
    TITLE_CHARACTERS,
    web_address,
)
from bellwether.news.adapters.html_text import plain_text, text_of_html
from bellwether.news.adapters.json_feed import is_json, read_json_feed
from bellwether.news.domain.feed_dates import read_date
from bellwether.news.domain.feeds import update_period_seconds
from bellwether.news.ports.feed_access import DocumentEntry, FeedDocument
from bellwether.shared.domain.errors import InvalidInputError

MAX_EXPANSION_BYTES = 1024 * 1024
"""What the entities of a document may add to it; external ones add nothing, they are never fetched."""

_ENDLESS = 1 << 60
_ENTITY = re.compile(rb"<!ENTITY\s+([^\s%\"'>]{1,200})\s+(?:\"([^\"]*)\"|'([^']*)')")
_REFERENCE = re.compile(rb"&([^\s&;#<>\"']{1,200});")
_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.I)
_ASCII_INSIDE = re.compile(r"utf-8|ascii|latin|iso8859|cp125|koi8|gb|big5|euc|shift|mac|tis|cp8[56]|cp437")
_HALF_REFERENCE = re.compile(  # U+D800 to U+DFFF
    rb"&#(?:[xX]0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5(?:529[6-9]|5[3-9]\d\d|6\d{3}|7[0-2]\d\d|73[0-3]\d|734[0-3]));?"
)
_DECLARED = re.compile(r"^(\s*<\?xml[^>]*?)\s+encoding\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_WIDE = (  # how a document in wide characters begins: with its mark, or with `<` (XML 1.0, appendix F)
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_CAPTION = re.compile(rb"(</?media:)description\b")
_REFERENCE_OR_NONE = rb"(?:[A-Za-z_:][\w:.-]{0,200}|#[0-9]{1,10}|#[xX][0-9A-Fa-f]{1,8});"
_BARE_AMPERSAND = re.compile(rb"&(?!" + _REFERENCE_OR_NONE + rb")")
_ESCAPABLE = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|" + _BARE_AMPERSAND.pattern, re.S)
_ENTRY = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>]", re.I)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html)[\s>]", re.I)
_MARKUP = frozenset({"text/html", "application/xhtml+xml"})


class _TooSlowError(BaseException):
    """Out of feedparser's own reach, which catches Exception here and there."""


class _NoTimeLeftError(BaseException):
    """The same for the caller's own time."""


class FeedparserReader:
    """FeedParser over feedparser. The limit counts the process's time on the processor, so that a busy machine refuses
    no document. Limits hold in a process's main thread only, where Lambda calls handlers.
    """

    def __init__(self, *, seconds: float = 10.0) -> None:
        self._seconds = seconds

    def parse(
        self, content: bytes, *, url: str, content_type: str | None, seconds_left: float = math.inf
    ) -> FeedDocument:
        """Raises InvalidInputError for what is no feed, expands too far, or takes too long to read, and TimeoutError
        when `seconds_left` of real time are over before.
        """
        try:
            with _limited_to(self._seconds, seconds_left):
                content, content_type = _narrow(content, content_type)
                if is_json(content):
                    return read_json_feed(content, url=url)
                _refuse_expansion(content, content_type)
                content = _repaired(content)
                headers = {"content-location": url} | ({"content-type": content_type} if content_type else {})
                return _document(_parsed(content, headers), content)
        except _TooSlowError:
            reason = f"not read within {self._seconds:g} s of processor time"
            raise InvalidInputError(reason, field="document") from None
        except (InvalidInputError, TimeoutError):
            raise
        except Exception as error:  # feedparser meets hostile input in a dozen ways
            raise InvalidInputError(f"the parser failed: {type(error).__name__}: {error}", field="document") from error


def _parsed(content: bytes, headers: Mapping[str, str]) -> Any:
    try:
        # BytesIO: feedparser would open bytes that happen to be a file's name
        return feedparser.parse(
            io.BytesIO(content), response_headers=headers, resolve_relative_uris=False, sanitize_html=False
        )
    except UnicodeEncodeError:  # a reference to half of a pair: `&#xD83D;`
        whole = _HALF_REFERENCE.sub("\N{REPLACEMENT CHARACTER}".encode(), content)
        if whole == content:
            raise
        return _parsed(whole, headers)


def _document(parsed: Any, content: bytes) -> FeedDocument:
    if not parsed.entries and (not parsed.get("version") or (parsed.bozo and _has_entries(content))):
        reason = parsed.bozo_exception if parsed.bozo else "neither RSS nor Atom"
        if _PAGE.search(content[:1000]):
            reason = "a web page, neither RSS nor Atom"
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


_UNREADABLE = DocumentEntry("", "", "", "", None, None)
"""Stands for an entry that can't be read; it counts as empty."""


def _entry(entry: Any) -> DocumentEntry:
    try:
        return _read_entry(entry)
    except Exception:  # noqa: BLE001 - one entry's fault must not stop the others
        return _UNREADABLE


def _read_entry(entry: Any) -> DocumentEntry:
    contents = _list(entry, "content")
    summary = _words(entry, "summary", SUMMARY_CHARACTERS)
    if not summary and contents:
        summary = _words_of(contents[0], SUMMARY_CHARACTERS)
    summary = summary or _words(entry, "media_caption", SUMMARY_CHARACTERS)
    published, updated = (read_date(_text(entry, key)) for key in ("published", "updated"))
    return DocumentEntry(
        entry_id=plain_text(_text(entry, "id"), characters=2000),
        url=_link(entry),
        title=_words(entry, "title", TITLE_CHARACTERS),
        summary=summary,
        published_at=published.instant,
        updated_at=updated.instant,
        latest_at=None if published.instant or updated.instant else published.latest or updated.latest,
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
    """The entry's page. Where it has several, as with links of related entries inside it, the one that is its id, else
    the first; FeedBurner's own name of the page comes before FeedBurner's address."""
    links = _list(entry, "links")
    pages = [address for link in links if _text(link, "rel") == "alternate" and (address := _address(link, "href"))]
    own = _address(entry, "id")
    others = (_address(entry, "link"), *(_address(link, "href") for link in links))
    named = (_address(entry, "feedburner_origlink"), own if own in pages else "", *pages, *others)
    return next((address for address in named if address), "")


def _address(mapping: Any, key: str) -> str:
    return web_address(_text(mapping, key))


def _text(mapping: Any, key: str) -> str:
    """dict's own get: feedparser's looks elsewhere, and warns."""
    value = dict.get(mapping, key)
    return value if isinstance(value, str) else ""


def _list(mapping: Any, key: str) -> list[Any]:
    value = dict.get(mapping, key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# --- repairs --------------------------------------------------------------------------------------------------------


def _repaired(content: bytes) -> bytes:
    """The document without two faults that feedparser reads wrongly.

    A bare ampersand ("AT&T") would become "AT&T;". A picture's caption (`media:description`) before an entry's
    description would take its place: it is read under a name of its own.
    """
    if b"<media:description" in content:
        content = _CAPTION.sub(rb"\1caption", content)
    if b"\x1b" in content or not _BARE_AMPERSAND.search(content):  # ISO-2022 has other characters under these bytes
        return content
    return _ESCAPABLE.sub(lambda found: b"&amp;" if found[0] == b"&" else found[0], content)


# --- guards ---------------------------------------------------------------------------------------------------------


def _narrow(content: bytes, content_type: str | None) -> tuple[bytes, str | None]:
    """A document in UTF-16 or UTF-32 as UTF-8: feedparser takes it for UTF-8 where no declaration says otherwise."""
    codec = next((codec for beginning, codec in _WIDE if content.startswith(beginning)), None)
    if codec is None:
        return content, content_type
    text = _DECLARED.sub(r"\1", content.decode(codec, "replace"), count=1)
    return text.encode(errors="replace"), content_type.partition(";")[0] if content_type else None


def _refuse_expansion(content: bytes, content_type: str | None) -> None:
    """Reckon what the declared entities would come to, one inside the other, before anybody expands them."""
    for reading in _readings(content, content_type):
        if b"<!ENTITY" not in reading:
            continue
        values = {name: double or single for name, double, single in _ENTITY.findall(reading)}
        sizes: dict[bytes, int] = {}
        added = 0
        for name, times in Counter(_REFERENCE.findall(_ENTITY.sub(b"", reading))).items():
            added += times * _expanded(name, values, sizes)
        if added > MAX_EXPANSION_BYTES:
            told = added if added < _ENDLESS else "endlessly many"
            raise InvalidInputError(f"its entities would add {told} bytes", field="document")


def _expanded(name: bytes, values: Mapping[bytes, bytes], sizes: dict[bytes, int]) -> int:
    """Bytes of an entity with all that it names, `_ENDLESS` for one that names itself. No recursion: it may be deep."""
    todo, open_ = [name], {name}
    while todo:
        current = todo[-1]
        inside = [each for each in _REFERENCE.findall(values.get(current, b"")) if each in values]
        unknown = next((each for each in inside if each not in sizes), None)
        if unknown is None:
            sizes[current] = min(len(values.get(current, b"")) + sum(sizes[each] for each in inside), _ENDLESS)
        elif unknown in open_:
            sizes[current] = _ENDLESS
        else:
            todo.append(unknown)
            open_.add(unknown)
            continue
        open_.discard(todo.pop())
    return sizes[name]


def _readings(content: bytes, content_type: str | None) -> Iterator[bytes]:
    """The document in whatever way the parser may come to read it, as bytes in which ASCII is ASCII."""
    yield content.replace(b"\0", b"")  # UTF-16 and UTF-32 as well
    names = {*_CHARSET.findall((content_type or "").encode()), *_CHARSET.findall(content[:400])}
    if content.startswith(b"\x4c\x6f\xa7\x94"):  # "<?xm" in EBCDIC
        names.add(b"cp037")
    for name in names:
        with suppress(LookupError, ValueError):
            codec = codecs.lookup(name.decode("ascii"))
            if not _ASCII_INSIDE.match(codec.name):
                yield str(codec.decode(content, "ignore")[0]).encode(errors="ignore")


@contextmanager
def _limited_to(processor_seconds: float, real_seconds: float) -> Iterator[None]:
    """Interrupt what takes longer; again and again, in case a destructor swallowed the first interruption."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise _TooSlowError if number == signal.SIGPROF else _NoTimeLeftError

    timers = {signal.ITIMER_PROF: (signal.SIGPROF, processor_seconds)}
    if real_seconds < math.inf:
        timers[signal.ITIMER_REAL] = (signal.SIGALRM, max(real_seconds, 0.001))
    before = {number: signal.signal(number, interrupt) for number, _ in timers.values()}
    for timer, (_, seconds) in timers.items():
        signal.setitimer(timer, seconds, 1.0)
    try:
        yield
    except _NoTimeLeftError:
        raise TimeoutError("no time left to read the document") from None
    finally:
        for timer in timers:
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
