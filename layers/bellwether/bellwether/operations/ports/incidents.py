"""What the watchdog reads and keeps."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from bellwether.operations.domain.incidents import Incident
from bellwether.shared.domain.probes import Probe, Row


class IncidentStore(Protocol):
    """The database as the watchdog sees it. Everything but `transaction` is called inside of it."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keeps other watchdogs out; everything that is saved in it is kept, or nothing."""

    def watched_since(self) -> datetime:
        """When the database came into use."""

    def rows(self, probe: Probe, *, failures_since: datetime) -> Sequence[Row]:
        """What the probe's query gives."""

    def incidents(self) -> tuple[Incident, ...]:
        """Those that are open, and those whose end people have not been told."""

    def save(self, incidents: Sequence[Incident]) -> None:
        """Insert new ones and update those that are there."""
