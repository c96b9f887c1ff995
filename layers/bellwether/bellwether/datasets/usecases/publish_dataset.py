"""Publish the merged macro data: merge the kept vintages, and replace the files only when nobody else did meanwhile."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from bellwether.datasets.domain.dataset import RECIPE, Dataset, MergedManifest, build_dataset, guard, read_columns
from bellwether.datasets.domain.fred_layout import MERGED_CSV, MERGED_MANIFEST, as_of_keys
from bellwether.datasets.domain.merged_series import Column, Finding, Merged
from bellwether.datasets.domain.series_catalogue import catalogue_sha256
from bellwether.datasets.domain.series_descriptions import Descriptions, SeriesDescription
from bellwether.datasets.domain.vintages import VintageName
from bellwether.datasets.usecases.checkpoints import merge_vintages
from bellwether.datasets.usecases.stored_descriptions import load_descriptions
from bellwether.datasets.usecases.stored_vintages import (
    VintageNames,
    assumptions_of,
    digest,
    distinct_vintages,
    list_vintages,
)
from bellwether.shared.domain.errors import ConflictError, InvalidInputError, NotFoundError, TransientUpstreamError
from bellwether.shared.ports.objects import ObjectContent, ObjectStore

ATTEMPTS = 20
CSV_TYPE = "text/csv"
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Published:
    """The merged data that now lies in the store. `changed`: this call wrote it."""

    key: str
    manifest: MergedManifest
    vintages: int
    changed: bool


@dataclass(frozen=True)
class _Present:
    """What lies in the store; `columns` is empty when CSV and manifest don't belong together."""

    csv: ObjectContent | None
    manifest_object: ObjectContent | None
    manifest: MergedManifest | None
    columns: Mapping[str, Column]


def publish_dataset(
    store: ObjectStore, *, pause: Callable[[int], None], accept_shrunken: Collection[str] = ()
) -> Published | None:
    """Bring the merged data up to the kept vintages; None when there are none and never was any data.

    The CSV file goes first and the manifest, which names its hash, second; each is replaced only if it is still the one
    seen before the vintages were listed. Whoever loses starts over, after `pause(attempt)`. So the last writer has seen
    every vintage that was kept before it. Raises TransientUpstreamError when that did not work out many times.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
        present = _present(store)
        names = list_vintages(store)
        if not names:
            return _unchanged(present, names)
        sources = distinct_vintages(names)
        descriptions = load_descriptions(store)
        inputs = _inputs_sha256(sources, descriptions)
        if not accept_shrunken and present.columns and present.manifest and present.manifest.inputs_sha256 == inputs:
            return _unchanged(present, names)
        merged = guard(present.columns, _merge(store, sources, descriptions), accept=accept_shrunken)
        if not any(each.column for each in merged):
            return _unchanged(present, names)
        try:
            dataset = build_dataset(merged, inputs_sha256=inputs)
            changed = _replace(store, present, dataset)
        except ConflictError:
            continue
        return Published(MERGED_CSV, dataset.manifest, _count(names), changed)
    raise TransientUpstreamError(f"concurrent writers kept replacing {MERGED_CSV}")


def dataset_as_of(store: ObjectStore, as_of: datetime, *, series: Collection[str] | None = None) -> Dataset:
    """The merged data as one would have made it then, from vintages known at that time only; writes nothing.

    Raises InvalidInputError when no vintage was known then.
    """
    known = {
        owner: [name for name in kept if name.known_at <= as_of]
        for owner, kept in list_vintages(store).items()
        if series is None or owner in series
    }
    names = distinct_vintages({owner: kept for owner, kept in known.items() if kept})
    descriptions = load_descriptions(store)
    return build_dataset(
        _merge(store, names, descriptions),
        inputs_sha256=_inputs_sha256(names, descriptions),
        as_of=as_of.astimezone(UTC),
    )


def publish_as_of(store: ObjectStore, as_of: datetime) -> Published:
    """Write the merged data as known at a time beside the current one, which stays as it is."""
    dataset = dataset_as_of(store, as_of)
    csv_key, manifest_key = as_of_keys(as_of.astimezone(UTC))
    store.put(csv_key, dataset.csv, content_type=CSV_TYPE)
    store.put(manifest_key, dataset.manifest_json, content_type=JSON_TYPE)
    kept = sum(name.known_at <= as_of for names in list_vintages(store).values() for name in names)
    return Published(csv_key, dataset.manifest, kept, changed=True)


# --- reading --------------------------------------------------------------------------------------------------------


def _merge(store: ObjectStore, names: VintageNames, descriptions: Descriptions) -> list[Merged]:
    assumed = assumptions_of(store, names)
    return [
        _merge_one(store, series, kept, descriptions.get(series), assumed.get(series, ()))
        for series, kept in names.items()
    ]


def _merge_one(
    store: ObjectStore,
    series: str,
    names: Sequence[VintageName],
    description: SeriesDescription | None,
    assumptions: Sequence[str],
) -> Merged:
    """One series whose vintages can't be read is a finding, as is what was assumed of its files; the others go on."""
    try:
        merged = merge_vintages(store, series, names).merged(description)
        notes = tuple(Finding(series=series, reason=f"assumed: {each}") for each in assumptions)
        return replace(merged, findings=(*merged.findings, *notes))
    except (InvalidInputError, NotFoundError) as error:
        return Merged(series, None, (Finding(series=series, reason=f"a vintage can't be read: {error}"),))


def _present(store: ObjectStore) -> _Present:
    csv_object, manifest_object = _found(store, MERGED_CSV), _found(store, MERGED_MANIFEST)
    if csv_object is None or manifest_object is None:
        return _Present(csv_object, manifest_object, None, {})
    try:
        manifest = MergedManifest.model_validate_json(manifest_object.content)
        columns = read_columns(csv_object.content, manifest)
    except (ValidationError, InvalidInputError):
        return _Present(csv_object, manifest_object, None, {})
    return _Present(csv_object, manifest_object, manifest, columns)


def _found(store: ObjectStore, key: str) -> ObjectContent | None:
    try:
        return store.get(key)
    except NotFoundError:
        return None


def _inputs_sha256(names: VintageNames, descriptions: Descriptions) -> str:
    described = "".join(f"\n{series} {each.model_dump_json()}" for series, each in sorted(descriptions.items()))
    return hashlib.sha256(f"{RECIPE}\n{catalogue_sha256()}\n{digest(names)}{described}".encode()).hexdigest()


def _unchanged(present: _Present, names: VintageNames) -> Published | None:
    if present.manifest is None:
        return None
    return Published(MERGED_CSV, present.manifest, _count(names), changed=False)


def _count(names: VintageNames) -> int:
    return sum(len(kept) for kept in names.values())


# --- writing --------------------------------------------------------------------------------------------------------


def _replace(store: ObjectStore, present: _Present, dataset: Dataset) -> bool:
    wrote_csv = _replace_one(store, MERGED_CSV, present.csv, dataset.csv, CSV_TYPE)
    wrote_manifest = _replace_one(store, MERGED_MANIFEST, present.manifest_object, dataset.manifest_json, JSON_TYPE)
    return wrote_csv or wrote_manifest


def _replace_one(
    store: ObjectStore, key: str, present: ObjectContent | None, content: bytes, content_type: str
) -> bool:
    if present and present.content == content:
        return False
    if present:
        store.put(key, content, content_type=content_type, only_if_etag=present.etag)
    else:
        store.put(key, content, content_type=content_type, only_if_absent=True)
    return True
