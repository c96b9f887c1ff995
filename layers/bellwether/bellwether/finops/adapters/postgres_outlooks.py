"""Forecasts, budgets, anomalies, envelopes and alerts in Postgres."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import TupleRow

from bellwether.finops.domain.anomalies import AnomalyKind, Mute
from bellwether.finops.domain.budgets import Envelope
from bellwether.finops.domain.outlook import Alert, MonthForecast, Outlook
from bellwether.finops.domain.spend_forecast import Level
from bellwether.shared.adapters.postgres import Database

PLACES = Decimal("0.0001")

ENVELOPES = """
SELECT DISTINCT ON (cost_center, currency) cost_center, %(month)s::date, amount, currency, counts_credits
FROM cost_envelopes WHERE month = %(month)s OR month IS NULL
ORDER BY cost_center, currency, month NULLS LAST, set_at DESC
"""


class PostgresOutlooks:
    """OutlookStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def envelopes(self, month: date) -> Sequence[Envelope]:
        """The newest envelope of each cost center and currency that holds in a month."""
        with self._database.transaction() as connection:
            return [Envelope(*row) for row in connection.execute(ENVELOPES, {"month": month}).fetchall()]

    def mutes(self, day: date) -> Sequence[Mute]:
        """Mutes that have not ended."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT account, service, usage_type, kind, until FROM cost_mutes WHERE until >= %s", (day,)
            ).fetchall()
        return [
            Mute(account, service, usage_type, AnomalyKind(kind) if kind else None, until)
            for account, service, usage_type, kind, until in rows
        ]

    def month_forecasts(self, before: date) -> Sequence[MonthForecast]:
        """Forecasts of months that ended before a day."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                """
                SELECT known_at, metric, level, cost_center, currency, first_day, mean, lower_80, upper_80, lower_95,
                    upper_95, naive, too_small
                FROM cost_forecasts
                WHERE level IN ('total', 'cost_center') AND last_day > first_day AND last_day < %s
                ORDER BY known_at, level, cost_center, currency
                """,
                (before,),
            ).fetchall()
        return [_month_forecast(row) for row in rows]

    def set_envelope(self, envelope: Envelope, *, every_month: bool, by: str, at: datetime) -> None:
        """Add an envelope."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO cost_envelopes (cost_center, month, currency, amount, counts_credits, set_by, set_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
                """,
                (
                    envelope.cost_center,
                    None if every_month else envelope.month,
                    envelope.currency,
                    envelope.amount,
                    envelope.counts_credits,
                    by,
                    at,
                ),
            )

    def mute(self, mute: Mute, reason: str, by: str, at: datetime) -> None:
        """Add a mute."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO cost_mutes (account, service, usage_type, kind, until, set_by, reason, set_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                """,
                (mute.account, mute.service, mute.usage_type, mute.kind, mute.until, by, reason, at),
            )

    def keep(self, outlook: Outlook) -> Sequence[Alert]:
        """Store an outlook in one transaction; return the alerts that are this run's to send."""
        with self._database.transaction() as connection:
            self._keep_lines(connection, outlook)
            self._keep_budgets(connection, outlook)
            self._keep_anomalies(connection, outlook)
            return self._new_alerts(connection, outlook)

    def _keep_lines(self, connection: Connection[TupleRow], outlook: Outlook) -> None:
        connection.cursor().executemany(
            """
            INSERT INTO cost_forecasts (
                known_at, metric, level, account, service, cost_center, currency, first_day, last_day, booked, mean,
                lower_80, upper_80, lower_95, upper_95, naive, too_small, method
            ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT DO NOTHING
            """,
            [
                (
                    outlook.known_at,
                    outlook.metric,
                    line.level.value,
                    line.key.account,
                    line.key.service,
                    line.key.cost_center,
                    line.key.currency,
                    line.first_day,
                    line.last_day,
                    *map(_amount, (line.booked, line.mean, line.lower_80, line.upper_80, line.lower_95, line.upper_95)),
                    None if line.naive is None else _amount(line.naive),
                    line.too_small,
                    line.method,
                )
                for line in outlook.lines
            ],
        )

    def _keep_budgets(self, connection: Connection[TupleRow], outlook: Outlook) -> None:
        connection.cursor().executemany(
            """
            INSERT INTO cost_budgets (
                known_at, cost_center, month, currency, amount, spent, expected, chance_of_exceeding, burn_rate_a_day,
                affordable_a_day, breach_on, basis
            ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT DO NOTHING
            """,
            [
                (
                    outlook.known_at,
                    status.envelope.cost_center,
                    status.envelope.month,
                    status.envelope.currency,
                    status.envelope.amount,
                    _amount(status.spent),
                    _amount(status.expected),
                    status.chance_of_exceeding,
                    _amount(status.burn_rate_a_day),
                    _amount(status.affordable_a_day),
                    status.breach_on,
                    status.basis,
                )
                for status in outlook.budgets
            ],
        )

    def _keep_anomalies(self, connection: Connection[TupleRow], outlook: Outlook) -> None:
        connection.cursor().executemany(
            """
            INSERT INTO cost_anomalies (
                account, service, usage_type, first_day, kind, last_day, expected, actual, ongoing, found_at, seen_at
            ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (account, service, usage_type, first_day) DO UPDATE SET
                kind = excluded.kind, last_day = excluded.last_day, expected = excluded.expected,
                actual = excluded.actual, ongoing = excluded.ongoing, seen_at = excluded.seen_at
            WHERE cost_anomalies.seen_at < excluded.seen_at
            """,
            [
                (
                    found.name.account,
                    found.name.service,
                    found.name.usage_type,
                    found.first_day,
                    found.kind.value,
                    found.last_day,
                    _amount(found.expected),
                    _amount(found.actual),
                    found.ongoing,
                    outlook.known_at,
                    outlook.known_at,
                )
                for found in outlook.anomalies
            ],
        )

    def _new_alerts(self, connection: Connection[TupleRow], outlook: Outlook) -> Sequence[Alert]:
        connection.cursor().executemany(
            """
            INSERT INTO cost_alerts (subject, title, message, known_at) VALUES (%s, %s, %s, %s)
            ON CONFLICT DO NOTHING
            """,
            [(alert.subject, alert.title, alert.message, outlook.known_at) for alert in outlook.alerts],
        )
        rows = connection.execute(
            "SELECT subject, title, message FROM cost_alerts WHERE known_at = %s ORDER BY subject", (outlook.known_at,)
        ).fetchall()
        return [Alert(*row) for row in rows]


def _month_forecast(row: TupleRow) -> MonthForecast:
    known_at, metric, level, cost_center, currency, month, *amounts, naive, too_small = row
    mean, lower_80, upper_80, lower_95, upper_95 = map(float, amounts)
    return MonthForecast(
        known_at=known_at,
        metric=metric,
        level=Level(level),
        cost_center=cost_center,
        currency=currency,
        month=month,
        mean=mean,
        lower_80=lower_80,
        upper_80=upper_80,
        lower_95=lower_95,
        upper_95=upper_95,
        naive=_optional(naive),
        too_small=too_small,
    )


def _optional(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _amount(amount: float) -> Decimal:
    return Decimal(amount).quantize(PLACES)
