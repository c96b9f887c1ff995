"""Since when the tape runs; kept in a file, so that a restart of the server changes nothing that was told before."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock


@dataclass(frozen=True, slots=True)
class Start:
    """When the tape began, and how often it was begun: each edition tells its stories under ids of their own."""

    at: datetime
    edition: int


def utc_now() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


class ReplayClock:
    """`begin` says when a tape has to have begun for its interesting part to begin at an instant."""

    def __init__(
        self, path: Path, begin: Callable[[datetime], datetime], *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._path = path
        self._begin = begin
        self._lock = Lock()
        self.now = now
        self._start = self._kept() or self._started(1)

    @property
    def start(self) -> Start:
        """The present edition."""
        return self._start

    def rewind(self) -> Start:
        """Begin a new edition now."""
        with self._lock:
            self._start = self._started(self._start.edition + 1)
            return self._start

    def _kept(self) -> Start | None:
        try:
            kept = json.loads(self._path.read_bytes())
            return Start(datetime.fromisoformat(kept["at"]), int(kept["edition"]))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _started(self, edition: int) -> Start:
        start = Start(self._begin(self.now()), edition)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"at": start.at.isoformat(), "edition": start.edition}))
        temporary.replace(self._path)
        return start
