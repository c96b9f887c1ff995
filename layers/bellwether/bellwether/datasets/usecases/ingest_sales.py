"""Ingest sales: keep every file as it came, merge what can be read into the dataset, set aside what can't.

Everything is written under keys made from content, or replaced only if it is still what was read before, so that doing
it again, or at once with somebody else, leads to the same. A file leaves the inbox only when all that came of it is
kept.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from bellwether.datasets.domain.drop_layout import original_key
from bellwether.datasets.domain.packs import MAX_PACK_BYTES, PackFile, is_folder, unpack
from bellwether.datasets.domain.sales import (
    MAX_SALES,
    Cells,
    Correction,
    KeptManifest,
    SalesDataset,
    SalesReading,
    SourceFile,
    actuals_of,
    build_sales,
    merge,
    read_kept,
    read_sales,
    unit_problem,
)
from bellwether.datasets.domain.sales_layouts import LAYOUTS, SCHEMA_SUFFIX, SalesLayout, parse_schema
from bellwether.datasets.usecases.quarantine import QuarantinedPart, set_aside, set_aside_unread
from bellwether.models.domain.capture import Actual
from bellwether.models.domain.specs import ValuationSpec
from bellwether.models.ports.actuals import ActualsStore
from bellwether.shared.domain.delimited import Rejection
from bellwether.shared.domain.errors import ConflictError, InvalidInputError, NotFoundError, TransientUpstreamError
from bellwether.shared.ports.objects import ObjectContent, ObjectStore, StoredObject

ATTEMPTS = 20
CORRECTIONS_SHOWN = 100
MAX_SCHEMA_BYTES = 1_000_000


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class IngestedSales(_Fact):
    """A file that came in; `known` when the very same one is in the dataset already, and nothing was read of it."""

    file: str
    layout: str
    sales: int
    added: int
    corrected: int
    repeated: int
    known: bool = False
    unused: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


class CorrectedSale(_Fact):
    """A sale that was known otherwise; with its prices before and after."""

    house: str
    day: str
    before: str
    after: str
    file: str


class SalesIngestion(_Fact):
    """What came in. Of each file the first reasons are in `quarantined`; `rejections` counts all."""

    ingested: tuple[IngestedSales, ...] = ()
    quarantined: tuple[QuarantinedPart, ...] = ()
    corrections: tuple[CorrectedSale, ...] = ()
    rejections: int = 0
    actuals: int = 0

    def __add__(self, other: "SalesIngestion") -> "SalesIngestion":
        return SalesIngestion(
            ingested=self.ingested + other.ingested,
            quarantined=self.quarantined + other.quarantined,
            corrections=(self.corrections + other.corrections)[:CORRECTIONS_SHOWN],
            rejections=self.rejections + other.rejections,
            actuals=self.actuals + other.actuals,
        )


@dataclass(frozen=True)
class _Present:
    """What lies in the store. The data may be newer than a manifest whose writer was stopped in between."""

    csv: ObjectContent | None
    manifest_object: ObjectContent | None
    manifest: KeptManifest | None

    def sales(self, layout: SalesLayout) -> tuple[Cells, ...]:
        """The sales there are; raises InvalidInputError when they are not laid out so, or fewer than there were."""
        sales = () if self.csv is None else read_kept(self.csv.content, layout)
        known = 0 if self.manifest is None else self.manifest.rows
        if len(sales) < known:
            raise InvalidInputError(f"holds {len(sales)} sales, its manifest names {known}", field="sales.csv")
        return sales


@dataclass
class _Drop:
    """A dropped file on its way in: the sales so far, and what is to be told about each part."""

    received_at: datetime
    present: _Present
    layout: SalesLayout | None = None
    sales: tuple[Cells, ...] = ()
    files: list[SourceFile] = field(default_factory=list)
    ingested: list[IngestedSales] = field(default_factory=list)
    corrections: list[CorrectedSale] = field(default_factory=list)
    actuals: list[Actual] = field(default_factory=list)
    rejected: dict[str, tuple[PackFile, list[Rejection], int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        manifest = self.present.manifest
        if manifest is not None:
            self.layout, self.files = manifest.sales_layout, list(manifest.files)
            self.sales = self.present.sales(self.layout)

    def reject(self, part: PackFile, rejections: Sequence[Rejection], left_out: int = 0) -> None:
        """Note what is wrong with a part."""
        _, noted, already = self.rejected.get(part.name, (part, [], 0))
        self.rejected[part.name] = part, [*noted, *rejections], already + left_out


def ingest_sales(
    store: ObjectStore,
    actuals: ActualsStore,
    spec: ValuationSpec,
    *,
    pause: Callable[[int], None],
    keys: Collection[str] | None = None,
) -> SalesIngestion:
    """Ingest what lies in the model's inbox: all of it, or these keys (one that is gone was ingested already).

    A description `<name>.schema.json` waits in the inbox for its file. Raises TransientUpstreamError when others kept
    replacing the dataset, InvalidInputError when the dataset itself can't be read.
    """
    total = SalesIngestion()
    for entry in store.entries(spec.dataset.inbox) if keys is None else _entries(store, keys):
        if not is_folder(entry.key, entry.size_bytes) and not entry.key.endswith(SCHEMA_SUFFIX):
            total += _ingest_drop(store, actuals, spec, entry, pause)
    return total


def start_over(store: ObjectStore, spec: ValuationSpec) -> str | None:
    """Put the dataset out of the way, so that the next file begins a new one; tells where it is kept, if there is one.

    Raises ConflictError when it is being replaced at this moment.
    """
    dataset = spec.dataset
    csv, manifest = _found(store, dataset.data_key), _found(store, dataset.manifest_key)
    if csv is None and manifest is None:
        return None
    folder = f"{dataset.folder}/earlier/{hashlib.sha256(csv.content if csv else b'').hexdigest()}/"
    for key, content in ((dataset.manifest_key, manifest), (dataset.data_key, csv)):
        if content is not None:
            store.copy(key, folder + key.rsplit("/", 1)[-1])
            store.delete(key, only_if_etag=content.etag)
    return folder


def published(store: ObjectStore, spec: ValuationSpec) -> KeptManifest | None:
    """What the dataset's manifest tells; None when there is no dataset."""
    return _present(store, spec).manifest


