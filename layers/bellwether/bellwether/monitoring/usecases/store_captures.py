"""Put queued records where they can be read by model and day."""

from collections.abc import Iterable

from bellwether.models.domain.capture import CaptureRecord
from bellwether.models.ports.captures import CaptureStore


def store_captures(records: Iterable[CaptureRecord], *, captures: CaptureStore) -> int:
    """Keep records; the same ones again change nothing. Tells how many."""
    return captures.put(records)
