"""Spend, forecasts, budgets and anomalies of costs, as they are in the database."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from pydantic import BaseModel

from bellwether.finops.adapters.postgres_charges import CHARGES_AS_KNOWN, DELIVERIES_AS_KNOWN, charges_of
from bellwether.finops.domain.charges import Charge
from bellwether.finops.domain.cost_summary import MonthSummary, summarize
from bellwether.finops.domain.provisional import DeliveryState


class ForecastView(BaseModel, frozen=True):
    """Forecast of a sum of days with its intervals; parts that the level leaves out are empty."""

    known_at: datetime
    metric: str
    level: str
    account: str
    service: str
    cost_center: str
    currency: str
    first_day: date
    last_day: date
    booked: Decimal
    mean: Decimal
    lower_80: Decimal
    upper_80: Decimal
    lower_95: Decimal
    upper_95: Decimal
    too_small: bool
    method: str


class BudgetView(BaseModel, frozen=True):
    """Where an envelope stood at a forecast."""

    known_at: datetime
    cost_center: str
    month: date
    currency: str
    amount: Decimal
    spent: Decimal
    expected: Decimal
    chance_of_exceeding: float
    burn_rate_a_day: Decimal
    affordable_a_day: Decimal
    breach_on: date | None
    basis: str


class AnomalyView(BaseModel, frozen=True):
    """An anomaly of usage, USD."""

    account: str
    service: str
    usage_type: str
    kind: str
    first_day: date
    last_day: date
    expected: Decimal
    actual: Decimal
    ongoing: bool
    found_at: datetime
    muted_until: date | None

    @property
    def extra(self) -> Decimal:
        """What it costs beyond the expectation."""
        return self.actual - self.expected


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
        """A month's spend as of a time."""
        return summarize(first_day, known_at, self.charges(known_at, first_day, last_day), self.deliveries(known_at))

    def months(self) -> list[ForecastView]:
        """Months of the newest forecast: the total and cost centers, the earliest month and largest amount first."""
        return self._forecasts("last_day > first_day", "first_day, level DESC, mean DESC")

    def days(self) -> list[ForecastView]:
        """Days of the newest forecast's total, by day."""
        return self._forecasts("last_day = first_day AND level = 'total'", "currency, first_day")

    def _forecasts(self, condition: str, order: str) -> list[ForecastView]:
        query = f"""
            SELECT known_at, metric, level, account, service, cost_center, currency, first_day, last_day, booked, mean,
                lower_80, upper_80, lower_95, upper_95, too_small, method
            FROM cost_forecasts
            WHERE known_at = (SELECT max(known_at) FROM cost_forecasts) AND level IN ('total', 'cost_center')
                AND {condition}
            ORDER BY {order}
        """  # noqa: S608 - constants
        with self._connection.cursor(row_factory=class_row(ForecastView)) as cursor:
            return cursor.execute(query).fetchall()

    def budgets(self) -> list[BudgetView]:
        """Every envelope at the newest forecast, the most likely to be exceeded first."""
        with self._connection.cursor(row_factory=class_row(BudgetView)) as cursor:
            return cursor.execute(
                """
                SELECT known_at, cost_center, month, currency, amount, spent, expected, chance_of_exceeding,
                    burn_rate_a_day, affordable_a_day, breach_on, basis
                FROM cost_budgets WHERE known_at = (SELECT max(known_at) FROM cost_budgets)
                ORDER BY chance_of_exceeding DESC, cost_center
                """
            ).fetchall()

    def anomalies(self, days: int) -> list[AnomalyView]:
        """Anomalies of the last days before the newest forecast, the most expensive first."""
        with self._connection.cursor(row_factory=class_row(AnomalyView)) as cursor:
            return cursor.execute(
                """
                SELECT account, service, usage_type, kind, first_day, last_day, expected, actual, ongoing, found_at, (
                    SELECT max(until) FROM cost_mutes AS mute
                    WHERE mute.account IN ('', found.account) AND mute.service IN ('', found.service)
                        AND mute.usage_type IN ('', found.usage_type) AND coalesce(mute.kind, found.kind) = found.kind
                ) AS muted_until
                FROM cost_anomalies AS found
                WHERE last_day >= (SELECT max(known_at)::date FROM cost_forecasts) - %s::integer
                ORDER BY abs(actual - expected) DESC, account, service, usage_type, first_day
                """,
                (days,),
            ).fetchall()
