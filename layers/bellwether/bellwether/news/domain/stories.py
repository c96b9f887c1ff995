"""Stories: identity of entries, versions of their text, and detection of near-duplicates.

The identity of an entry is its id; without an id, its link; without both, its day and title; `entry_identity` decides
for each feed whether its ids and links can be trusted. The text is not part of the identity if there is an id or a
link, so edits, repetitions and reordering make no new entries. Entries of several feeds with one link are one story.

Titles of the same story are found by MinHash: the set of a title's words is hashed by eight functions, the least values
are joined two by two into four keys, and titles that share a key are compared word by word: Jaccard at least 0.7 where
one title holds all words of the other, 0.85 where each has some of its own, as in series ("5 questions from Acme's
call", "5 questions from Zenith's call"). What decides is part of every key, so that titles that differ there never
meet: the first word (of most headlines the company), figures, symbols and short names in capitals, words of direction
("rises", "cut"). Two titles with Jaccard 0.85 share a key with probability 0.994, with 0.7 0.93. The cost is bounded:
four keys a title and `CANDIDATES` comparisons a key.

Titles of fewer than `FEWEST_TERMS` words ("Boeing profit soars") have too little to compare: they are one story when
their words and day are the same and one is a word of direction.
"""

import re
import struct
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import blake2b, sha256
from urllib.parse import urlsplit, urlunsplit
from zlib import crc32

from bellwether.news.domain.feeds import Entry

ALIKE_WITHIN, ALIKE_BESIDE = 0.7, 0.85
"""Least Jaccard similarity of two titles of one story: one within the other, or each with words of its own."""
FEWEST_TERMS = 4
"""Shorter titles ("Market wrap") are near-duplicates only word by word, on one day, with a word of direction."""
FEWEST_SHORT_TERMS = 2
CANDIDATES = 8
"""Number of the latest titles with the same key that are compared."""
STORY_DAYS = 3
"""Entries further apart are different stories."""

SUMMARY_LOOKED_AT = 600
"""Characters of a summary that are classified: a change after them does not invalidate the label."""

_BANDS, _ROWS = 4, 2
_MOST_TERMS = 40
_TITLE_IDENTITY = 300  # characters
_WORD = re.compile(r"[^\W_]+(?:[.,'’&-][^\W_]+)*")
_SOURCE_SUFFIX = re.compile(r"\s+[-–—|]\s+[^-–—|]{2,40}$")
_WIRE_PREFIX = re.compile(
    r"^(?:(?:update|refile|corrected|correction|wrapup|rpt|breaking|exclusive|just in|developing|alert"
    r"|(?:watch\s+)?live)\b\s*\d*\s*[-–:|]+\s*)+",
    re.I,
)
_TRACKING = re.compile(
    r"^(?:utm_\w+|at_\w+|fbclid|gclid|dclid|msclkid|twclid|yclid|igshid|mc_cid|mc_eid|mkt_tok|cmp|cmpid|icid|ncid|ocid"
    r"|smid|spm|xtor|ftag|soc_src|soc_trk|guccounter|wt_mc|_ga)(?:=|$)",
    re.I,
)
_SESSION = re.compile(r"^(?:\w*session_?id|phpsessid|sid|cfid|cftoken|ref|referrer|ts|timestamp)(?:=|$)", re.I)
_SESSION_PATH = re.compile(r";jsessionid=[^/;]*", re.I)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STOP_WORDS = _set("""
    a an and are as at be but by for from has have in into is it its of on or s that the this to was were will with
""")
_DIRECTIONS = _set("""
    up down rise rises rose rising fall falls fell falling gain gains gained lose loses lost loss losses drop drops
    dropped jump jumps jumped slump slumps slumped surge surges surged plunge plunges plunged soar soars soared sink
    sinks sank tumble tumbles tumbled climb climbs climbed slide slides slid slip slips slipped rally rallies rallied
    beat beats miss misses missed raise raises raised cut cuts hike hikes hiked lower lowers lowered higher upgrade
    upgrades upgraded downgrade downgrades downgraded buy buys bought sell sells sold profit win wins won approve
    approves approved reject rejects rejected accept accepts accepted deny denies denied no not never hold holds held
    halt halts halted resume resumes resumed more less increase increases increased decrease decreases decreased above
    below first second third
""")


# --- identity -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryNames:
    """Names of an entry in its feed, each empty if it has none: the publisher's id, canonical link, title with day."""

    id: str
    link: str
    words: str

    @property
    def first(self) -> str:
        """The strongest name; empty for an empty entry."""
        return self.id or self.link or self.words


