"""`python -m bench.costs_refresh`: a large month of cost data through the refresh, alone and beside history.

Each step runs in a process of its own, as a function does; Athena is the embedded cloud's engine. Reported: seconds,
peak memory, bytes that the query read. Last, the same files read by Python alone, as a function without Athena would.
"""

import argparse
import csv
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bellwether.finops.adapters.glue_tables import GlueTables
from bellwether.finops.adapters.postgres_charges import PostgresCharges
from bellwether.finops.adapters.query_texts import packaged_queries
from bellwether.finops.domain.aggregation import Source
from bellwether.finops.domain.manifests import EXPORTS
from bellwether.finops.usecases.find_deliveries import find_deliveries
from bellwether.finops.usecases.prepare_delivery import PreparedDelivery, prepare_delivery
from bellwether.finops.usecases.store_charges import store_charges
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.ports.objects import ObjectContent, StoredObject
from bench.database import embedded_database

BUCKET, DATABASE = "bench", "bench_costs"
LINES_A_FILE = 250_000
COLUMNS = (
    *("InvoiceId", "BillingAccountId", "SubAccountId", "BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd"),
    *(
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "BilledCost",
        "EffectiveCost",
        "ListCost",
        "BillingCurrency",
    ),
    *("ServiceName", "x_ServiceCode", "x_UsageType", "x_Operation", "RegionId", "ResourceId", "CommitmentDiscountId"),
    *("CommitmentDiscountStatus", "ConsumedQuantity", "Tags"),
)


class Folder:
    """The parts of ObjectStore that the refresh uses, over a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        for path in sorted(self._root.rglob("*")):
            key = path.relative_to(self._root).as_posix()
            if path.is_file() and key.startswith(prefix):
                yield self._entry(key)

    def find(self, key: str) -> StoredObject | None:
        return self._entry(key) if (self._root / key).is_file() else None

    def get(self, key: str) -> ObjectContent:
        if not (self._root / key).is_file():
            raise NotFoundError("no such object", field=key)
        entry = self._entry(key)
        return ObjectContent((self._root / key).read_bytes(), entry.etag, entry.modified_at)

    def start(self, key: str, size_bytes: int) -> bytes:
        with (self._root / key).open("rb") as file:
            return file.read(size_bytes)

    def put(self, key: str, content: bytes, **_: object) -> str:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return self._entry(key).etag

    def _entry(self, key: str) -> StoredObject:
        found = (self._root / key).stat()
        at = datetime.fromtimestamp(found.st_mtime, UTC)
        return StoredObject(key, found.st_size, f"{found.st_size}-{found.st_mtime_ns}", at)


class Tables:
    """LineTables that keep what Glue would be told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ensure(self, source: Source) -> None:
        self._path.write_text(json.dumps(GlueTables(BUCKET).table_input(source)), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Make the data, run the steps, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000, help="line items of a month")
    parser.add_argument("--history", type=int, default=9, help="further months of the same size")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    given, rest = parser.parse_known_args(arguments)
    if given.step:
        STEPS[given.step](*rest)
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-costs-") as folder, embedded_database() as (_, application):
        login = Path(folder, "login.json")
        login.write_text(application.model_dump_json(), encoding="utf-8")
        report: list[dict[str, Any]] = []
        for number in range(given.history + 1):
            _write_month(Path(folder, "bucket"), date(2026, 1 + number, 1), given.lines, seed=number)
            refreshed = _refresh(folder, login)
            if number in (0, given.history):
                report += [{"months": number + 1, **each} for each in refreshed]
        report.append({"months": 1, **_run("python", folder)})
    print(f"{'months':>6} {'step':<10} {'seconds':>8} {'MB':>6}  detail")
    for each in report:
        print(
            f"{each['months']:>6} {each['step']:<10} {each['seconds']:>8.1f} {each['peak_mb']:>6.0f}  {each['detail']}"
        )
    return 0


