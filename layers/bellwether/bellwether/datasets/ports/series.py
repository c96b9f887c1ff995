"""Where macro series come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Download:
    """A CSV file as a source gave it; `known_on` where the source tells on which day its figures were known."""

    file_name: str
    content: bytes
    known_on: date | None = None


class SeriesSource(Protocol):
    """Where series can be fetched by name."""

    def downloads(self, series: str) -> Iterator[Download]:
        """One file, or one a vintage, oldest first. Raises NotFoundError for an unknown series, TransientUpstreamError
        after some attempts, UpstreamError when the source refuses."""
