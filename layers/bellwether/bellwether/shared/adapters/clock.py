"""The machine's clock."""

import random
import time
from datetime import UTC, datetime


class SystemClock:
    """Clock over the operating system's time."""

    def now(self) -> datetime:
        """The present instant, UTC and aware."""
        return datetime.now(UTC)


def pause_before_retry(attempt: int) -> None:
    """Sleep for a random time (at most 5 s) that grows with the attempts, so that writers stop colliding."""
    time.sleep(random.uniform(0, min(0.1 * 2**attempt, 5)))  # noqa: S311 - no secret
