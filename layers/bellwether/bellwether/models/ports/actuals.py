"""Actual values of what was predicted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from bellwether.models.domain.capture import Actual


class Actuals(Protocol):
    """Read actuals."""

    def read(self, model: str, *, since: datetime) -> Mapping[str, Actual]:
        """The newest actual of each join key among those observed from `since` on."""


class ActualsStore(Actuals, Protocol):
    """Read and write actuals."""

    def put(self, actuals: Iterable[Actual]) -> int:
        """Store actuals in the partition of model and day, idempotently; returns their number."""
