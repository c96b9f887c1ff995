"""Probes: what a context asks the watchdog to check in the database, and what the answers mean. Pure.

Each context lists its own in `<context>/adapters/probes.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bellwether.shared.domain.clock_skew import is_future

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. Findings with the same key belong to one incident."""

    incident_key: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """One run of the watchdog. `watched_since` is when the database came into use: nothing was late before."""

    now: datetime
    watched_since: datetime
    failures_since: datetime


class Probe(Protocol):
    """A query, which may use `%(failures_since)s`, and what its rows mean."""

    @property
    def key(self) -> str:
        """Key of its incident."""

    @property
    def query(self) -> str:
        """Reads few rows, by an index where the table grows."""

    def find(self, rows: Sequence[Row], check: Check) -> Iterator[Finding]:
        """What is wrong by these rows."""


def elapsed(start: datetime, end: datetime) -> timedelta:
    """Wall-clock time between two instants."""
    return end - start


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """New rows have to arrive in `table`. The query gives `newest`, or no row when nothing is expected."""

    table: str
    what: str  # what is wrong when nothing arrives: "no feed was read"
    limit: timedelta
    query: str
    age: Callable[[datetime, datetime], timedelta] = elapsed

    @property
    def key(self) -> str:
        return f"stale:{self.table}"

    def find(self, rows: Sequence[Row], check: Check) -> Iterator[Finding]:
        for row in rows:
            newest: datetime | None = row["newest"]
            if newest and is_future(newest, check.now):
                yield Finding(
                    self.key,
                    f"{self.table} has an entry dated in the future",
                    f"{self.table}: the newest entry is dated {newest.isoformat()}, "
                    f"but the time is {check.now.isoformat()}. "
                    "A clock is or was wrong. The watchdog can't check whether new entries arrive.",
                )
                continue
            age = self.age(newest or check.watched_since, check.now)
            if age > self.limit:
                yield Finding(
                    self.key,
                    f"{self.table} is stale: {self.what} for {duration_text(age)}",
                    f"{self.table}: {self.what} for {duration_text(age)} (limit {duration_text(self.limit)}). "
                    f"Newest entry: {newest.isoformat() if newest else 'none'}.",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Work that ends in `table` has to be done in time. The query gives `oldest` and `waiting` in one row."""

    table: str
    what: str  # what is wrong when it waits: "the oldest story waits to be classified"
    limit: timedelta
    query: str

    @property
    def key(self) -> str:
        return f"backlog:{self.table}"

    def find(self, rows: Sequence[Row], check: Check) -> Iterator[Finding]:
        for row in rows:
            age = check.now - row["oldest"] if row["oldest"] else timedelta(0)
            if age > self.limit:
                yield Finding(
                    self.key,
                    f"Backlog: {self.what}, for {duration_text(age)}",
                    f"{row['waiting']} items wait to enter {self.table}: {self.what}, for {duration_text(age)} "
                    f"(limit {duration_text(self.limit)}).",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Every row of the query is a failure. `subject` and `message` are formatted with its columns and `window`."""

    key: str
    subject: str
    message: str
    query: str

    def find(self, rows: Sequence[Row], check: Check) -> Iterator[Finding]:
        window = duration_text(check.now - check.failures_since)
        for row in rows:
            yield Finding(
                self.key, self.subject.format(**row, window=window), self.message.format(**row, window=window)
            )


def duration_text(span: timedelta) -> str:
    """A duration for people, in the unit that fits."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
