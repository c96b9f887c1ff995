"""Store a delivery's charges: what Athena added up becomes what is known since now."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bellwether.finops.domain.aggregation import read_result
from bellwether.finops.domain.export_layouts import LAYOUTS
from bellwether.finops.domain.manifests import loaded_key
from bellwether.finops.domain.reconciliation import Ingested, Reconciliation, Rejected, Totals, ingest, plain
from bellwether.finops.domain.rejected_lines import lines_of_references
from bellwether.finops.ports.charge_store import ChargeStore, DeliveryRecord, Restated
from bellwether.finops.usecases.prepare_delivery import PreparedDelivery
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.objects import ObjectStore

SEARCHED_BYTES = 64 * 1024 * 1024  # of the files in which rejected line items are looked for


class ReconciliationLine(BaseModel):
    """The totals of one currency beside the expected total, USD or whatever the currency is."""

    model_config = ConfigDict(frozen=True)

    currency: str
    line_items: int
    billed: Decimal
    effective: Decimal
    billed_by_category: dict[str, Decimal]
    exported: Decimal
    expected: Decimal | None
    difference: Decimal
    agrees: bool


class StoredCharges(BaseModel):
    """What became of a delivery."""

    model_config = ConfigDict(frozen=True)

    outcome: Literal["loaded", "unchanged", "quarantined"]
    delivery_id: str
    period: str
    reason: str = ""
    aggregates: int = 0
    new: int = 0
    changed: int = 0
    vanished: int = 0
    restated: dict[str, dict[str, str]] = {}
    reconciliations: tuple[ReconciliationLine, ...] = ()
    rejections: int = 0
    findings: dict[str, Any] = {}


def store_charges(
    charges: ChargeStore,
    store: ObjectStore,
    delivery: PreparedDelivery,
    *,
    known_at: datetime,
    result_key: str | None,
    scanned_bytes: int,
    expected: Mapping[str, Decimal],
) -> StoredCharges:
    """Load the delivery, or note why it was refused; either leaves everything else as it is."""
    record = DeliveryRecord(
        delivery.delivery_id,
        delivery.export,
        delivery.layout,
        delivery.period,
        delivery.manifest_key,
        known_at,
        delivery.files,
        delivery.bytes,
        reason=delivery.reason,
        scanned_bytes=scanned_bytes,
    )
    period = f"{delivery.period:%Y-%m}"
    if delivery.status == "quarantined":
        is_new = charges.refuse(record)  # not noted as loaded: the next run looks whether what was missing has arrived
        return StoredCharges(
            outcome="quarantined" if is_new else "unchanged",
            delivery_id=delivery.delivery_id,
            period=period,
            reason=delivery.reason,
        )
    if result_key is None:
        raise InvalidInputError("a delivery that is ready comes with a result", field="result")
    found = ingest(read_result(_lines(store, result_key)))
    findings = _findings(found, delivery, known_at)
    reconciliations = found.reconcile(expected)
    restated = charges.load(
        replace(record, line_items=found.line_items, not_invoiced=found.not_invoiced, findings=findings),
        list(found.charges.values()),
        reconciliations,
        _with_lines(store, delivery, found.rejected),
    )
    _note_loaded(store, delivery)
    return StoredCharges(
        outcome="unchanged" if restated is None else "loaded",
        delivery_id=delivery.delivery_id,
        period=period,
        aggregates=len(found.charges),
        **_moved(restated),
        reconciliations=tuple(map(_line, reconciliations)),
        rejections=found.rejections,
        findings=findings,
    )


def _lines(store: ObjectStore, key: str) -> Iterator[str]:
    return io.TextIOWrapper(io.BytesIO(store.get(key).content), encoding="utf-8", newline="")


def _note_loaded(store: ObjectStore, delivery: PreparedDelivery) -> None:
    note = {
        "delivery_id": delivery.delivery_id,
        "manifest_key": delivery.manifest_key,
        "manifest_etag": delivery.manifest_etag,
    }
    store.put(loaded_key(delivery.export, delivery.period), json.dumps(note).encode(), content_type="application/json")


def _findings(found: Ingested, delivery: PreparedDelivery, known_at: datetime) -> dict[str, Any]:
    findings = {
        "why_empty": list(delivery.why_empty),
        "tag_keys": _effective(found.tag_keys),
        "other_tag_keys": _effective(found.other_tag_keys),
        "left_out": {
            reason: {"line_items": totals.line_items, "amount": plain(totals.billed)}
            for reason, totals in found.left_out.items()
        },
        "equal_line_items": found.repeated,
        "missing_days": [str(day) for day in found.missing_days(delivery.period, known_at)],
        "currencies": sorted(found.exported) if len(found.exported) > 1 else [],
    }
    return {name: value for name, value in findings.items() if value}


def _effective(by_key: Mapping[str, Totals]) -> dict[str, Any]:
    return {
        key: {"line_items": totals.line_items, "effective": plain(totals.effective)} for key, totals in by_key.items()
    }


def _with_lines(store: ObjectStore, delivery: PreparedDelivery, rejected: Sequence[Rejected]) -> list[Rejected]:
    """With the line of each rejected line item, where its file is CSV and small enough to be searched."""
    layout = next(each for each in LAYOUTS if each.name == delivery.layout)
    lines: dict[tuple[str, str], int] = {}
    for address in {each.file for each in rejected if each.reference}:
        key = address.partition("://")[2].partition("/")[2]
        entry = store.find(key)
        if entry is None or entry.size_bytes > SEARCHED_BYTES or key.endswith(".parquet"):
            continue
        wanted = {each.reference for each in rejected if each.file == address}
        raw = io.BytesIO(store.get(key).content)
        text = io.TextIOWrapper(
            gzip.GzipFile(fileobj=raw) if key.endswith(".gz") else raw, encoding="utf-8", errors="replace", newline=""
        )
        try:
            found = lines_of_references(layout, text, wanted)
        except (csv.Error, OSError):
            continue
        lines |= {(address, reference): line for reference, line in found.items()}
    return [replace(each, line=lines.get((each.file, each.reference))) for each in rejected]


def _moved(restated: Restated | None) -> dict[str, Any]:
    if restated is None:
        return {}
    return {
        "new": restated.new,
        "changed": restated.changed,
        "vanished": restated.vanished,
        "restated": {
            currency: {"billed": billed, "effective": effective}
            for currency, (billed, effective) in restated.by_currency.items()
        },
    }


def _line(each: Reconciliation) -> ReconciliationLine:
    return ReconciliationLine(
        currency=each.currency,
        line_items=each.totals.line_items,
        billed=each.totals.billed,
        effective=each.totals.effective,
        billed_by_category={category.value: totals.billed for category, totals in each.by_category.items()},
        exported=each.exported,
        expected=each.expected,
        difference=each.difference,
        agrees=each.agrees,
    )
