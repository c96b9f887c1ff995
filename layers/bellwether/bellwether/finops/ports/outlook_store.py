"""Forecasts, budgets and anomalies as they were found."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from bellwether.finops.domain.anomalies import Mute
from bellwether.finops.domain.budgets import Envelope
from bellwether.finops.domain.outlook import Alert, MonthForecast, Outlook


class OutlookStore(Protocol):
    """Methods raise TransientUpstreamError or UpstreamError when the store fails."""

    def envelopes(self, month: date) -> Sequence[Envelope]:
        """Envelopes of a month, by cost center; one of the month itself goes before the one of every month."""

    def mutes(self, day: date) -> Sequence[Mute]:
        """What people do not want to be notified of on a day."""

    def month_forecasts(self, before: date) -> Sequence[MonthForecast]:
        """Forecasts of months that ended before a day, of the total and of cost centers, as they were made."""

    def set_envelope(self, envelope: Envelope, *, every_month: bool, by: str, at: datetime) -> None:
        """Add an envelope; it replaces the one of the same cost center, month and currency."""

    def mute(self, mute: Mute, reason: str, by: str, at: datetime) -> None:
        """Add a mute."""

    def keep(self, outlook: Outlook) -> Sequence[Alert]:
        """Store an outlook whole or not at all; return the alerts whose subject was not notified before.

        The same outlook again changes nothing and returns the same alerts.
        """
