"""Capture records of predictions."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from bellwether.models.domain.capture import CaptureRecord


class CaptureQueue(Protocol):
    """The way that records take out of the request."""

    def send(self, records: Iterable[CaptureRecord]) -> None:
        """Hand records over; raises TransientUpstreamError when the queue does not take them."""


class CaptureLog(Protocol):
    """Records of predictions, to be read."""

    def read(self, model: str, *, since: datetime, until: datetime) -> Iterator[CaptureRecord]:
        """Records received from `since` up to, but without, `until`; each natural key once."""


class CaptureStore(CaptureLog, Protocol):
    """The same, to be written."""

    def put(self, records: Iterable[CaptureRecord]) -> int:
        """Keep records in their model's and day's partition; the same batch again changes nothing. Tells how many."""
