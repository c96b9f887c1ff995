"""Tables over the files of cost exports."""

from typing import Protocol

from bellwether.finops.domain.aggregation import Source


class LineTables(Protocol):
    """The catalogue that Athena reads."""

    def ensure(self, source: Source) -> None:
        """Create the table of the source unless it exists; TransientUpstreamError or UpstreamError when that fails."""
