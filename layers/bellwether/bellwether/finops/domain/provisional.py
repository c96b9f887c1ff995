"""Which days of spend can still change."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

LATE_DAYS = 3  # AWS completes a day within about this time
SETTLING_DAYS = 14  # a closed month can change for two weeks


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """The newest delivery of a billing period as known at a time."""

    period: date  # first day of the month
    delivery_id: str
    known_at: datetime
    line_items: int
    not_invoiced: int  # line items without an invoice id

    @property
    def invoiced(self) -> bool:
        """Whether each line item has an invoice id."""
        return self.line_items > 0 and self.not_invoiced == 0


def is_provisional(day: date, known_at: datetime, state: DeliveryState | None) -> bool:
    """Whether the amount of a day can still change. `state`: the newest delivery of the day's month."""
    if day > known_at.date() - timedelta(days=LATE_DAYS):
        return True
    following = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    if known_at.date() < following:
        return False  # the month is open and the day is complete
    if state is not None and state.invoiced:
        return False
    return known_at.date() < following + timedelta(days=SETTLING_DAYS)
