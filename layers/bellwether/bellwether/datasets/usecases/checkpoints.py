"""Checkpoints: merges in progress, stored so that years of daily vintages need not be read each day.

A checkpoint is named after the vintages it stands for and after its own content: when an older vintage comes late, no
checkpoint after it fits any more; one that was damaged is passed over. All of them may be deleted at any time.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bellwether.datasets.domain.dataset import RECIPE
from bellwether.datasets.domain.fred_layout import CHECKPOINTS
from bellwether.datasets.domain.merged_series import SeriesMerge
from bellwether.datasets.domain.series_catalogue import catalogue_sha256
from bellwether.datasets.domain.vintages import VintageName
from bellwether.datasets.usecases.stored_vintages import load_in_order
from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.shared.ports.objects import ObjectStore

EVERY = 16  # vintages from one checkpoint to the next
_DIGITS = 32


def merge_vintages(store: ObjectStore, series: str, names: Sequence[VintageName]) -> SeriesMerge:
    """Merge these vintages (ascending), from the last checkpoint that fits; store one after each `EVERY` vintages.

    Raises NotFoundError or InvalidInputError when a vintage can't be read.
    """
    merge, done = _resume(store, series, names)
    left = done
    for index, vintage in enumerate(load_in_order(store, series, names[done:]), start=done + 1):
        merge.add(vintage)
        if index - left >= EVERY and _is_boundary(names, index):
            _leave(store, merge, names[:index])
            left = index
    return merge


def _is_boundary(names: Sequence[VintageName], index: int) -> bool:
    """Whether a later second begins there: within one, and at the end, another vintage may still come before."""
    return index < len(names) and names[index].known_at > names[index - 1].known_at


def _resume(store: ObjectStore, series: str, names: Sequence[VintageName]) -> tuple[SeriesMerge, int]:
    if len(names) <= EVERY:
        return SeriesMerge(series), 0
    found = {_label(entry.key): entry.key for entry in store.entries(f"{CHECKPOINTS}{series}/")}
    for done, digest in reversed(list(enumerate(_digests(names), start=1))):
        key = found.get(digest)
        merge = _read(store, series, key) if key else None
        if merge:
            return merge, done
    return SeriesMerge(series), 0


def _read(store: ObjectStore, series: str, key: str) -> SeriesMerge | None:
    try:
        content = store.get(key).content
        if _key(series, _label(key), content) != key:
            return None
        return SeriesMerge.resume(series, content)
    except (NotFoundError, ValueError):
        return None


def _leave(store: ObjectStore, merge: SeriesMerge, names: Sequence[VintageName]) -> None:
    *_, digest = _digests(names)
    content = merge.state()
    with suppress(ConflictError):
        store.put(_key(merge.series, digest, content), content, content_type="application/json", only_if_absent=True)


def _digests(names: Sequence[VintageName]) -> Iterator[str]:
    """For each beginning of the list, what stands for it."""
    running = hashlib.sha256(f"{RECIPE}\n{catalogue_sha256()}".encode())
    for name in names:
        running.update(f"\n{name}".encode())
        yield running.hexdigest()[:_DIGITS]


def _key(series: str, digest: str, content: bytes) -> str:
    return f"{CHECKPOINTS}{series}/{digest}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}.json"


def _label(key: str) -> str:
    return key.rsplit("/", 1)[-1][:_DIGITS]
