"""Actual values of what was predicted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from bellwether.models.domain.capture import Actual


class Actuals(Protocol):
    """What came true, to be read."""

    def read(self, model: str, *, since: datetime) -> Mapping[str, Actual]:
        """The newest actual of each join key among those observed from `since` on."""


class ActualsStore(Actuals, Protocol):
    """The same, to be written."""

    def put(self, actuals: Iterable[Actual]) -> int:
        """Keep actuals in their model's and day's partition; the same ones again change nothing. Tells how many."""
