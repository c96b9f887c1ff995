"""Capture records of predictions."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from bellwether.models.domain.capture import CaptureRecord


class CaptureQueue(Protocol):
    """Queue between prediction and storage."""

    def send(self, records: Iterable[CaptureRecord]) -> None:
        """Send records; raises TransientUpstreamError when the queue does not accept them."""


class CaptureLog(Protocol):
    """Read capture records."""

    def read(self, model: str, *, since: datetime, until: datetime) -> Iterator[CaptureRecord]:
        """Records received from `since` up to, but without, `until`; each natural key once."""


class CaptureStore(CaptureLog, Protocol):
    """Read and write capture records."""

    def put(self, records: Iterable[CaptureRecord]) -> int:
        """Store records in the partition of model and day, idempotently; returns their number."""
