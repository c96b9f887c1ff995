"""How a report becomes a page."""

from typing import Protocol

from bellwether.monitoring.domain.monitor_report import MonitorReport


class MonitorPages(Protocol):
    """Pages for people."""

    def render(self, report: MonitorReport) -> bytes:
        """A report as one HTML file that needs nothing else."""
