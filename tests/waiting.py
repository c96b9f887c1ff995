"""Wait until another process reaches a state.

The limit is far beyond what an idle machine takes: a busy machine is slow, not wrong.
"""

import time
from collections.abc import Callable

LIMIT_SECONDS = 180.0


def wait_for[T](look: Callable[[], T | None], what: str, *, pause_seconds: float = 0.05) -> T:
    """Return the first value of `look` that is true; AssertionError with the last one when the limit passes."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (value := look()):
        assert time.monotonic() < deadline, f"not within {LIMIT_SECONDS:g} s: {what}; last seen: {value!r}"
        time.sleep(pause_seconds)
    return value
