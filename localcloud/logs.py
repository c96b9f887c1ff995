"""Logs: of a service from its file, of a function from where CloudWatch would have them."""

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from localcloud.endpoints import Endpoints
from localcloud.errors import CloudError
from localcloud.home import Home

_POLL_SECONDS = 0.5
_PAGE_MILLISECONDS = 24 * 3600 * 1000


class Source(Protocol):
    """Where lines come from."""

    def last(self, count: int) -> list[str]: ...

    def new(self) -> list[str]:
        """Lines that came since the last call of `last` or `new`."""
        ...


@dataclass(frozen=True)
class Logs:
    """The lines of one service or function."""

    name: str
    source: Source

    @classmethod
    def find(cls, home: Home, name: str, endpoints: Callable[[], Endpoints]) -> "Logs":
        """By a service's name, or a function's (`ingest_series`, `IngestSeriesFunction`, or part of it)."""
        services = {path.stem: path for path in sorted(home.logs.glob("*.log"))}
        if name in services:
            return cls(name, _LogFile(services[name]))
        client = endpoints()
        functions = _functions(client)
        wanted = _plain(name)
        exact = [function for function in functions if wanted and wanted in _plain(function)]
        if len(exact) != 1:
            what = "is not one of" if not exact else f"could be {', '.join(exact)}; there are"
            known = ", ".join([*services, *functions]) or "none yet"
            raise CloudError(f"{name!r} {what} the services and functions: {known}")
        return cls(exact[0], _LogGroup(client.client("logs"), client.client("lambda"), exact[0]))

    def last(self, count: int) -> list[str]:
        return self.source.last(count)

    def follow(self, count: int) -> Iterator[str]:
        """The last lines, then each new one as it comes, without end."""
        yield from self.source.last(count)
        while True:
            yield from self.source.new()
            time.sleep(_POLL_SECONDS)


class _LogFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0

    def last(self, count: int) -> list[str]:
        with self._path.open(errors="replace") as file:
            lines = deque(file, maxlen=count)
            self._read_to = file.tell()
        return [line.rstrip("\n") for line in lines]

    def new(self) -> list[str]:
        with self._path.open(errors="replace") as file:
            file.seek(self._read_to)
            lines = file.readlines()
            self._read_to = file.tell()
        return [line.rstrip("\n") for line in lines]


class _LogGroup:
    def __init__(self, logs: Any, functions: Any, function: str) -> None:
        self._logs = logs
        configuration = functions.get_function_configuration(FunctionName=function)
        self._group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
        self._since = int(time.time() * 1000) - _PAGE_MILLISECONDS
        self._seen: Counter[tuple[str, int, str]] = Counter()

    def last(self, count: int) -> list[str]:
        return self.new()[-count:] if count else []

    def new(self) -> list[str]:
        found: Counter[tuple[str, int, str]] = Counter()
        lines = []
        for event in self._events():
            key = event["logStreamName"], event["timestamp"], event["message"]
            found[key] += 1
            if found[key] > self._seen[key]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, tz=UTC)
                lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ} {event['message'].rstrip()}")
        self._seen |= found
        return lines

    def _events(self) -> Iterator[dict[str, Any]]:
        pages = self._logs.get_paginator("filter_log_events")
        try:
            for page in pages.paginate(logGroupName=self._group, startTime=self._since):
                yield from page["events"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def _functions(endpoints: Endpoints) -> list[str]:
    pages = endpoints.client("lambda").get_paginator("list_functions").paginate()
    return sorted(function["FunctionName"] for page in pages for function in page["Functions"])


def _plain(name: str) -> str:
    """`ingest_series`, `ingest-series` and `IngestSeries` are the same name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
