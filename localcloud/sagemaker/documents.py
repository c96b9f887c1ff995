"""Documents: what the SageMaker API takes and gives, as JSON. Times are seconds since 1970 (UTC), as on the wire.

Fields that begin with an underscore are ours and never leave the server.
"""

import time
from datetime import UTC, datetime
from typing import Any

type Document = dict[str, Any]


def now() -> float:
    """Seconds since 1970, to the millisecond: the precision AWS answers with."""
    return round(time.time(), 3)


def public(document: Document) -> Document:
    """The document without what is ours and without empty fields."""
    return {key: value for key, value in document.items() if not key.startswith("_") and value is not None}


def to_milliseconds(value: float) -> int:
    """Seconds since 1970 as whole milliseconds, the form of most event details."""
    return round(value * 1000)


def to_iso(value: float) -> str:
    """Seconds since 1970 as `2021-02-24T17:00:14.123Z`."""
    return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_times(value: Any, convert: Any) -> Any:
    """The same structure with every field named `…Time` (or `Timestamp`) converted."""
    if isinstance(value, dict):
        return {
            key: convert(item)
            if isinstance(item, int | float) and not isinstance(item, bool) and key.endswith(("Time", "Timestamp"))
            else with_times(item, convert)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_times(item, convert) for item in value]
    return value
