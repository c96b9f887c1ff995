"""The training channel: `spend.csv` and `manifest.json`, checked against each other.

`spend.csv`: UTF-8, header `day,account,service,cost_center,amount`, one row a day and series with spend, in any order;
an absent day is zero from a series' first day on. Only final days, one currency. `manifest.json`:

    {"schema_version": 1, "dataset": "cost", "sha256": "<of spend.csv>", "rows": 18000, "first_day": "2026-01-01",
     "last_day": "2026-08-28", "metric": "effective", "currency": "USD"}
"""

import csv
import io
import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ..channel import MANIFEST_FILE, read_channel
from ..errors import InvalidDatasetError

DATA_FILE = "spend.csv"
HEADER = ["day", "account", "service", "cost_center", "amount"]
Key = tuple[str, str, str]  # account, service, cost center


@dataclass(frozen=True)
class Series:
    """Amounts a day; all series of a dataset end on the same day."""

    key: Key
    amounts: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """Series of one currency up to `last_day`."""

    series: tuple[Series, ...]
    first_day: date
    last_day: date
    currency: str
    metric: str
    rows: int
    sha256: str


def read_dataset(folder: Path) -> Dataset:
    """Read and check the training channel; raises InvalidDatasetError that names file and place."""
    channel = read_channel(folder, DATA_FILE)
    said = channel.manifest
    try:
        first, last = (date.fromisoformat(str(said[name])) for name in ("first_day", "last_day"))
        currency, metric, rows = str(said["currency"]), str(said["metric"]), int(said["rows"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidDatasetError(f"{MANIFEST_FILE} has no usable {error}") from error
    found = parse(channel.text, first, last)
    if len(found) != rows:
        raise InvalidDatasetError(f"{DATA_FILE} has {len(found)} rows, the manifest says {rows}")
    days: dict[Key, dict[date, float]] = defaultdict(dict)
    for line, (day, key, amount) in enumerate(found, start=2):
        if day in days[key]:
            raise InvalidDatasetError(f"{DATA_FILE}:{line}: {day} of {', '.join(key)} occurs twice")
        days[key][day] = amount
    return Dataset(
        tuple(_series(key, amounts, last) for key, amounts in sorted(days.items())),
        first,
        last,
        currency,
        metric,
        rows,
        channel.sha256,
    )


def parse(text: str, first: date, last: date) -> list[tuple[date, Key, float]]:
    """Read the rows; raises InvalidDatasetError with file and line."""
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or rows[0] != HEADER:
        raise InvalidDatasetError(f"{DATA_FILE}:1: the header has to be {','.join(HEADER)}")
    found = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            day, account, service, cost_center, amount = row
            made = (date.fromisoformat(day), (account, service, cost_center), float(amount))
        except ValueError as error:
            raise InvalidDatasetError(f"{DATA_FILE}:{line}: {error}") from error
        if not first <= made[0] <= last or not math.isfinite(made[2]) or made[2] < 0:
            raise InvalidDatasetError(f"{DATA_FILE}:{line}: day or amount is out of range")
        found.append(made)
    return found


def _series(key: Key, amounts: dict[date, float], last: date) -> Series:
    first = min(amounts)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return Series(key, tuple(amounts.get(day, 0.0) for day in days))
