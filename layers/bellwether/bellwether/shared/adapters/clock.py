"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """Clock over the operating system's time."""

    def now(self) -> datetime:
        """The present instant, UTC and aware."""
        return datetime.now(UTC)
