"""What is kept of a forecast: days and months with intervals, budgets, anomalies, and the alerts they raise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bellwether.finops.domain.anomalies import Anomaly
from bellwether.finops.domain.budgets import BudgetStatus
from bellwether.finops.domain.spend_forecast import Level, Node, SpendForecast, Total, month_end
from bellwether.finops.domain.spend_series import SeriesKey, utc_day

MONTHS_AHEAD = 2  # whole months after the running one that 90 days reach
WEEK = 7


@dataclass(frozen=True, slots=True)
class ForecastLine:
    """Forecast of the sum from `first_day` to `last_day`, both included, in the currency of the key."""

    level: Level
    key: SeriesKey
    first_day: date
    last_day: date
    booked: float
    mean: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    naive: float | None
    too_small: bool
    method: str

    @property
    def is_month(self) -> bool:
        """Whether it is a month's total and not a single day."""
        return self.first_day < self.last_day


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """A month's total as it was forecast at a time; an empty cost center is untagged spend."""

    known_at: datetime
    metric: str
    level: Level
    cost_center: str
    currency: str
    month: date
    mean: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    naive: float | None
    too_small: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """A message that is sent once for its subject."""

    subject: str
    title: str  # of the mail: at most 100 printable ASCII characters
    message: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that one run found."""

    known_at: datetime
    metric: str
    lines: tuple[ForecastLine, ...]
    budgets: tuple[BudgetStatus, ...]
    anomalies: tuple[Anomaly, ...]
    alerts: tuple[Alert, ...]  # to be sent unless their subject was


def forecast_lines(forecast: SpendForecast, too_small_a_day: float) -> list[ForecastLine]:
    """Month totals of every level, and single days of the total and of cost centers."""
    first = utc_day(forecast.known_at).replace(day=1)
    months = [first]
    for _ in range(MONTHS_AHEAD):
        months.append(_next_month(months[-1]))
    return [
        _line(node.level, total, too_small_a_day)
        for node in forecast.nodes
        for total in (*_months(forecast, node, months), *_days(forecast, node))
    ]


def _months(forecast: SpendForecast, node: Node, months: Sequence[date]) -> Iterator[Total]:
    reach = forecast.last_final_day + timedelta(days=len(node.path))
    return (forecast.month(node, month) for month in months if month_end(month) <= reach)


def _days(forecast: SpendForecast, node: Node) -> Iterator[Total]:
    if node.level in (Level.TOTAL, Level.COST_CENTER):
        for ahead in range(1, len(node.path) + 1):
            yield forecast.day(node, forecast.last_final_day + timedelta(days=ahead))


def _next_month(month: date) -> date:
    return month_end(month) + timedelta(days=1)


def _line(level: Level, total: Total, too_small_a_day: float) -> ForecastLine:
    bounds = {interval.level: interval for interval in total.intervals}
    narrow, wide = bounds[0.8], bounds[0.95]
    days = (total.last - total.first).days + 1
    return ForecastLine(
        level,
        total.node.key,
        total.first,
        total.last,
        total.booked,
        total.mean,
        narrow.lower,
        narrow.upper,
        wide.lower,
        wide.upper,
        _naive(total),
        total.mean / days < too_small_a_day,
        total.node.method,
    )


def _naive(total: Total) -> float | None:
    """The same sum if each day to come costs what its weekday did last week; None below a week of history."""
    history = total.node.history
    if len(history.amounts) < WEEK:
        return None
    first = max(total.first, history.last_day + timedelta(days=1))
    week = history.amounts[-WEEK:]
    ahead = range((first - history.last_day).days, (total.last - history.last_day).days + 1)
    return total.booked + sum(week[(step - 1) % WEEK] for step in ahead)


def budget_alert(status: BudgetStatus) -> Alert:
    """Message about an envelope that is likely to be exceeded."""
    envelope = status.envelope
    name, unit = envelope.cost_center or "untagged", envelope.currency
    when = f", about {status.breach_on}" if status.breach_on else ""
    message = (
        f"Budget of {name} for {envelope.month:%Y-%m}: {status.chance_of_exceeding:.0%} chance to exceed "
        f"{envelope.amount:.2f} {unit}{when}. Spent {status.spent:.2f}, expected {status.expected:.2f}, "
        f"now {status.burn_rate_a_day:.2f} a day; the rest of the month affords {status.affordable_a_day:.2f} a day. "
        f"Basis: {status.basis}. RUNBOOK: 'A budget is likely to be exceeded'."
    )
    subject = f"budget/{envelope.cost_center}/{envelope.month:%Y-%m}/{unit}"
    return Alert(subject, _title(f"Budget of {name} is likely to be exceeded"), message)


def anomaly_alert(anomaly: Anomaly) -> Alert:
    """Message about an anomaly."""
    name = anomaly.name
    until = "still going on" if anomaly.ongoing else f"until {anomaly.last_day}"
    message = (
        f"Cost anomaly ({anomaly.kind.value}): {name.service} {name.usage_type} in account {name.account} since "
        f"{anomaly.first_day}, {until}: {anomaly.extra:+.2f} USD against {anomaly.expected:.2f} expected. "
        "RUNBOOK: 'Costs are unusual'."
    )
    subject = f"anomaly/{name.account}/{name.service}/{name.usage_type}/{anomaly.first_day}"
    return Alert(subject, _title(f"Cost anomaly: {name.service} in account {name.account}"), message)


def _title(text: str) -> str:
    """Fit a title into the subject of a mail by SNS."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:100]
