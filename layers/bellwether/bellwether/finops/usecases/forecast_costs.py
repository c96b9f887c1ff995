"""Forecast costs from what is known now, and say what is about to go wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from bellwether.finops.domain import anomalies as anomaly
from bellwether.finops.domain.budgets import BudgetStatus, Envelope, budget_status
from bellwether.finops.domain.charges import Charge, ChargeCategory
from bellwether.finops.domain.outlook import Alert, ForecastLine, Outlook, anomaly_alert, budget_alert, forecast_lines
from bellwether.finops.domain.spend_forecast import Level, SpendForecast, forecast_spend
from bellwether.finops.domain.spend_policy import SpendPolicy
from bellwether.finops.domain.spend_series import Metric, usage_series, utc_day
from bellwether.finops.ports.charge_store import ChargeStore
from bellwether.finops.ports.outlook_store import OutlookStore
from bellwether.shared.domain.errors import NotFoundError

HISTORY_DAYS = 400
ANOMALY_USD_MIN = 5.0
RECENT_DAYS = 14  # anomalies that ended earlier are not notified


@dataclass(frozen=True, slots=True)
class Forecasted:
    """An outlook that is stored; `alerts` have not been sent before."""

    outlook: Outlook
    alerts: Sequence[Alert]
    without_spend: Sequence[str]  # cost centers with an envelope and no spend

    @property
    def report(self) -> dict[str, Any]:
        """Return what the log and the state machine need: months of the total, counts, alerts to send."""
        lines = self.outlook.lines
        return {
            "known_at": self.outlook.known_at.isoformat(),
            "metric": self.outlook.metric,
            "months": [_month_report(line) for line in lines if line.level is Level.TOTAL and line.is_month],
            "budgets": len(self.outlook.budgets),
            "without_spend": list(self.without_spend),
            "anomalies": len(self.outlook.anomalies),
            "alerts": [{"title": alert.title, "message": alert.message} for alert in self.alerts],
        }


def _month_report(line: ForecastLine) -> dict[str, Any]:
    return {
        "month": f"{line.first_day:%Y-%m}",
        "currency": line.key.currency,
        "mean": round(line.mean, 2),
        "interval_80": [round(line.lower_80, 2), round(line.upper_80, 2)],
        "interval_95": [round(line.lower_95, 2), round(line.upper_95, 2)],
    }


def forecast_costs(
    charges: ChargeStore, outlooks: OutlookStore, known_at: datetime, policy: SpendPolicy | None = None
) -> Forecasted:
    """Forecast usage at effective cost by all levels; find anomalies on final days; check every envelope.

    Raises NotFoundError when no cost data is known at that time.
    """
    chosen = policy or SpendPolicy()
    today = utc_day(known_at)
    known = charges.as_known_at(known_at, today - timedelta(days=HISTORY_DAYS), today)
    series = usage_series(known, known_at, Metric.EFFECTIVE, chosen.provisional_days)
    if not series:
        raise NotFoundError(
            "no cost data is known yet: switch a cost export on, then run the state machine refresh_costs",
            field="charges",
        )
    forecast = forecast_spend(series, known_at, chosen)
    found = anomaly.find_anomalies(
        anomaly.series_by_usage_type(known, forecast.last_final_day), usd_min=ANOMALY_USD_MIN
    )
    budgets, without_spend = _budgets(outlooks.envelopes(today.replace(day=1)), forecast, known)
    muted = outlooks.mutes(today)
    recent = [
        each
        for each in found
        if each.last_day >= today - timedelta(days=RECENT_DAYS) and not any(mute.covers(each, today) for mute in muted)
    ]
    alerts = [*map(budget_alert, filter(lambda each: each.is_likely_to_exceed, budgets)), *map(anomaly_alert, recent)]
    outlook = Outlook(
        known_at,
        Metric.EFFECTIVE.value,
        tuple(forecast_lines(forecast, chosen.floor_a_day)),
        tuple(budgets),
        tuple(found),
        tuple(alerts),
    )
    return Forecasted(outlook, outlooks.keep(outlook), without_spend)


def _budgets(
    envelopes: Sequence[Envelope], forecast: SpendForecast, known: Sequence[Charge]
) -> tuple[list[BudgetStatus], list[str]]:
    nodes = {(node.key.cost_center, node.key.currency): node for node in forecast.of(Level.COST_CENTER)}
    statuses, without_spend = [], []
    for envelope in envelopes:
        node = nodes.get((envelope.cost_center, envelope.currency))
        if node is None:
            without_spend.append(envelope.cost_center)
            continue
        credits = _credits(known, envelope) if envelope.counts_credits else 0.0
        statuses.append(budget_status(envelope, forecast, forecast.month(node, envelope.month), credits))
    return statuses, without_spend


def _credits(known: Sequence[Charge], envelope: Envelope) -> float:
    """Credits of the envelope's month and cost center that are booked, a negative amount."""
    return sum(
        float(charge.effective)
        for charge in known
        if charge.key.category is ChargeCategory.CREDIT
        and charge.key.cost_center == envelope.cost_center
        and charge.key.currency == envelope.currency
        and _month(charge.key.day) == envelope.month
    )


def _month(day: date) -> date:
    return day.replace(day=1)