def _write_month(bucket: Path, month: date, lines: int, seed: int) -> None:
    """FOCUS 1.2, hourly: 4000 resources in 40 accounts, each a daily charge of its own: 112 000 of them."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    period = f"{month:%Y-%m}"
    files: list[str] = []
    for start in range(0, lines, LINES_A_FILE):
        key = f"{EXPORTS}focus/data/BILLING_PERIOD={period}/1/focus-{len(files) + 1:05}.csv.gz"
        path = bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(COLUMNS)
            for number in range(start, min(start + LINES_A_FILE, lines)):
                writer.writerow(_line(month, number, chance))
        files.append(f"s3://{BUCKET}/{key}")
    manifest = {"contentType": "text/csv", "columns": [{"name": name} for name in COLUMNS], "dataFiles": files}
    key = f"{EXPORTS}focus/metadata/BILLING_PERIOD={period}/focus-Manifest.json"
    Folder(bucket).put(key, json.dumps(manifest).encode())


def _line(month: date, number: int, chance: random.Random) -> tuple[str, ...]:
    resource_id = chance.randrange(4000)
    kind, day, hour = resource_id // 20, number % 28 + 1, number // 28 % 24
    cost = f"{chance.random() * 3:.10f}"
    at = f"{month:%Y-%m}-{day:02}T{hour:02}:00:00Z"
    return (
        *(
            "",
            "999999999999",
            f"{resource_id % 40:012}",
            f"{month}T00:00:00Z",
            at,
            at,
            "Usage",
            "",
            "usage by the hour",
        ),
        *(cost, cost, cost, "USD", f"Service {kind % 20}", f"Service{kind % 20}", f"Usage-{kind}", "Run", "us-east-1"),
        *(f"arn:aws:thing:us-east-1::{resource_id:08}", "", "", "1.0", f'{{"CostCenter":"center-{resource_id % 20}"}}'),
    )


def _refresh(folder: str, login: Path) -> list[dict[str, Any]]:
    return [_run("prepare", folder), _run("query", folder), _run("store", folder, str(login))]


def _run(step: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.costs_refresh", "--step", step, *arguments]
    started = time.perf_counter()
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(finished.stdout)
    return {"step": step, "seconds": time.perf_counter() - started, **found}


def _tell(detail: str) -> None:
    print(json.dumps({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "detail": detail}))


# --- steps -----------------------------------------------------------------------------------------------------------


def _prepare(folder: str) -> None:
    store: Any = Folder(Path(folder, "bucket"))
    (place,) = find_deliveries(store, export=None, periods=())
    delivery, query = prepare_delivery(
        store,
        Tables(Path(folder, "table.json")),
        place,
        packaged_queries(),
        bucket=BUCKET,
        database=DATABASE,
        cost_center_tags=["CostCenter"],
    )
    Path(folder, "prepared.json").write_text(delivery.model_dump_json(), encoding="utf-8")
    Path(folder, "query.sql").write_text(query, encoding="utf-8")
    _tell(f"{delivery.files} files, {delivery.bytes / 1e6:.0f} MB")


def _query(folder: str) -> None:
    from localcloud.emulator.athena_engine import answer

    bucket = Path(folder, "bucket")
    table = json.loads(Path(folder, "table.json").read_text(encoding="utf-8"))
    found = answer(
        Path(folder, "query.sql").read_text(encoding="utf-8"),
        lambda _database, name: table if name == table["Name"] else None,
        lambda address: (bucket / address.removeprefix(f"s3://{BUCKET}/")).read_bytes(),
        lambda prefix: [
            f"s3://{BUCKET}/{each.key}" for each in Folder(bucket).entries(prefix.removeprefix(f"s3://{BUCKET}/"))
        ],
    )
    with Path(folder, "bucket", "result.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n")
        writer.writerow(found.columns)
        writer.writerows(found.rows)
    _tell(f"{found.scanned_bytes / 1e6:.0f} MB read, {len(found.rows)} rows")


def _store(folder: str, login: str) -> None:
    database = Database(
        lambda: DatabaseLogin.model_validate_json(Path(login).read_text(encoding="utf-8")), sslmode="prefer"
    )
    store: Any = Folder(Path(folder, "bucket"))
    stored = store_charges(
        PostgresCharges(database),
        store,
        PreparedDelivery.model_validate_json(Path(folder, "prepared.json").read_text(encoding="utf-8")),
        known_at=datetime.now(UTC),
        result_key="result.csv",
        scanned_bytes=0,
        expected={},
    )
    _tell(f"{stored.outcome}, {stored.new} new aggregates")


def _python(folder: str) -> None:
    """The files of the first month added up line by line."""
    sums: dict[tuple[str, ...], list[Decimal]] = {}
    lines = 0
    paths = sorted(Path(folder, "bucket").rglob("BILLING_PERIOD=2026-01/1/*.csv.gz"))
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                lines += 1
                center = json.loads(row["Tags"] or "{}").get("CostCenter", "")
                key = (row["ChargePeriodStart"][:10], row["SubAccountId"], row["x_ServiceCode"], row["x_UsageType"])
                amounts = sums.setdefault((*key, row["RegionId"], center, row["ChargeCategory"]), [Decimal(0)] * 3)
                for at, name in enumerate(("BilledCost", "EffectiveCost", "ListCost")):
                    amounts[at] += Decimal(row[name])
    _tell(f"{lines} lines, {len(sums)} aggregates: the same files without Athena")


STEPS: dict[str, Callable[..., None]] = {"prepare": _prepare, "query": _query, "store": _store, "python": _python}


if __name__ == "__main__":
    sys.exit(main())
