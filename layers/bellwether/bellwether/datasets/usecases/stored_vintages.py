"""Read the vintages that the object store keeps."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from bellwether.datasets.domain.fred_layout import (
    VINTAGES,
    assumptions_key,
    parse_vintage_key,
    vintage_key,
    vintage_prefix,
)
from bellwether.datasets.domain.vintages import Vintage, VintageName, in_order, read_vintage
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import ObjectStore

VintageNames = Mapping[str, Sequence[VintageName]]


def list_vintages(store: ObjectStore, series: str | None = None) -> dict[str, list[VintageName]]:
    """Names by series, both ascending; objects that are no vintages are left out."""
    names: dict[str, list[VintageName]] = {}
    for entry in store.entries(vintage_prefix(series) if series else VINTAGES):
        try:
            owner, name = parse_vintage_key(entry.key)
        except InvalidInputError:
            continue
        names.setdefault(owner, []).append(name)
    return {owner: sorted(names[owner]) for owner in sorted(names)}


def load_vintage(store: ObjectStore, series: str, name: VintageName) -> Vintage:
    """Raises NotFoundError, and InvalidInputError when the content was changed."""
    return read_vintage(series, name, store.get(vintage_key(series, name)).content)


def note_assumptions(store: ObjectStore, series: str, name: VintageName, assumptions: Sequence[str]) -> None:
    """Keep what was assumed when a vintage was read; before the vintage itself, so that who sees it sees these."""
    content = (json.dumps(list(assumptions), indent=1, ensure_ascii=False) + "\n").encode()
    store.put(assumptions_key(series, name), content, content_type="application/json")


def assumptions_of(store: ObjectStore, names: VintageNames) -> dict[str, tuple[str, ...]]:
    """What was assumed of these vintages, by series: each once."""
    noted = {entry.key for entry in store.entries(VINTAGES) if entry.key.endswith(".assumptions.json")}
    wanted = {
        key: series
        for series, kept in names.items()
        for name in kept
        if (key := assumptions_key(series, name)) in noted
    }
    found: dict[str, dict[str, None]] = {}
    for series, content in zip(wanted.values(), store.get_many(list(wanted)), strict=True):
        found.setdefault(series, {}).update(dict.fromkeys(json.loads(content.content)))
    return {series: tuple(notes) for series, notes in found.items()}


def load_in_order(store: ObjectStore, series: str, names: Sequence[VintageName]) -> Iterator[Vintage]:
    """Every vintage, oldest first; few at a time in memory."""
    contents = store.get_many([vintage_key(series, name) for name in names])
    vintages = (read_vintage(series, name, found.content) for name, found in zip(names, contents, strict=True))
    for _, of_one_second in groupby(vintages, key=lambda vintage: vintage.known_at):
        yield from in_order(of_one_second)


def distinct_vintages(names: VintageNames) -> dict[str, list[VintageName]]:
    """Without those whose content is that of the one before: an old vintage that came late may make a newer one so."""
    return {
        series: [next(same) for _, same in groupby(sorted(kept), key=lambda name: name.content_sha)]
        for series, kept in names.items()
    }


def digest(names: VintageNames) -> str:
    """SHA-256 over all names: changes with every vintage."""
    lines = [f"{series}/{name}" for series, kept in sorted(names.items()) for name in sorted(kept)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
