"""Outlooks in memory."""

from collections.abc import Sequence
from datetime import date, datetime

from bellwether.finops.domain.anomalies import Mute
from bellwether.finops.domain.budgets import Envelope
from bellwether.finops.domain.outlook import Alert, MonthForecast, Outlook
from bellwether.finops.domain.spend_forecast import Level


class InMemoryOutlooks:
    """OutlookStore with envelopes and mutes that a test sets."""

    def __init__(self, envelopes: Sequence[Envelope] = (), mutes: Sequence[Mute] = ()) -> None:
        self.kept: list[Outlook] = []
        self._envelopes, self._mutes = envelopes, mutes
        self._first: dict[str, Outlook] = {}

    def envelopes(self, month: date) -> Sequence[Envelope]:
        return [each for each in self._envelopes if each.month == month]

    def mutes(self, day: date) -> Sequence[Mute]:
        return [mute for mute in self._mutes if mute.until >= day]

    def month_forecasts(self, before: date) -> Sequence[MonthForecast]:
        return [
            MonthForecast(
                outlook.known_at,
                outlook.metric,
                line.level,
                line.key.cost_center,
                line.key.currency,
                line.first_day,
                *(line.mean, line.lower_80, line.upper_80, line.lower_95, line.upper_95, line.naive, line.too_small),
            )
            for outlook in self.kept
            for line in outlook.lines
            if line.level in (Level.TOTAL, Level.COST_CENTER) and line.first_day < line.last_day < before
        ]

    def set_envelope(self, envelope: Envelope, *, every_month: bool, by: str, at: datetime) -> None:
        self._envelopes = [*self._envelopes, envelope]

    def mute(self, mute: Mute, reason: str, by: str, at: datetime) -> None:
        self._mutes = [*self._mutes, mute]

    def keep(self, outlook: Outlook) -> Sequence[Alert]:
        self.kept.append(outlook)
        return [
            alert
            for alert in outlook.alerts
            if self._first.setdefault(alert.subject, outlook).known_at == outlook.known_at
        ]
