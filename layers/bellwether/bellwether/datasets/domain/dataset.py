"""The merged data: every series side by side, one row a month, with its manifest.

The bytes depend on the vintages and the catalogue only: made twice, or by two at once, they are the same.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from bellwether.datasets.domain.merged_series import Column, Finding, Merged
from bellwether.datasets.domain.monthly import month_end, month_text, parse_month
from bellwether.models.domain.manifests import DatasetManifest
from bellwether.shared.domain.errors import InvalidInputError

DATASET = "fred"
SCHEMA_VERSION: Literal[1] = 1
RECIPE = "3"  # raise it when the same vintages give other bytes

KEPT_SHARE = 0.95


class MergedManifest(DatasetManifest):
    """The manifest with what this side adds: what the data was made of, and what a person should know."""

    as_of: AwareDatetime | None = None
    inputs_sha256: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """The merged data as files."""

    csv: bytes
    manifest: MergedManifest

    @property
    def manifest_json(self) -> bytes:
        """The manifest as a file."""
        return (json.dumps(self.manifest.model_dump(mode="json"), indent=2, sort_keys=True) + "\n").encode()


def guard(previous: Mapping[str, Column], merged: Sequence[Merged], *, accept: Iterable[str] = ()) -> list[Merged]:
    """Keep the previous column of a series that vanished or shrank (unless it is in `accept`), and say so.

    Shrunk: under 95% of its rows, or an end more than one period earlier.
    """
    accepted = set(accept)
    fresh = {each.series: each for each in merged}
    guarded: list[Merged] = []
    for series in sorted({*fresh, *previous}):
        old, new = previous.get(series), fresh.get(series, Merged(series, None))
        reason = _shrinkage(old, new.column) if old and series not in accepted else ""
        if reason:
            new = Merged(
                series, old, (*new.findings, Finding(series=series, reason=f"{reason}; the column before is kept"))
            )
        guarded.append(new)
    return guarded


def _shrinkage(old: Column, new: Column | None) -> str:
    if new is None:
        return "vanished"
    if new.entry.rows < KEPT_SHARE * old.entry.rows:
        return f"shrank from {old.entry.rows} to {new.entry.rows} months"
    period = 3 if old.entry.frequency == "quarterly" else 1
    if parse_month(new.entry.last_month) < parse_month(old.entry.last_month) - period:
        return f"ends in {new.entry.last_month}, ended in {old.entry.last_month}"
    return ""


def build_dataset(merged: Iterable[Merged], *, inputs_sha256: str, as_of: datetime | None = None) -> Dataset:
    """Put the columns side by side; raises InvalidInputError when there is none."""
    merged = sorted(merged, key=lambda each: each.series)
    columns = [each.column for each in merged if each.column]
    if not columns:
        raise InvalidInputError("no series has a complete month", field="series")
    content, first, last = _render(columns)
    manifest = MergedManifest(
        schema_version=SCHEMA_VERSION,
        dataset=DATASET,
        sha256=hashlib.sha256(content).hexdigest(),
        rows=last - first + 1,
        first_month=month_text(first),
        last_month=month_text(last),
        series=tuple(column.entry for column in columns),
        as_of=as_of,
        inputs_sha256=inputs_sha256,
        findings=tuple(finding for each in merged for finding in each.findings),
    )
    return Dataset(content, manifest)


def _render(columns: Sequence[Column]) -> tuple[bytes, int, int]:
    first = min(min(column.months) for column in columns)
    last = max(max(column.months) for column in columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["month", *(column.entry.series for column in columns)])
    for month in range(first, last + 1):
        figures = [column.months.get(month) for column in columns]
        writer.writerow([month_end(month).isoformat(), *("" if each is None else figure(each) for each in figures)])
    return text.getvalue().encode(), first, last


def figure(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(value).removesuffix(".0")


def read_columns(content: bytes, manifest: DatasetManifest) -> dict[str, Column]:
    """Read merged data back; raises InvalidInputError when the bytes are not those of the manifest."""
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise InvalidInputError("the merged data differs from its manifest", field="sha256")
    header, *rows = csv.reader(io.StringIO(content.decode()))
    months = [parse_month(row[0]) for row in rows]
    entries = {entry.series: entry for entry in manifest.series}
    return {
        name: Column(entries[name], {m: float(row[i]) for m, row in zip(months, rows, strict=True) if row[i]})
        for i, name in enumerate(header)
        if i > 0
    }
