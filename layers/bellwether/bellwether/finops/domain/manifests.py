"""Manifests: the lists of files that AWS writes last when it delivers a billing period."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from bellwether.finops.domain.export_layouts import ExportColumn, FileFormat
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import StoredObject

EXPORTS = "cost-data/exports/"  # <export>/data and <export>/metadata, as AWS Data Exports and CUR write them
LISTS = "cost-data/deliveries/"  # <delivery>/symlink.txt: the files of a delivery, read by Athena
LOADED = "cost-data/loaded/"  # <export>/<period>.json: the manifest whose charges are in the database

_MANIFEST = re.compile(r"manifest\.json$", re.IGNORECASE)
_PERIOD = re.compile(r"BILLING_PERIOD=(\d{4})-(\d{2})(?:/|$)|/(\d{4})(\d{2})01-\d{8}/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ManifestPlace:
    """Where the newest manifest of a billing period is."""

    export: str
    period: date  # first day of the month
    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says. `files` are keys in the data bucket, each once."""

    columns: tuple[ExportColumn, ...]
    files: tuple[str, ...]
    format: FileFormat


def newest_manifests(entries: Sequence[StoredObject]) -> tuple[ManifestPlace, ...]:
    """The newest manifest of each export and billing period; manifests of earlier refreshes stay beside it."""
    newest: dict[tuple[str, date], StoredObject] = {}
    for entry in entries:
        period = _period_of(entry.key)
        if period is None or not _MANIFEST.search(entry.key):
            continue
        place = (entry.key.removeprefix(EXPORTS).partition("/")[0], period)
        if place not in newest or (newest[place].modified_at, newest[place].key) < (entry.modified_at, entry.key):
            newest[place] = entry
    return tuple(
        ManifestPlace(export, period, entry.key, entry.etag) for (export, period), entry in sorted(newest.items())
    )


def _period_of(key: str) -> date | None:
    found = _PERIOD.search(key)
    if found is None:
        return None
    year, month = (int(each) for each in found.groups() if each)
    return date(year, month, 1) if 1 <= month <= 12 else None


def read_manifest(content: bytes, *, bucket: str) -> Manifest:
    """Read a manifest of AWS Data Exports or of the legacy CUR; raises InvalidInputError for anything else."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise InvalidInputError(f"no JSON: {error}", field="manifest") from error
    if not isinstance(document, dict):
        raise InvalidInputError("no JSON object", field="manifest")
    files = _files(document, bucket)
    kind = f"{document.get('contentType', '')} {document.get('compression', '')}".lower()
    is_parquet = "parquet" in kind or all(each.endswith(".parquet") for each in files)
    return Manifest(_columns(document), files, FileFormat.PARQUET if is_parquet else FileFormat.CSV)


def _files(document: dict[str, Any], bucket: str) -> tuple[str, ...]:
    named = document.get("dataFiles") or document.get("reportKeys")
    if not isinstance(named, list) or not all(isinstance(each, str) and each for each in named) or not named:
        raise InvalidInputError("names no files", field="dataFiles")
    keys = []
    for each in named:
        address = urlsplit(each)
        if address.scheme == "s3" and address.netloc != bucket:
            raise InvalidInputError(f"names a file in another bucket, {address.netloc}", field="dataFiles")
        key = address.path.lstrip("/") if address.scheme == "s3" else each.lstrip("/")
        if not key.startswith(EXPORTS):
            raise InvalidInputError(f"names {key}, which is not below {EXPORTS}", field="dataFiles")
        keys.append(key)
    return tuple(dict.fromkeys(keys))


def _columns(document: dict[str, Any]) -> tuple[ExportColumn, ...]:
    named = document.get("columns")
    if not isinstance(named, list) or not named:
        raise InvalidInputError("lists no columns", field="columns")
    columns = []
    for number, each in enumerate(named):
        if not isinstance(each, dict) or not isinstance(each.get("name"), str) or not each["name"]:
            raise InvalidInputError("a column has no name", field=f"columns.{number}")
        category = each.get("category")  # legacy CUR: lineItem/UnblendedCost in two parts
        name = f"{category}/{each['name']}" if isinstance(category, str) and category else each["name"]
        columns.append(ExportColumn(name, _glue_type(each.get("type"))))
    return tuple(columns)


def _glue_type(name: object) -> str:
    text = re.sub(r"\s+", "", str(name or "string").lower())
    if text in {"double", "float", "bigint", "int", "boolean", "date"} or text.startswith("decimal"):
        return text
    if text.startswith("map<"):
        return "map<string,string>"
    return "timestamp" if text.startswith("timestamp") else "string"


def delivery_id(place: ManifestPlace, content: bytes, files: Sequence[StoredObject]) -> str:
    """The same for the same manifest over the same files, however often it is delivered."""
    digest = sha256(f"{place.export} {place.period} ".encode() + content)
    for each in files:
        digest.update(f" {each.key} {each.etag}".encode())
    return f"{place.period:%Y-%m}-{digest.hexdigest()[:24]}"


def list_key(delivery: str) -> str:
    """Where a delivery's list of files is."""
    return f"{LISTS}{delivery}/symlink.txt"


def loaded_key(export: str, period: date) -> str:
    """Where it is noted which manifest of a billing period is in the database."""
    return f"{LOADED}{export}/{period:%Y-%m}.json"