def _entries(store: ObjectStore, keys: Collection[str]) -> Iterator[StoredObject]:
    for key in keys:
        entry = store.find(key)
        if entry:
            yield entry


# --- one dropped file ------------------------------------------------------------------------------------------------


def _ingest_drop(
    store: ObjectStore, actuals: ActualsStore, spec: ValuationSpec, entry: StoredObject, pause: Callable[[int], None]
) -> SalesIngestion:
    dataset, file = spec.dataset, entry.key.removeprefix(spec.dataset.inbox)
    if entry.size_bytes > MAX_PACK_BYTES:
        parts = set_aside_unread(store, dataset.quarantine, entry, file, limit_bytes=MAX_PACK_BYTES)
        _take_out(store, entry.key, entry.etag)
        return SalesIngestion(quarantined=parts, rejections=len(parts))
    try:
        drop = store.get(entry.key)
    except NotFoundError:  # somebody else has just ingested it
        return SalesIngestion()
    beside = entry.key.removesuffix(".csv") + SCHEMA_SUFFIX
    schemas, parts_of_drop = _sorted_out(file, drop.content, _schema_beside(store, beside))
    file = file.rstrip("/") or "unnamed"
    with suppress(ConflictError):  # kept when it came for the first time
        store.put(original_key(dataset.originals, file, drop.content), drop.content, only_if_absent=True)
    result = _merge_into_dataset(store, actuals, spec, parts_of_drop, schemas, drop.modified_at, pause)
    _take_out(store, entry.key, drop.etag)
    if result.ingested and file.endswith(".csv"):
        store.delete(beside)
    return result


