"""Storage that the watchdog reads and writes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from bellwether.operations.domain.incidents import Incident
from bellwether.shared.domain.probes import Probe, Row


class IncidentStore(Protocol):
    """The watchdog's database. All other methods are called inside `transaction`."""

    def transaction(self) -> AbstractContextManager[None]:
        """Lock out other runs of the watchdog; commit everything at the end, or nothing."""

    def watched_since(self) -> datetime:
        """When the database came into use."""

    def rows(self, probe: Probe, *, failures_since: datetime) -> Sequence[Row]:
        """Rows of the probe's query. Raises BellwetherError; the transaction stays usable."""

    def incidents(self) -> tuple[Incident, ...]:
        """Open incidents, and closed ones whose all-clear is not confirmed yet."""

    def save(self, incidents: Sequence[Incident]) -> None:
        """Insert new incidents and update known ones."""
