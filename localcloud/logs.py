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


@dataclass(frozen=True)
class _Function:
    """A deployed function. Its name may be cut short by CloudFormation, its log group's isn't."""

    name: str
    log_group: str

    @property
    def short_name(self) -> str:
        return self.log_group.rsplit("/", 1)[-1]

    @property
    def known_as(self) -> str:
        return f"{self.name} {self.log_group}"


class Source(Protocol):
    """Where lines come from."""

    def last(self, count: int) -> list[str]: ...

    def new(self) -> list[str]:
        """Lines that came since the last call of `last` or `new`."""


@dataclass(frozen=True)
class Logs:
    """The lines of one service or function."""

    name: str
    source: Source

    @classmethod
    def find(cls, home: Home, name: str, endpoints: Callable[[], Endpoints]) -> "Logs":
        """By the name of a service, of a SageMaker job or endpoint, or of a function (or part of that).

        `ingest_series` and `IngestSeriesFunction` are the same function.
        """
        services = {path.stem: path for path in sorted(home.logs.glob("*.log"))}
        files = {path.stem: path for path in home.sagemaker.glob("logs/*/*.log")} | services
        if name in files:
            return cls(name, _LogFile(files[name]))
        running = endpoints()
        functions = _functions(running)
        found = _named(name, functions)
        if len(found) != 1:
            several = ", ".join(function.short_name for function in found)
            known = ", ".join([*services, *(function.short_name for function in functions)]) or "none yet"
            what = f"could be {several} of" if found else "is not one of"
            raise CloudError(f"{name!r} {what} the services and functions: {known}")
        return cls(found[0].name, _LogGroup(running.client("logs"), found[0].log_group))

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
    def __init__(self, logs: Any, group: str) -> None:
        self._logs = logs
        self._group = group
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


def _named(name: str, functions: list[_Function]) -> list[_Function]:
    """Those that are called so; when there are none, those whose name has it as a part."""
    for wanted in filter(None, (_plain(name), _plain(name).removesuffix("function"))):
        exact = [function for function in functions if _plain(function.short_name) == wanted]
        found = exact or [function for function in functions if wanted in _plain(function.known_as)]
        if found:
            return found
    return []


def _functions(endpoints: Endpoints) -> list[_Function]:
    pages = endpoints.client("lambda").get_paginator("list_functions").paginate()
    return sorted(
        (
            _Function(name, function.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}")
            for page in pages
            for function in page["Functions"]
            if (name := str(function["FunctionName"]))
        ),
        key=lambda function: function.log_group,
    )


def _plain(name: str) -> str:
    """`ingest_series`, `ingest-series` and `IngestSeries` are the same name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
