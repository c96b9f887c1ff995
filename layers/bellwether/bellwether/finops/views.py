"""Spend as it is in the database, for pages and reports."""

from collections.abc import Sequence
from datetime import date, datetime

from psycopg import Connection
from psycopg.rows import TupleRow

from bellwether.finops.adapters.postgres_charges import CHARGES_AS_KNOWN, DELIVERIES_AS_KNOWN, charges_of
from bellwether.finops.domain.charges import Charge
from bellwether.finops.domain.cost_summary import MonthSummary, summarize
from bellwether.finops.domain.provisional import DeliveryState


class CostViews:
    """Reads the cost tables over one connection; raises psycopg.Error."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection

    def charges(self, known_at: datetime, first_day: date, last_day: date) -> Sequence[Charge]:
        """Daily charges as of a time."""
        parameters = {"first_day": first_day, "last_day": last_day, "known_at": known_at}
        return charges_of(self._connection.execute(CHARGES_AS_KNOWN, parameters, binary=True).fetchall())

    def deliveries(self, known_at: datetime) -> Sequence[DeliveryState]:
        """The newest loaded delivery of each billing period as of a time."""
        return [DeliveryState(*row) for row in self._connection.execute(DELIVERIES_AS_KNOWN, (known_at,)).fetchall()]

    def month(self, first_day: date, last_day: date, known_at: datetime) -> MonthSummary:
        """A month's summary as of a time."""
        return summarize(first_day, known_at, self.charges(known_at, first_day, last_day), self.deliveries(known_at))
