"""What the watchdog looks at."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from bellwether.operations.domain.watch import Incident, Sighting


class Watchtower(Protocol):
    """What the watchdog sees and keeps. All but `transaction` is called inside of it."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keeps other watchdogs out; what is saved in it holds altogether or not at all."""

    def look(self, *, failures_since: datetime) -> Sighting:
        """How old, how far behind, how broken everything is."""

    def incidents(self) -> tuple[Incident, ...]:
        """Those that are open, or whose end nobody was told."""

    def save(self, incidents: Sequence[Incident]) -> None:
        """Keep new ones, and changes of those that are there."""
