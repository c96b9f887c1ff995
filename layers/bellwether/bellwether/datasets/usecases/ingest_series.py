"""Ingest series: keep every file as it came, every download as a vintage, and set aside what can't be read.

Everything is written under keys made from content and time of arrival, so that doing it again, or at once with somebody
else, writes the same objects. A file leaves the inbox only when all that came of it is kept.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from bellwether.datasets.domain.drop_layout import original_key
from bellwether.datasets.domain.fred_layout import INBOX, ORIGINALS, QUARANTINE, stated_day, vintage_key
from bellwether.datasets.domain.merged_series import frequency_in
from bellwether.datasets.domain.packs import MAX_PACK_BYTES, PackFile, is_folder, unpack
from bellwether.datasets.domain.rebasing import base_change, uncovered
from bellwether.datasets.domain.series_catalogue import spec_of
from bellwether.datasets.domain.series_descriptions import is_descriptions_file, read_descriptions
from bellwether.datasets.domain.tabular import SeriesTable, TableReading, read_table
from bellwether.datasets.domain.vintages import Vintage, compare, make_vintage, place, start_of
from bellwether.datasets.ports.series import SeriesSource
from bellwether.datasets.usecases.quarantine import QuarantinedPart, set_aside, set_aside_unread
from bellwether.datasets.usecases.stored_descriptions import keep_descriptions
from bellwether.datasets.usecases.stored_vintages import list_vintages, load_vintage, note_assumptions
from bellwether.shared.domain.delimited import Rejection
from bellwether.shared.domain.errors import (
    BellwetherError,
    ConflictError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore, StoredObject


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class IngestedSeries(_Fact):
    """A series that came in. `new` is false when it told nothing new; counts are against the vintage before.

    `assumptions` say what was decided where the file can be read in more than one way.
    """

    series: str
    rows: int
    vintage: str
    new: bool
    added: int
    revised: int
    withdrawn: int
    file: str
    assumptions: tuple[str, ...] = ()


class FailedSeries(_Fact):
    """A series that its source did not give."""

    series: str
    reason: str


class Ingestion(_Fact):
    """What came in. Of each file the first reasons are in `quarantined`; `rejections` counts all.

    `described`: series that the catalogue lacks and that a file says how to use.
    """

    ingested: tuple[IngestedSeries, ...] = ()
    described: tuple[str, ...] = ()
    quarantined: tuple[QuarantinedPart, ...] = ()
    failed: tuple[FailedSeries, ...] = ()
    rejections: int = 0

    def __add__(self, other: "Ingestion") -> "Ingestion":
        return Ingestion(
            ingested=self.ingested + other.ingested,
            described=self.described + other.described,
            quarantined=self.quarantined + other.quarantined,
            failed=self.failed + other.failed,
            rejections=self.rejections + other.rejections,
        )


# --- inbox ----------------------------------------------------------------------------------------------------------


def ingest_inbox(
    store: ObjectStore,
    *,
    keys: Collection[str] | None = None,
    series: Collection[str] | None = None,
    accept_rebased: Collection[str] = (),
) -> Ingestion:
    """Ingest what lies in the inbox: all of it, or these keys (one that is gone was ingested already).

    With `series`, files without one of them stay where they are. A download on another base that does not cover the
    history is refused, unless its series is in `accept_rebased`.
    """
    wanted = {spec_of(each).series for each in series} if series else None
    total = Ingestion()
    for entry in store.entries(INBOX) if keys is None else _entries(store, keys):
        if not is_folder(entry.key, entry.size_bytes):
            total += _ingest_drop(store, entry, wanted, accept_rebased)
    return total


def _entries(store: ObjectStore, keys: Collection[str]) -> Iterator[StoredObject]:
    for key in keys:
        entry = store.find(key)
        if entry:
            yield entry


def _ingest_drop(
    store: ObjectStore, entry: StoredObject, wanted: Collection[str] | None, accept_rebased: Collection[str]
) -> Ingestion:
    file = entry.key.removeprefix(INBOX)
    if entry.size_bytes > MAX_PACK_BYTES:
        unread = set_aside_unread(store, QUARANTINE, entry, file, limit_bytes=MAX_PACK_BYTES)
        result = Ingestion(quarantined=unread, rejections=len(unread))
        etag = entry.etag
    else:
        try:
            drop = store.get(entry.key)
        except NotFoundError:  # somebody else has just ingested it
            return Ingestion()
        parts = list(unpack(file, drop.content))
        described = [part for part in parts if is_descriptions_file(part.name) and not part.problem]
        readings = [(part, _read(part, drop.modified_at)) for part in parts if part not in described]
        file = file.rstrip("/") or "unnamed"
        if wanted and not any(table.series in wanted for _, reading in readings for table in reading.tables):
            return Ingestion()
        _keep(store, original_key(ORIGINALS, file, drop.content), drop.content)
        result, etag = Ingestion(), drop.etag
        for part in described:
            result += _ingest_descriptions(store, part, drop.modified_at)
        for part, reading in readings:
            result += _ingest_reading(store, part, reading, drop.modified_at, stated_day(part.name), accept_rebased)
    with suppress(ConflictError):  # replaced meanwhile: the new content has an event of its own
        store.delete(entry.key, only_if_etag=etag)
    return result


def _ingest_descriptions(store: ObjectStore, part: PackFile, received_at: datetime) -> Ingestion:
    """Keep what a file says about series that the catalogue lacks; what can't be used is quarantined."""
    descriptions, rejections = read_descriptions(part.content)
    keep_descriptions(store, descriptions)
    quarantined = set_aside(store, QUARANTINE, part, rejections, 0, received_at) if rejections else ()
    return Ingestion(described=tuple(sorted(descriptions)), quarantined=quarantined, rejections=len(rejections))


