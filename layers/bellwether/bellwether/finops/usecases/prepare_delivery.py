"""Check a delivery against its manifest, and write the query that adds it up."""

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bellwether.finops.domain.aggregation import Source, charges_query
from bellwether.finops.domain.export_layouts import FileFormat, Layout, layout_of, why_empty
from bellwether.finops.domain.manifests import Manifest, ManifestPlace, delivery_id, list_key, read_manifest
from bellwether.finops.ports.line_tables import LineTables
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import ObjectStore, StoredObject

_HEADER_BYTES = 256 * 1024


class PreparedDelivery(BaseModel):
    """A delivery that is ready to be added up, or refused for a reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["ready", "quarantined"]
    reason: str = ""
    delivery_id: str
    export: str
    period: date
    manifest_key: str
    manifest_etag: str
    layout: str = ""
    files: int = 0
    bytes: int = 0
    why_empty: tuple[str, ...] = ()


def prepare_delivery(
    store: ObjectStore,
    tables: LineTables,
    place: ManifestPlace,
    texts: Mapping[str, str],
    *,
    bucket: str,
    database: str,
    cost_center_tags: Sequence[str],
) -> tuple[PreparedDelivery, str]:
    """The delivery and its query; a refused one has no query. What the manifest does not name is never read."""
    content = store.get(place.key).content
    files: list[StoredObject] = []
    try:
        manifest = read_manifest(content, bucket=bucket)
        files = _files_of(store, manifest)
        layout = layout_of(manifest.columns)
        if manifest.format is FileFormat.CSV:
            for each in files:
                _check_header(store, each.key, manifest)
    except InvalidInputError as refusal:
        refused = PreparedDelivery(
            status="quarantined",
            reason=str(refusal),
            delivery_id=f"{delivery_id(place, content, files)}-refused",  # it can be ready later, with the same files
            export=place.export,
            period=place.period,
            manifest_key=place.key,
            manifest_etag=place.etag,
            files=len(files),
        )
        return refused, ""
    name = delivery_id(place, content, files)
    source = Source(database, _table_name(layout, manifest), name, manifest.format, manifest.columns)
    tables.ensure(source)
    addresses = "".join(f"s3://{bucket}/{each.key}\n" for each in files)
    store.put(list_key(name), addresses.encode(), content_type="text/plain")
    prepared = PreparedDelivery(
        status="ready",
        delivery_id=name,
        export=place.export,
        period=place.period,
        manifest_key=place.key,
        manifest_etag=place.etag,
        layout=layout.name,
        files=len(files),
        bytes=sum(each.size_bytes for each in files),
        why_empty=why_empty(layout, manifest.columns),
    )
    return prepared, charges_query(layout, source, texts, cost_center_tags)


def _files_of(store: ObjectStore, manifest: Manifest) -> list[StoredObject]:
    files = []
    for key in manifest.files:
        found = store.find(key)
        if found is None:
            raise InvalidInputError(f"the manifest names {key}, which does not exist", field="dataFiles")
        if found.size_bytes == 0:
            raise InvalidInputError(f"{key} is empty", field="dataFiles")
        files.append(found)
    return files


def _check_header(store: ObjectStore, key: str, manifest: Manifest) -> None:
    """A CSV file is read by position, so its columns must be the manifest's, in that order."""
    content = store.start(key, _HEADER_BYTES)
    if key.endswith(".gz"):
        try:
            content = zlib.decompressobj(31).decompress(content, _HEADER_BYTES)
        except zlib.error as error:
            raise InvalidInputError(f"not gzip: {error}", field=key) from error
    header = next(csv.reader(io.StringIO(content[:_HEADER_BYTES].decode("utf-8-sig", "replace"))), [])
    expected = [column.name for column in manifest.columns]
    if header != expected:
        at = next((n for n, pair in enumerate(zip(header, expected, strict=False)) if pair[0] != pair[1]), len(header))
        raise InvalidInputError(f"its columns differ from the manifest's from column {at + 1} on", field=key)


def _table_name(layout: Layout, manifest: Manifest) -> str:
    columns = "\n".join(f"{column.name} {column.type}" for column in manifest.columns)
    return f"{layout.name.lower()}_{manifest.format.value}_{sha256(columns.encode()).hexdigest()[:12]}"