def names_of_entry(
    *, entry_id: str, url: str, title: str, summary: str, published_at: datetime | None, feed_names: Iterable[str] = ()
) -> EntryNames:
    """Names of an entry. `feed_names` are the feed's own id and links, which name no entry."""
    own = [name for name in feed_names if name]
    id_ = "" if _canonical(entry_id) in {_canonical(name) for name in own} else _canonical(entry_id)
    link = canonical_link(url) if url.strip() else ""
    link = "" if link in {canonical_link(name) for name in own} else link
    text = title or summary
    words = " ".join(re.findall(r"\w+", text.casefold())) or " ".join(text.split())
    words = words[:_TITLE_IDENTITY]
    return EntryNames(
        _bounded(id_), _bounded(link), f"{published_at:%Y-%m-%d} {words}" if words and published_at else words
    )


def _bounded(name: str) -> str:
    return name if len(name) <= 1000 else f"sha256:{sha256(name.encode(errors='surrogatepass')).hexdigest()}"


def canonical_link(url: str) -> str:
    """A link without what does not change its page: scheme, `www.`, a slash at the end, fragment, tracking, session."""
    canonical = _canonical(url)
    if not canonical.startswith("//"):
        return canonical
    parts = urlsplit(canonical)
    path = _SESSION_PATH.sub("", parts.path).rstrip("/") or "/"
    query = "&".join(part for part in parts.query.split("&") if part and not _SESSION.match(part))
    fragment = parts.fragment if parts.fragment.startswith(("!", "/")) else ""  # a page of its own
    return urlunsplit(("", parts.netloc.removeprefix("www."), path, query, fragment))


def link_key(link: str) -> int | None:
    """Hash of a canonical link (64 bits, signed), under which other feeds' tellings are found."""
    if not link.startswith("//"):
        return None
    return _key(link)


def event_uid(feed_id: str, entry_id: str) -> str:
    """Global id of an entry: 32 hexadecimal digits from feed and identity."""
    return sha256(f"{feed_id}\n{entry_id}".encode()).hexdigest()[:32]


def content_sha256(title: str, summary: str) -> str:
    """Hash of title and summary; a different hash is a new version."""
    return sha256(f"{title}\n{summary}".encode()).hexdigest()


def _canonical(name: str) -> str:
    """An id or link without variable parts: scheme, case of the host, tracking parameters, spaces."""
    name = name.strip()
    if not name.lower().startswith(("http://", "https://")):
        return name
    try:
        parts = urlsplit(name)
        host = parts.netloc.lower().removesuffix(":80").removesuffix(":443")
    except ValueError:
        return name
    query = "&".join(part for part in parts.query.split("&") if part and not _TRACKING.match(part))
    return urlunsplit(("", host, parts.path or "/", query, parts.fragment))


# --- similarity -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signature:
    """Hashes of a title's words (32 bits, signed, sorted), and keys (64 bits, signed) to find near-duplicates."""

    terms: tuple[int, ...]
    keys: tuple[int, ...]


def signature(title: str, day: date | None = None) -> Signature:
    """Signature of a title; without keys when the title is too short.

    `day`: the day on which a short title ("Boeing profit soars") tells the same story in other feeds.
    """
    words = _words(title)
    terms = tuple(sorted({_signed(crc32(word.casefold().encode()), 32) for word in words}))[:_MOST_TERMS]
    if len(terms) < FEWEST_TERMS:
        plain = sorted(word.casefold() for word in words)
        if day is None or len(terms) < FEWEST_SHORT_TERMS or _DIRECTIONS.isdisjoint(plain):
            return Signature(terms, ())
        return Signature(terms, (_key(f"{day}:{plain}"),))
    least = list(map(min, zip(*(_hashes(word.casefold()) for word in words), strict=True)))
    decisive = _decisive(words)
    keys = []
    for band in range(_BANDS):
        rows = least[band * _ROWS : (band + 1) * _ROWS]
        keys.append(_key(f"{band}:{rows}:{decisive}"))
    return Signature(terms, tuple(keys))


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """Jaccard similarity of two sets of terms if they are the same story, else 0."""
    first, second = set(one), set(other)
    shared = len(first & second)
    jaccard = shared / len(first | second) if first or second else 0.0
    least = ALIKE_WITHIN if shared == min(len(first), len(second)) else ALIKE_BESIDE
    return jaccard if jaccard >= least else 0.0


