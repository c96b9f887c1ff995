"""The merged data: every series' vintages folded into one monthly table, with its manifest.

Folding goes from the oldest vintage to the newest: a later figure replaces an earlier one, a figure that a later
vintage calls missing is withdrawn, a date that it has no row for keeps what it had. When a later vintage shows the
same history on another base (an index rebased, other chained dollars), figures of the old base are left out rather
than spliced. The bytes depend on the vintages and the catalogue only: made twice, or by two at once, they are the
same.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import quantiles
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.domain.errors import InvalidInputError
from bellwether.domain.models import DatasetManifest, SeriesEntry
from bellwether.domain.monthly import month_end, month_text, parse_month, to_months
from bellwether.domain.series import Frequency, SeriesSpec, frequency_of
from bellwether.domain.series_catalogue import spec_of
from bellwether.domain.vintages import Vintage

DATASET = "fred"
SCHEMA_VERSION: Literal[1] = 1
RECIPE = "1"  # raise it when the same vintages give other bytes

REBASE_OVERLAP = 12
REBASE_SHIFT = 0.02
REBASE_SPREAD = 0.02
KEPT_SHARE = 0.95
UNKNOWN = "not in the catalogue: unit unknown, level (tcode 1), careful publication lag"


class Finding(BaseModel):
    """Something about a series that a person should know."""

    model_config = ConfigDict(frozen=True)

    series: str
    reason: str


class MergedManifest(DatasetManifest):
    """The manifest with what this side adds: what the data was made of, and what a person should know."""

    as_of: AwareDatetime | None = None
    inputs_sha256: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Column:
    """One series of the merged data: its manifest entry and its values by month."""

    entry: SeriesEntry
    months: Mapping[int, float]


@dataclass(frozen=True)
class Merged:
    """What the vintages of one series come to; no column when no month is complete."""

    series: str
    column: Column | None
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


# --- one series -----------------------------------------------------------------------------------------------------


def merge_series(series: str, vintages: Iterable[Vintage], *, as_of: datetime | None = None) -> Merged:
    """Fold a series' vintages, which come oldest first; with `as_of`, only those that were known then."""
    spec = spec_of(series)
    folds: dict[Frequency, dict[date, float | None]] = {}  # the one seen last at the end
    findings: list[Finding] = []
    latest: tuple[Vintage, Frequency] | None = None
    for vintage in vintages:
        if as_of is not None and vintage.known_at > as_of:
            continue
        frequency = _frequency(spec, vintage)
        fold = folds.pop(frequency, {})
        if _is_rebased(fold, vintage.values):
            lost = sum(value is not None and day not in vintage.values for day, value in fold.items())
            if lost:
                findings.append(
                    Finding(series=series, reason=f"rebased in {vintage.name}: {lost} figures of the old base left out")
                )
            fold = {}
        fold.update(vintage.values)
        folds[frequency] = fold
        latest = vintage, frequency
    months: dict[int, float] = {}
    for frequency, values in folds.items():
        months.update(to_months(values, frequency, spec.aggregation))
    if latest is None or not months:
        reason = "no vintage was known then" if latest is None else "no complete month"
        return Merged(series, None, (*findings, Finding(series=series, reason=reason)))
    if not spec.known:
        findings.append(Finding(series=series, reason=UNKNOWN))
    return Merged(series, Column(_entry(spec, latest[1], latest[0], months), months), tuple(findings))


def _frequency(spec: SeriesSpec, vintage: Vintage) -> Frequency:
    days = [each.day for each in vintage.observations if each.value is not None]
    return frequency_of(spec, days) or spec.frequency


def _is_rebased(before: Mapping[date, float | None], after: Mapping[date, float | None]) -> bool:
    """Whether the common figures differ by one factor, as after a change of base; never for rates that cross zero."""
    ratios: list[float] = []
    for day, new in after.items():
        old = before.get(day)
        if old is None or new is None:
            continue
        if old <= 0 or new <= 0:
            return False
        ratios.append(new / old)
    if len(ratios) < REBASE_OVERLAP:
        return False
    low, *_, high = quantiles(ratios, n=20)
    middle = (low + high) / 2
    return abs(middle - 1) > REBASE_SHIFT and (high - low) / middle < REBASE_SPREAD


def _entry(spec: SeriesSpec, frequency: Frequency, latest: Vintage, months: Mapping[int, float]) -> SeriesEntry:
    lag = spec.publication_lag_months
    if not spec.known and frequency is Frequency.QUARTERLY:
        lag *= 2
    return SeriesEntry(
        series=spec.series,
        title=spec.title,
        unit=spec.unit,
        frequency=frequency.value,
        aggregation=spec.aggregation.value,
        tcode=spec.tcode,
        publication_lag_months=lag,
        first_month=month_text(min(months)),
        last_month=month_text(max(months)),
        rows=len(months),
        vintage=str(latest.name),
        sha256=latest.sha256,
    )


# --- all series -----------------------------------------------------------------------------------------------------


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
        raise InvalidInputError("no series has a single month", field="series")
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
