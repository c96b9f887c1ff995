"""Which name of an entry is its identity in its feed: its id, its link, or its words.

Decided for each feed by what it did, and recorded in its state. An id that different entries of one document share, or
that the same entries change from one document to the next, is no identity: then the canonical link is, and where that
fails as well, the title with its day. Entries that were in the last document keep their identity when the choice
changes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bellwether.news.domain.feeds import Basis, Entry

BASES: tuple[Basis, ...] = ("id", "link", "words")

REMEMBERED = 500
"""Entries of the last document that are remembered."""
MANY_TITLES = 3
"""Two titles under one name may be versions of one story; this many are different stories."""
SAME_TITLE = 0.5
"""So are two titles with less in common (Jaccard)."""


OTHER_TITLE = 0.2
"""Titles with less in common (Jaccard) are no edits of each other."""


class SeenEntry(BaseModel):
    """An entry of the last document: hashes of its names, and its identity.

    `title`: hashes of the words of its title, where the document had no other entry.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    link: str
    words: str
    entry_id: str
    title: tuple[str, ...] = ()


class FeedIdentity(BaseModel):
    """The choice for one feed, the reason for it, and the last document. `fixed`: configured, not decided."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    basis: Basis = "id"
    reason: Annotated[str, Field(max_length=300)] = ""
    seen: tuple[SeenEntry, ...] = ()
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Identified:
    """Entries with their identity as `entry_id`, and the state to record."""

    entries: tuple[Entry, ...]
    identity: FeedIdentity


def identify(entries: Sequence[Entry], known: FeedIdentity) -> Identified:
    """Decide which names identify, and give every entry its identity. The same entries again get the same.

    A link that different entries share, of a section or the publisher, is dropped: it leads to no other telling.
    """
    basis, reason = known.basis, known.reason
    while not known.fixed and basis != "words" and (fault := _fault(basis, entries, known.seen)):
        basis, reason = BASES[BASES.index(basis) + 1], fault
    before = _unique((getattr(each, basis), each) for each in known.seen)
    shared = {link for link, group in _by_name(entries, "link").items() if _are_different(group, len(entries))}
    found, seen = [], []
    for entry in entries:
        remembered = before.get(_hash(_name(entry, basis)))
        entry_id = remembered.entry_id if remembered else _name(entry, basis)
        link = "" if entry.link_name in shared else entry.link_name
        found.append(entry.model_copy(update={"entry_id": entry_id, "link_name": link}))
        hashes = {each: _hash(_name(entry, each)) for each in BASES}
        title = _title(entry) if len(entries) == 1 else ()
        seen.append(SeenEntry(**hashes, entry_id=entry_id, title=title))
    return Identified(
        tuple(found), FeedIdentity(basis=basis, reason=reason, seen=tuple(seen[:REMEMBERED]), fixed=known.fixed)
    )


def _name(entry: Entry, basis: Basis) -> str:
    """The name on this basis, else the next weaker one that the entry has."""
    names = {"id": entry.entry_id, "link": entry.link_name, "words": entry.words_name}
    return next((names[each] for each in BASES[BASES.index(basis) :] if names[each]), entry.entry_id)


def _fault(basis: Basis, entries: Sequence[Entry], seen: Sequence[SeenEntry]) -> str:
    """Why names on this basis identify nothing in this feed; empty when they do."""
    for group in _by_name(entries, basis).values():
        links = {entry.link_name for entry in group if entry.link_name}
        titles = {entry.words_name for entry in group}
        apart = basis == "id" and len(links) > 1 and len(titles) > 1
        if apart or _are_different(group, len(entries)):
            return f"{len(group)} entries of one document have one {basis}"
    before = _unique((each.words, each) for each in seen)
    now = _unique((_hash(_name(entry, "words")), entry) for entry in entries)
    same = [(before[words], now[words]) for words in before.keys() & now.keys()]
    changed = [old for old, new in same if getattr(old, basis) != _hash(_name(new, basis))]
    one_each = len(entries) == len(seen) == 1
    enough = 1 in (len(entries), len(seen)) or (len(same) > 1 and 2 * len(same) >= min(len(entries), len(seen)))
    if enough and same and len(changed) == len(same):
        return f"{len(same)} entries changed their {basis} from one document to the next"
    if one_each and not same:
        (old,), (new,) = seen, entries
        one_name = getattr(old, basis) == _hash(_name(new, basis))
        other_link = basis == "id" and new.link_name and old.link != _hash(new.link_name)
        if one_name and (other_link or _is_other_title(old.title, _title(new))):
            return f"different entries, one at a time, have one {basis}"
    return ""


def _title(entry: Entry) -> tuple[str, ...]:
    return tuple(sorted(map(_hash, _words(entry))))


def _is_other_title(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether a title has changed completely; unknown for a document that was seen before titles were remembered."""
    one, other = set(old), set(new)
    return bool(one) and len(one & other) < OTHER_TITLE * len(one | other)


def _are_different(group: Sequence[Entry], of: int) -> bool:
    """Whether entries with one name are different stories, and not one story with an edited title."""
    titles = {entry.words_name: _words(entry) for entry in group}
    if len(titles) < 2:
        return False
    if len(titles) >= MANY_TITLES or len(group) == of:
        return True
    one, other = titles.values()
    return len(one & other) < SAME_TITLE * len(one | other)


def _words(entry: Entry) -> frozenset[str]:
    return frozenset((entry.title or entry.summary).casefold().split())


def _by_name(entries: Iterable[Entry], basis: Basis) -> Mapping[str, list[Entry]]:
    """Groups of entries that have a name on just this basis."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        name = {"id": entry.entry_id, "link": entry.link_name, "words": entry.words_name}[basis]
        if name:
            found[name].append(entry)
    return found


def _unique[T](named: Iterable[tuple[str, T]]) -> dict[str, T]:
    """By name, without names that occur twice."""
    found: dict[str, T] = {}
    twice = set()
    for name, each in named:
        if name in found:
            twice.add(name)
        found[name] = each
    return {name: each for name, each in found.items() if name not in twice}


def _hash(name: str) -> str:
    return blake2b(name.encode(errors="surrogatepass"), digest_size=8).hexdigest()
