"""FRED files into the stack: dropped into the inbox, waited for, and what became of them."""

import hashlib
import io
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from bellwether.datasets.domain.fred_layout import INBOX, QUARANTINE
from bellwether.datasets.domain.series_descriptions import DESCRIPTIONS_FILE
from bellwether.datasets.views import DatasetViews
from cli.problems import CommandError
from cli.target import Target

EVENT_WAIT_SECONDS = 120


def csv_files(paths: Iterable[Path]) -> list[Path]:
    """CSV files among the paths and directly below the folders among them, sorted by name.

    A `series.json` beside them describes series that the catalogue does not know, and goes with them.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} does not exist")
        found.extend(_pack_files(path) if path.is_dir() else [path])
    if not found:
        raise CommandError(f"No CSV file in {', '.join(str(path) for path in paths)}")
    return found


def _pack_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.csv"))
    described = folder / DESCRIPTIONS_FILE
    return [*files, described] if files and described.is_file() else files


@dataclass(frozen=True)
class Ingested:
    """What became of a pack: new vintages, what was set aside, and the merged data as it is now."""

    files: int
    new_vintages: int
    findings: list[dict[str, Any]]
    dataset: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def ingest_pack(target: Target, files: list[Path]) -> Ingested:
    """Put files into the inbox as one archive and wait until the S3 event has ingested them."""
    datasets = DatasetViews(target.objects)
    archive = zipped(files)
    before = datasets.vintages()
    key = f"{INBOX}pack-{hashlib.sha256(archive).hexdigest()[:12]}.zip"
    findings = drop(target, key, archive, quarantine=QUARANTINE)
    dataset = ingest(target, source="pack")["dataset"]
    return Ingested(files=len(files), new_vintages=datasets.vintages() - before, findings=findings, dataset=dataset)


def drop(target: Target, key: str, archive: bytes, *, quarantine: str) -> list[dict[str, Any]]:
    """Put an archive into an inbox, wait until it is processed; returns the findings about its files."""
    datasets = DatasetViews(target.objects)
    known = _after_this_second(datasets, quarantine)
    target.objects.put(key, archive)
    _await_processed(target, key)
    fresh = [entry.key for entry in datasets.quarantined(quarantine) if (entry.key, entry.modified_at) not in known]
    return [datasets.quarantine_reason(each).model_dump(mode="json") for each in fresh]


def zipped(files: list[Path]) -> bytes:
    """Each file below its folder's name: a folder named after a day says when its figures were known."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            member = zipfile.ZipInfo(f"{path.resolve().parent.name}/{path.name}")
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _after_this_second(datasets: DatasetViews, quarantine: str) -> frozenset[tuple[str, datetime]]:
    """Findings so far, with their times. S3's times have a resolution of one second: wait until the last is over."""
    known = frozenset((entry.key, entry.modified_at) for entry in datasets.quarantined(quarantine))
    while any(datetime.now(UTC) - written < timedelta(seconds=1.1) for _, written in known):
        time.sleep(0.1)
    return known


def _await_processed(target: Target, key: str) -> None:
    deadline = time.monotonic() + EVENT_WAIT_SECONDS
    while target.objects.find(key) is not None:
        if time.monotonic() > deadline:
            raise CommandError(f"{key} is still in the inbox after {EVENT_WAIT_SECONDS} s (RUNBOOK, Ingestion failed)")
        time.sleep(0.5)


def ingest(target: Target, *, source: str | None) -> dict[str, Any]:
    """Run the ingestion now; returns its summary."""
    return target.invoke(target.output("IngestSeriesFunctionName"), {} if source is None else {"source": source})


def dataset_line(dataset: dict[str, Any] | None) -> str:
    """The merged data in a line."""
    if dataset is None:
        return "no merged dataset yet"
    span = f"{dataset['first_month']} to {dataset['last_month']}"
    return f"{dataset['series']} series, {dataset['vintages']} vintages, {dataset['rows']} months, {span}"


def findings_table(findings: list[dict[str, Any]]) -> Table:
    """What was set aside, where and why: of each file the first finding, and how many more there are."""
    table = Table(title="Quarantined")
    for column in ("file", "line", "field", "reason"):
        table.add_column(column, overflow="fold")
    for each in findings:
        more = len(each.get("findings", ())) + each.get("left_out", 0) - 1
        table.add_row(
            each["file"],
            "" if each["line"] is None else str(each["line"]),
            each["field"],
            each["reason"] + (f" (and {more} more)" if more > 0 else ""),
        )
    return table


def dataset_remarks(dataset: dict[str, Any] | None) -> str:
    """What a person should know of the merged data, such as a column that was held back; one line a remark."""
    by_reason: dict[str, list[str]] = {}
    for each in (dataset or {}).get("findings", ()):
        by_reason.setdefault(each["reason"], []).append(each["series"])
    return "\n".join(f"{', '.join(dict.fromkeys(series))}: {reason}" for reason, series in by_reason.items())