def have_common_terms(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two titles under one link tell one story: at least half of the shorter one's terms are in the other."""
    return 2 * len(set(one) & set(other)) >= max(1, min(len(one), len(other)))


def leaders(signatures: Mapping[str, Signature], links: Mapping[str, int | None] | None = None) -> dict[str, str]:
    """Map each event of a batch to the first event of the same story, or to itself.

    One link is one story if the titles are alike: a page may be reused.
    """
    latest: dict[int, list[str]] = {}
    by_link: dict[int, str] = {}
    found: dict[str, str] = {}
    for uid, each in signatures.items():
        key = (links or {}).get(uid)
        linked = by_link.setdefault(key, uid) if key is not None else uid
        if linked != uid and have_common_terms(each.terms, signatures[linked].terms):
            found[uid] = found[linked]
            continue
        near = {other for key in each.keys for other in latest.get(key, ())}
        best = max(
            ((similarity(each.terms, signatures[other].terms), other) for other in sorted(near)),
            key=lambda pair: pair[0],
            default=(0.0, uid),
        )
        found[uid] = found[best[1]] if best[0] else uid
        for key in each.keys:
            latest[key] = [*latest.get(key, ()), uid][-CANDIDATES:]
    return found


def _words(title: str) -> list[str]:
    """Words of a title in order, without stop words, wire prefixes and the publisher's name."""
    text = title
    if not title.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", title) if not unicodedata.combining(char))
    text = _WIRE_PREFIX.sub("", text)
    shorter = _SOURCE_SUFFIX.sub("", text)
    if len(_WORD.findall(shorter)) >= FEWEST_TERMS:
        text = shorter
    found = (word.replace("’", "'").removesuffix("'s") for word in _WORD.findall(text))
    return [word for word in found if word.casefold() not in _STOP_WORDS]


def _decisive(words: Sequence[str]) -> str:
    shouting = sum(word.isupper() for word in words) > len(words) / 2
    decisive = {words[0].casefold()}
    for word in words:
        plain = word.casefold()
        symbol = word.isupper() and 2 <= len(word) <= 5 and not shouting
        if symbol or plain in _DIRECTIONS or any(map(str.isdigit, word)):
            decisive.add(plain)
    return " ".join(sorted(decisive))


@lru_cache(maxsize=20_000)
def _hashes(word: str) -> tuple[int, ...]:
    """Eight hashes of a word. They must never change: keys are stored in the database."""
    return struct.unpack(f"<{_BANDS * _ROWS}I", blake2b(word.encode(), digest_size=4 * _BANDS * _ROWS).digest())


def _key(text: str) -> int:
    """Hash of a text, 64 bits, signed. It must never change: keys are stored in the database."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), signed=True)


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >= 1 << (bits - 1) else number


# --- storage -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoryText:
    """A version of the text of an entry."""

    event_uid: str
    content_sha256: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Story:
    """An entry to store; `leader_uid` is the first entry of the same story in its batch."""

    event_uid: str
    feed_id: str
    entry_id: str
    url: str | None
    title: str
    summary: str
    published_at: datetime | None
    seen_at: datetime
    content_sha256: str
    signature: Signature
    leader_uid: str
    is_old: bool = False
    link_key: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Each event once with its first text, and the other texts with the same identity."""

    stories: tuple[Story, ...]
    other_texts: tuple[StoryText, ...]


def as_batch(fetched: Iterable[tuple[str, datetime, Sequence[Entry]]]) -> Batch:
    """Make stories of the entries of several feeds: (feed id, time of fetching, entries)."""
    entries: dict[str, tuple[str, datetime, Entry, str]] = {}
    others: dict[tuple[str, str], StoryText] = {}
    for feed_id, seen_at, of_feed in fetched:
        for entry in of_feed:
            uid, sha256_ = event_uid(feed_id, entry.entry_id), content_sha256(entry.title, entry.summary)
            if uid not in entries:
                entries[uid] = (feed_id, seen_at, entry, sha256_)
            elif entries[uid][3] != sha256_:
                others[uid, sha256_] = StoryText(uid, sha256_, entry.title, entry.summary)
    signatures = {
        uid: signature(entry.title, (entry.published_at or seen_at).astimezone(UTC).date())
        for uid, (_, seen_at, entry, _) in entries.items()
    }
    leader_of = leaders(signatures, {uid: link_key(entry.link_name) for uid, (_, _, entry, _) in entries.items()})
    stories = tuple(
        Story(
            event_uid=uid,
            feed_id=feed_id,
            entry_id=entry.entry_id,
            url=entry.url,
            title=entry.title,
            summary=entry.summary,
            published_at=entry.published_at,
            seen_at=seen_at,
            content_sha256=sha256_,
            signature=signatures[uid],
            leader_uid=leader_of[uid],
            is_old=entry.is_old,
            link_key=link_key(entry.link_name),
        )
        for uid, (feed_id, seen_at, entry, sha256_) in entries.items()
    )
    return Batch(stories, tuple(others.values()))
