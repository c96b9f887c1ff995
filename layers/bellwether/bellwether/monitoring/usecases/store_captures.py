"""Store queued capture records by model and day."""

from collections.abc import Iterable

from bellwether.models.domain.capture import CaptureRecord
from bellwether.models.ports.captures import CaptureStore


def store_captures(records: Iterable[CaptureRecord], *, captures: CaptureStore) -> int:
    """Store records idempotently; returns their number."""
    return captures.put(records)