def _schema_beside(store: ObjectStore, key: str) -> PackFile | None:
    entry = store.find(key)
    if entry is None:
        return None
    name = key.rsplit("/", 1)[-1]
    if entry.size_bytes > MAX_SCHEMA_BYTES:
        return PackFile(name, b"", f"{entry.size_bytes} bytes; at most {MAX_SCHEMA_BYTES} are read")
    try:
        return PackFile(name, store.get(key).content)
    except NotFoundError:  # somebody else has just ingested its file
        return None


def _sorted_out(
    file: str, content: bytes, beside: PackFile | None
) -> tuple[Mapping[str, PackFile], tuple[PackFile, ...]]:
    """Descriptions by the name of the file that they are for, and the files."""
    parts = tuple(unpack(file, content))
    schemas = {part.name.removesuffix(SCHEMA_SUFFIX): part for part in parts if part.name.endswith(SCHEMA_SUFFIX)}
    if beside is not None:
        schemas[file.removesuffix(".csv")] = beside
    return schemas, tuple(part for part in parts if not part.name.endswith(SCHEMA_SUFFIX))


def _merge_into_dataset(
    store: ObjectStore,
    actuals: ActualsStore,
    spec: ValuationSpec,
    parts: Sequence[PackFile],
    schemas: Mapping[str, PackFile],
    received_at: datetime,
    pause: Callable[[int], None],
) -> SalesIngestion:
    """Whoever loses against another writer starts over: in the end the dataset holds what both have brought."""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
        present = _present(store, spec)
        drop = _Drop(received_at, present)
        for part in parts:
            _merge_part(drop, part, schemas.get(part.name.removesuffix(".csv")), spec)
        kept = actuals.put(drop.actuals) if drop.actuals else 0
        told = _set_aside(store, spec, drop, kept)  # before the manifest lists the file as one that is in
        try:
            if drop.layout is not None and any(not each.known for each in drop.ingested):
                _replace(store, spec, present, build_sales(spec.dataset.name, drop.layout, drop.sales, drop.files))
        except ConflictError:
            continue
        return told
    raise TransientUpstreamError(f"concurrent writers kept replacing {spec.dataset.data_key}")


def _merge_part(drop: _Drop, part: PackFile, schema: PackFile | None, spec: ValuationSpec) -> None:
    """Merge what a part holds; whatever it makes a reader raise, the other parts and drops go on.

    Raises InvalidInputError when the dataset itself can't be read.
    """
    try:
        _merge(drop, part, schema, spec)
    except InvalidInputError:
        raise
    except Exception as error:  # noqa: BLE001
        drop.reject(part, [Rejection(None, "file", f"can't be read: {type(error).__name__}: {error}")])


def _merge(drop: _Drop, part: PackFile, schema: PackFile | None, spec: ValuationSpec) -> None:
    sha256 = hashlib.sha256(part.content).hexdigest()
    if known := next((each for each in drop.files if each.sha256 == sha256), None):
        layout = drop.layout.name if drop.layout else ""
        counts = {"sales": known.rows, "added": 0, "corrected": 0, "repeated": known.rows}
        drop.ingested.append(IngestedSales(file=part.name, layout=layout, **counts, known=True))
        return
    reading = _read(drop, part, schema)
    if reading.rejections:
        drop.reject(part, reading.rejections, reading.left_out)
    if reading.layout is None or not reading.sales:
        return
    if drop.layout is not None and not reading.layout.is_like(drop.layout):
        reason = (
            f"is laid out as {reading.layout.name}, the dataset of {spec.name} as {drop.layout.name}: "
            "one dataset has one layout; 'start_over' moves the existing one away"
        )
        drop.reject(part, [Rejection(None, "header", reason)])
        return
    before = drop.sales if drop.layout is not None else drop.present.sales(reading.layout)
    if problem := unit_problem(reading.layout, before, reading.sales):
        drop.reject(part, [Rejection(None, "file", problem)])
        return
    merged = merge(reading.layout, before, reading.sales)
    if len(merged.sales) > MAX_SALES:
        reason = f"the dataset would have {len(merged.sales)} sales; at most {MAX_SALES} are kept"
        drop.reject(part, [Rejection(None, "file", reason)])
        return
    fresh = (*merged.added, *merged.corrected)
    actuals = list(actuals_of(reading.layout, fresh, model=spec.name, received_at=drop.received_at, source=part.name))
    drop.layout, drop.sales = reading.layout, merged.sales
    drop.files.append(
        SourceFile(file=part.name, sha256=sha256, rows=len(reading.sales), assumptions=reading.assumptions)
    )
    drop.corrections.extend(_noted(each, part.name) for each in merged.corrections[:CORRECTIONS_SHOWN])
    drop.actuals.extend(actuals)
    drop.ingested.append(
        IngestedSales(
            file=part.name,
            layout=reading.layout.name,
            sales=len(reading.sales),
            added=len(merged.added),
            corrected=len(merged.corrected),
            repeated=merged.repeated,
            unused=reading.unused,
            assumptions=reading.assumptions,
        )
    )