def _read(part: PackFile, received_at: datetime) -> TableReading:
    if part.problem:
        return TableReading(rejections=(Rejection(None, "file", part.problem),))
    try:
        return read_table(part.content, file_name=part.name, received_on=received_at.date())
    except Exception as error:  # noqa: BLE001 - whatever a file makes its reader raise, the others are read
        return TableReading(rejections=(Rejection(None, "file", f"can't be read: {type(error).__name__}: {error}"),))


# --- sources --------------------------------------------------------------------------------------------------------


def ingest_from(
    store: ObjectStore,
    source: SeriesSource,
    clock: Clock,
    series: Sequence[str],
    *,
    accept_rebased: Collection[str] = (),
) -> Ingestion:
    """Fetch series from a source. One that fails leaves the others alone; when all fail, the error is raised."""
    total = Ingestion()
    errors: list[BellwetherError] = []
    for name in series:
        try:
            total += _ingest_one(store, source, clock, name, accept_rebased)
        except (NotFoundError, TransientUpstreamError, UpstreamError) as error:
            errors.append(error)
            total += Ingestion(failed=(FailedSeries(series=name, reason=str(error)),))
    if errors and len(errors) == len(series):
        raise next((each for each in errors if isinstance(each, TransientUpstreamError)), errors[0])
    return total


def _ingest_one(
    store: ObjectStore, source: SeriesSource, clock: Clock, series: str, accept_rebased: Collection[str]
) -> Ingestion:
    total = Ingestion()
    for download in source.downloads(series):
        received_at = clock.now()
        part = PackFile(download.file_name, download.content)
        reading = _read(part, received_at)
        _keep(store, original_key(ORIGINALS, part.name, part.content), part.content)
        total += _ingest_reading(store, part, reading, received_at, download.known_on, accept_rebased)
        if spec_of(series).series not in {table.series for table in reading.tables}:
            total += Ingestion(
                failed=(FailedSeries(series=series, reason="the download has no values for this series"),)
            )
    return total


# --- one file -------------------------------------------------------------------------------------------------------


def _ingest_reading(
    store: ObjectStore,
    part: PackFile,
    reading: TableReading,
    received_at: datetime,
    stated: date | None,
    accept_rebased: Collection[str],
) -> Ingestion:
    ingested: list[IngestedSeries] = []
    rejections = list(reading.rejections)
    for table in reading.tables:
        known_on = table.known_on or stated
        objection = _objection(table, known_on, received_at)
        if objection:
            rejections.append(Rejection(None, table.series, f"{objection}; the time of arrival is used instead"))
            known_on = None
        known_at = start_of(known_on) if known_on else None
        try:
            ingested.append(
                _keep_vintage(store, table, part.name, known_at, received_at, accept=table.series in accept_rebased)
            )
        except _RebasedError as refusal:
            rejections.append(Rejection(None, table.series, str(refusal)))
    quarantined = set_aside(store, QUARANTINE, part, rejections, reading.left_out, received_at) if rejections else ()
    return Ingestion(ingested=tuple(ingested), quarantined=quarantined, rejections=len(rejections) + reading.left_out)


def _objection(table: SeriesTable, known_on: date | None, received_at: datetime) -> str:
    """Why the stated day of a vintage can't be true."""
    if known_on is None:
        return ""
    last = max(each.day for each in table.observations if each.value is not None)
    if last > known_on:
        return f"dated {known_on.isoformat()}, but has a value for {last.isoformat()}"
    return f"dated {known_on.isoformat()}, which is in the future" if known_on > received_at.date() else ""


class _RebasedError(Exception):
    """A download on another base that does not cover the history."""


def _keep_vintage(
    store: ObjectStore, table: SeriesTable, file: str, known_at: datetime | None, received_at: datetime, *, accept: bool
) -> IngestedSeries:
    """Keep a download as a vintage; raises _RebasedError, unless that is accepted."""
    series = table.series
    place_of = place(
        make_vintage(table, known_at or received_at),
        list_vintages(store, series).get(series, []),
        lambda name: load_vintage(store, series, name),
        by_day=known_at is not None,
    )
    vintage = place_of.vintage
    if place_of.new and place_of.before and not accept:
        _refuse_rebased(place_of.before, vintage)
    if place_of.new and table.assumptions:
        note_assumptions(store, series, vintage.name, table.assumptions)
    new = place_of.new and _keep(store, vintage_key(series, vintage.name), vintage.content)
    changes = compare(place_of.before, vintage) if new else None
    return IngestedSeries(
        series=series,
        rows=sum(each.value is not None for each in table.observations),
        vintage=str(vintage.name),
        new=new,
        added=changes.added if changes else 0,
        revised=changes.revised if changes else 0,
        withdrawn=changes.withdrawn if changes else 0,
        file=file,
        assumptions=table.assumptions,
    )


def _refuse_rebased(before: Vintage, after: Vintage) -> None:
    spec = spec_of(after.series)
    if frequency_in(spec, before) is not frequency_in(spec, after):
        return
    if change := base_change(before.values, after.values):
        raise _RebasedError(
            f"differs from vintage {before.name} {change}: another base or unit; "
            f"{uncovered(before.values, after.values)} figures of that vintage are not in this file, so the two cannot "
            "be joined; give the whole history, or name the series in accept_shrunken"
        )


def _keep(store: ObjectStore, key: str, content: bytes) -> bool:
    """Write an object that never changes; False when it is there already."""
    try:
        store.put(key, content, content_type="text/csv", only_if_absent=True)
    except ConflictError:
        return False
    return True
