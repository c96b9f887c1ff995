"""Bring together what came true: of a model that forecasts a series from its dataset, of any model from files."""

import csv
import io
import math
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from bellwether.datasets.domain.drop_layout import original_key
from bellwether.datasets.domain.packs import NAMED_AS_FOLDER, PackFile, is_folder
from bellwether.datasets.usecases.quarantine import QuarantinedPart, set_aside, set_aside_unread
from bellwether.models.domain.capture import Actual
from bellwether.models.domain.catalogue import CATALOGUE, model_spec
from bellwether.models.domain.specs import ForecastSpec
from bellwether.models.ports.actuals import ActualsStore
from bellwether.monitoring.domain.actual_files import (
    INBOX,
    ORIGINALS,
    QUARANTINE,
    ActualsReading,
    model_of,
    read_actuals,
)
from bellwether.shared.domain.delimited import MAX_FILE_BYTES, Rejection, read_number
from bellwether.shared.domain.errors import BellwetherError, ConflictError, NotFoundError, TransientUpstreamError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore, StoredObject

MONTHS = 36  # of a dataset, the newest: no prediction waits longer for its truth
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Collected(BaseModel):
    """What came in; `rejections` counts all rows and files that were set aside.

    `assumptions` say what was decided where a file can be read in more than one way. `failed` names files that could
    not be fetched or stored; they stay in the inbox, and the others are read.
    """

    model_config = ConfigDict(frozen=True)

    files: int = 0
    actuals: int = 0
    rejections: int = 0
    quarantined: tuple[QuarantinedPart, ...] = ()
    assumptions: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(
            files=self.files + other.files,
            actuals=self.actuals + other.actuals,
            rejections=self.rejections + other.rejections,
            quarantined=self.quarantined + other.quarantined,
            assumptions=self.assumptions + other.assumptions,
            failed=self.failed + other.failed,
        )


def collect_actuals(model: str, *, objects: ObjectStore, actuals: ActualsStore, clock: Clock) -> Collected:
    """Everything new of one model; the same again changes nothing. Raises NotFoundError for an unknown one."""
    spec = model_spec(model)
    total = Collected()
    for entry in objects.entries(f"{INBOX}{spec.name}/"):
        try:
            total += collect_file(entry.key, objects=objects, actuals=actuals)
        except TransientUpstreamError:
            raise
        except BellwetherError as error:
            total += Collected(failed=(f"{entry.key}: {error}"[:500],))
    if isinstance(spec, ForecastSpec):
        total += _collect_series(spec, objects, actuals, clock.now())
    return total


def collect_file(key: str, *, objects: ObjectStore, actuals: ActualsStore) -> Collected:
    """One file of the inbox; one that is gone was collected already."""
    entry = objects.find(key)
    if entry is None or is_folder(key, entry.size_bytes):
        return Collected()
    file = key.removeprefix(INBOX).rstrip("/")
    if entry.size_bytes > MAX_FILE_BYTES:
        quarantined = set_aside_unread(objects, QUARANTINE, entry, file, limit_bytes=MAX_FILE_BYTES)
        _leave_inbox(objects, entry)
        return Collected(files=1, rejections=len(quarantined), quarantined=quarantined)
    try:
        drop = objects.get(key)
    except NotFoundError:  # somebody else has just collected it
        return Collected()
    reading = _read(
        drop.content, key.removeprefix(INBOX), drop.modified_at.replace(microsecond=999_999)
    )  # S3 tells whole seconds
    with suppress(ConflictError):  # kept already, when it came before
        objects.put(original_key(ORIGINALS, file, drop.content), drop.content, only_if_absent=True)
    kept = actuals.put(reading.actuals) if reading.actuals else 0
    part = PackFile(file, drop.content)
    quarantined = (
        set_aside(objects, QUARANTINE, part, reading.rejections, reading.left_out, drop.modified_at)
        if reading.rejections
        else ()
    )
    with suppress(ConflictError):  # replaced meanwhile: the new content has an event of its own
        objects.delete(key, only_if_etag=drop.etag)
    rejections = len(reading.rejections) + reading.left_out
    assumptions = tuple(f"{file}: {note}" for note in reading.assumptions)
    return Collected(files=1, actuals=kept, rejections=rejections, quarantined=quarantined, assumptions=assumptions)


def _read(content: bytes, file: str, received_at: datetime) -> ActualsReading:
    if file.endswith("/"):
        return ActualsReading(rejections=(Rejection(None, "file", NAMED_AS_FOLDER),))
    model = model_of(INBOX + file)
    if model not in CATALOGUE:
        known = ", ".join(sorted(CATALOGUE))
        return ActualsReading(
            rejections=(Rejection(None, "file", f"there is no model {model[:60]!r}; known: {known}"),)
        )
    try:
        return read_actuals(content, model=model, file_name=file.rsplit("/", 1)[-1], received_at=received_at)
    except Exception as error:  # noqa: BLE001 - whatever a file makes its reader raise, the others are read
        return ActualsReading(rejections=(Rejection(None, "file", f"can't be read: {type(error).__name__}: {error}"),))


def _leave_inbox(objects: ObjectStore, entry: StoredObject) -> None:
    with suppress(ConflictError):
        objects.delete(entry.key, only_if_etag=entry.etag)


def _collect_series(spec: ForecastSpec, objects: ObjectStore, actuals: ActualsStore, now: datetime) -> Collected:
    """Figures of the target that are new or revised; a dataset that was never ingested has none."""
    try:
        text = objects.get(spec.dataset.data_key).content.decode()
    except NotFoundError:
        return Collected()
    known = actuals.read(spec.name, since=BEGINNING)
    fresh = [
        Actual(model=spec.name, join_key=key, value=value, observed_at=now, source=spec.dataset.name)
        for key, value in list(_figures(text, spec.target))[-MONTHS:]
        if key not in known or not math.isclose(known[key].value, value, rel_tol=1e-12)
    ]
    return Collected(actuals=actuals.put(fresh) if fresh else 0)


def _figures(text: str, target: str) -> Iterator[tuple[str, float]]:
    for row in csv.DictReader(io.StringIO(text)):
        value = read_number((row.get(target) or "").strip())
        if value is not None:
            yield f"{target}:{row['month'][:7]}", value