def _read(drop: _Drop, part: PackFile, schema: PackFile | None) -> SalesReading:
    if part.problem:
        return SalesReading(rejections=(Rejection(None, "file", part.problem),))
    layouts: tuple[SalesLayout, ...] = LAYOUTS if drop.layout is None else (drop.layout, *LAYOUTS)
    if schema is not None:
        try:
            if schema.problem:
                raise InvalidInputError(schema.problem, field=schema.name)
            layouts = (parse_schema(schema.content, schema.name),)
        except InvalidInputError as error:
            return SalesReading(rejections=(Rejection(None, error.field or schema.name, error.reason),))
    return read_sales(part.content, layouts=layouts, received_on=drop.received_at.date())


def _noted(correction: Correction, file: str) -> CorrectedSale:
    return CorrectedSale(
        house=correction.house, day=correction.day, before=correction.before, after=correction.after, file=file
    )


def _set_aside(store: ObjectStore, spec: ValuationSpec, drop: _Drop, kept: int) -> SalesIngestion:
    quarantined: list[QuarantinedPart] = []
    for part, rejections, left_out in drop.rejected.values():
        quarantined.extend(set_aside(store, spec.dataset.quarantine, part, rejections, left_out, drop.received_at))
    return SalesIngestion(
        ingested=tuple(drop.ingested),
        quarantined=tuple(quarantined),
        corrections=tuple(drop.corrections[:CORRECTIONS_SHOWN]),
        rejections=sum(len(rejections) + left_out for _, rejections, left_out in drop.rejected.values()),
        actuals=kept,
    )


def _take_out(store: ObjectStore, key: str, etag: str) -> None:
    with suppress(ConflictError):  # replaced meanwhile: the new content has an event of its own
        store.delete(key, only_if_etag=etag)


# --- the dataset -----------------------------------------------------------------------------------------------------


def _present(store: ObjectStore, spec: ValuationSpec) -> _Present:
    """The manifest first: then the data are those that it names, or newer ones of a writer who comes to it next."""
    found = _found(store, spec.dataset.manifest_key)
    csv = _found(store, spec.dataset.data_key)
    if found is None:
        return _Present(csv, None, None)
    try:
        return _Present(csv, found, KeptManifest.model_validate_json(found.content))
    except ValidationError as error:
        raise InvalidInputError("is not a manifest of sales", field=spec.dataset.manifest_key) from error


def _replace(store: ObjectStore, spec: ValuationSpec, present: _Present, dataset: SalesDataset) -> None:
    """The data first, and the manifest, which names their hash, second; each only if it is still the one seen."""
    _replace_one(store, spec.dataset.data_key, present.csv, dataset.csv, "text/csv")
    _replace_one(store, spec.dataset.manifest_key, present.manifest_object, dataset.manifest_json, "application/json")


def _replace_one(
    store: ObjectStore, key: str, present: ObjectContent | None, content: bytes, content_type: str
) -> None:
    if present is None:
        store.put(key, content, content_type=content_type, only_if_absent=True)
    elif present.content != content:
        store.put(key, content, content_type=content_type, only_if_etag=present.etag)


def _found(store: ObjectStore, key: str) -> ObjectContent | None:
    try:
        return store.get(key)
    except NotFoundError:
        return None
