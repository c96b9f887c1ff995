"""Where output goes: a file for a person at this machine, CloudWatch Logs for everybody else."""

import contextlib
import logging
import queue
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.sagemaker.clients import logs_client
from localcloud.sagemaker.configuration import Configuration

logger = logging.getLogger(__name__)

_BATCH_SECONDS = 0.5
_BATCH_LINES = 1000
_LINE_CHARACTERS = 8000
type _Line = tuple[str, str, int, str]


class CloudWatchLogs:
    """Sends lines to CloudWatch Logs when it can: a lost line is no failure, the file has it."""

    def __init__(self, configuration: Configuration) -> None:
        self._client = logs_client(configuration.events_url, configuration.region)
        self._lines: queue.Queue[_Line | None] = queue.Queue(maxsize=100_000)
        self._known: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="cloudwatch-logs", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """Send what is waiting, if that is possible quickly."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(grace_seconds)

    def send(self, group: str, stream: str, line: str) -> None:
        """Queue one line."""
        if line:
            try:
                self._lines.put_nowait((group, stream, int(time.time() * 1000), line[:_LINE_CHARACTERS]))
            except queue.Full:
                logger.debug("log line dropped: %s", group)

    def _run(self) -> None:
        while True:
            batch: list[_Line] = []
            first = self._lines.get()
            if first is None:
                return
            batch.append(first)
            ends = False
            deadline = time.monotonic() + _BATCH_SECONDS
            while len(batch) < _BATCH_LINES and not ends:
                try:
                    item = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    break
                if item is None:
                    ends = True
                else:
                    batch.append(item)
            self._send(batch)
            if ends:
                return

    def _send(self, batch: list[_Line]) -> None:
        streams: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        for group, stream, moment, line in batch:
            streams[(group, stream)].append((moment, line))
        for (group, stream), lines in streams.items():
            try:
                self._ensure(group, stream)
                self._client.put_log_events(
                    logGroupName=group,
                    logStreamName=stream,
                    logEvents=[{"timestamp": moment, "message": line} for moment, line in lines],
                )
            except (BotoCoreError, ClientError) as error:
                logger.debug("log lines not sent: %s: %s", group, error)

    def _ensure(self, group: str, stream: str) -> None:
        if (group, stream) in self._known:
            return
        there = self._client.exceptions.ResourceAlreadyExistsException
        with contextlib.suppress(there):
            self._client.create_log_group(logGroupName=group)
        with contextlib.suppress(there):
            self._client.create_log_stream(logGroupName=group, logStreamName=stream)
        self._known.add((group, stream))


class LogSink:
    """Output of one job or one endpoint, appended to its file and sent to its log stream."""

    def __init__(self, path: Path, cloudwatch: CloudWatchLogs, group: str, stream: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._cloudwatch = cloudwatch
        self._group = group
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, line: str) -> None:
        """Keep one line, without its line end."""
        with self._lock:
            if not self._file.closed:
                self._file.write(f"{line}\n")
                self._file.flush()
        self._cloudwatch.send(self._group, self._stream, line)

    def close(self) -> None:
        """No more lines."""
        with self._lock:
            self._file.close()
