"""Charges as they were known at any time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from bellwether.finops.domain.charges import Charge


class ChargeStore(Protocol):
    """Bitemporal daily charges. Methods raise TransientUpstreamError or UpstreamError when the store fails."""

    def as_known_at(self, known_at: datetime, first_day: date, last_day: date) -> Sequence[Charge]:
        """Charges of the days from `first_day` to `last_day` as of `known_at`, by key; vanished ones are left out."""
