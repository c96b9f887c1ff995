"""FRED files into the stack: dropped into the inbox, waited for, and what became of them."""

import csv
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from bellwether.datasets.domain.fred_layout import INBOX, MERGED_CSV, QUARANTINE, VINTAGES
from cli.problems import CommandError
from cli.target import Target

EVENT_WAIT_SECONDS = 120


def csv_files(paths: Iterable[Path]) -> list[Path]:
    """CSV files among the paths and directly below the folders among them, sorted by name."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} does not exist")
        found.extend(sorted(path.glob("*.csv")) if path.is_dir() else [path])
    if not found:
        raise CommandError(f"No CSV file in {', '.join(str(path) for path in paths)}")
    return found


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
    """Drop files into the inbox as one archive, as a person would, and wait until the event has brought them in."""
    s3, bucket = target.client("s3"), target.output("DataBucketName")
    archive = zipped(files)
    before = len(_objects(s3, bucket, VINTAGES))
    key = f"{INBOX}pack-{hashlib.sha256(archive).hexdigest()[:12]}.zip"
    findings = drop(target, key, archive, quarantine=QUARANTINE)
    dataset = ingest(target, source="pack")["dataset"]
    return Ingested(
        files=len(files),
        new_vintages=len(_objects(s3, bucket, VINTAGES)) - before,
        findings=findings,
        dataset=dataset,
    )


def drop(target: Target, key: str, archive: bytes, *, quarantine: str) -> list[dict[str, Any]]:
    """Put an archive into an inbox, wait until the event has taken it out, and tell what was set aside meanwhile."""
    s3, bucket = target.client("s3"), target.output("DataBucketName")
    _await_next_second(s3, bucket, quarantine)
    known = _states(s3, bucket, quarantine)
    s3.put_object(Bucket=bucket, Key=key, Body=archive)
    _await_empty(s3, bucket, key)
    fresh = sorted(each for each, _ in _states(s3, bucket, quarantine) - known)
    return [
        json.loads(s3.get_object(Bucket=bucket, Key=each)["Body"].read())
        for each in fresh
        if each.endswith(".reason.json")
    ]


def zipped(files: list[Path]) -> bytes:
    """Each file below its folder's name: a folder named after a day says when its figures were known."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            member = zipfile.ZipInfo(f"{path.resolve().parent.name}/{path.name}")
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _objects(s3: Any, bucket: str, prefix: str) -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry for page in pages for entry in page.get("Contents", [])]


def _states(s3: Any, bucket: str, prefix: str) -> frozenset[tuple[str, str]]:
    """Keys with what lies there: the same file dropped again leaves its findings under the same key, newly written."""
    return frozenset((entry["Key"], entry["ETag"]) for entry in _objects(s3, bucket, prefix))


def _await_next_second(s3: Any, bucket: str, prefix: str) -> None:
    """S3 tells times in seconds: dropped again in the second of its last finding, a file would leave the same one."""
    written = [entry["LastModified"] for entry in _objects(s3, bucket, prefix)]
    while written and datetime.now(UTC) - max(written) < timedelta(seconds=1.1):
        time.sleep(0.1)


def _await_empty(s3: Any, bucket: str, key: str) -> None:
    deadline = time.monotonic() + EVENT_WAIT_SECONDS
    while _objects(s3, bucket, key):
        if time.monotonic() > deadline:
            raise CommandError(f"{key} lies in the inbox after {EVENT_WAIT_SECONDS} s (RUNBOOK, Ingestion failed)")
        time.sleep(0.5)


def ingest(target: Target, *, source: str | None) -> dict[str, Any]:
    """Run the ingestion now; returns its summary."""
    return target.invoke(target.output("IngestSeriesFunctionName"), {} if source is None else {"source": source})


def latest_figures(target: Target) -> dict[str, str]:
    """The newest known figure of each series in the merged data, as a caller would send them."""
    found = target.client("s3").get_object(Bucket=target.output("DataBucketName"), Key=MERGED_CSV)
    body = found["Body"].read().decode()
    latest: dict[str, str] = {}
    for row in csv.DictReader(io.StringIO(body)):
        latest.update({name: value for name, value in row.items() if value and name != "month"})
    return latest


def dataset_line(dataset: dict[str, Any] | None) -> str:
    """The merged data in a line."""
    if dataset is None:
        return "no merged data yet"
    span = f"{dataset['first_month']} to {dataset['last_month']}"
    return f"{dataset['series']} series, {dataset['vintages']} vintages, {dataset['rows']} months, {span}"


def findings_table(findings: list[dict[str, Any]]) -> Table:
    """What was set aside, where and why: of each file the first finding, and how many more there are."""
    table = Table(title="Set aside")
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
    """What a person should know of the merged data, such as a column that was held back; one line a series."""
    return "\n".join(f"{each['series']}: {each['reason']}" for each in (dataset or {}).get("findings", ()))
