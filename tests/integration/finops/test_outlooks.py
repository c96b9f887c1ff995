"""Outlooks in Postgres: envelopes, mutes, alerts once, and anomalies updated while they go on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from bellwether.finops.adapters.postgres_outlooks import PostgresOutlooks
from bellwether.finops.domain.anomalies import Anomaly, AnomalyKind, Mute, SeriesName
from bellwether.finops.domain.budgets import BudgetStatus, Envelope
from bellwether.finops.domain.outlook import Alert, ForecastLine, Outlook
from bellwether.finops.domain.spend_forecast import Level
from bellwether.finops.domain.spend_series import SeriesKey
from bellwether.shared.adapters.postgres import Database

JUNE = date(2026, 6, 1)
KNOWN_AT = datetime(2026, 6, 20, 7, tzinfo=UTC)
ENVELOPE = Envelope("retail", JUNE, Decimal(4000))
STATUS = BudgetStatus(ENVELOPE, 3000.0, 4500.0, 0.93, 150.0, 90.0, date(2026, 6, 27), "forecast")
LINE = ForecastLine(
    Level.TOTAL, SeriesKey("", "", "", "USD"), JUNE, date(2026, 6, 30), 1.0, 2.0, 1.5, 2.5, 1.2, 3.0, None, False, "sum"
)
FOUND = Anomaly(
    SeriesName("1", "AmazonS3", "Storage"), AnomalyKind.LEAK, date(2026, 6, 3), date(2026, 6, 17), 70.0, 99.5, True
)
OUTLOOK = Outlook(KNOWN_AT, "effective", (LINE,), (STATUS,), (FOUND,), (Alert("budget/retail", "Budget", "It breaks"),))


@pytest.fixture
def outlooks(database: Database) -> PostgresOutlooks:
    return PostgresOutlooks(database)


def test_the_newest_envelope_counts_and_a_months_own_goes_first(outlooks: PostgresOutlooks, database: Database) -> None:
    with database.transaction() as connection:
        for month, amount, day in ((None, 100, 1), (None, 120, 2), (JUNE, 90, 1)):
            connection.execute(
                "INSERT INTO cost_envelopes (cost_center, month, currency, amount, set_by, set_at)"
                " VALUES ('retail', %s, 'USD', %s, 'test', %s)",
                (month, amount, datetime(2026, 1, day, tzinfo=UTC)),
            )
    assert outlooks.envelopes(JUNE) == [Envelope("retail", JUNE, Decimal(90))]
    assert outlooks.envelopes(date(2026, 7, 1)) == [Envelope("retail", date(2026, 7, 1), Decimal(120))]


def test_a_mute_holds_until_its_last_day(outlooks: PostgresOutlooks, database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO cost_mutes (service, kind, until, set_by, reason, set_at)"
            " VALUES ('AmazonS3', 'slow leak', '2026-07-01', 'test', 'known', now())"
        )
    assert outlooks.mutes(date(2026, 7, 1)) == [Mute("", "AmazonS3", "", AnomalyKind.LEAK, date(2026, 7, 1))]
    assert outlooks.mutes(date(2026, 7, 2)) == []


def test_an_alert_is_returned_by_the_run_that_raised_it_and_no_other(outlooks: PostgresOutlooks) -> None:
    assert outlooks.keep(OUTLOOK) == outlooks.keep(OUTLOOK) == list(OUTLOOK.alerts)
    assert outlooks.keep(replace(OUTLOOK, known_at=KNOWN_AT + timedelta(days=1))) == []


def test_an_anomaly_is_updated_while_it_goes_on(outlooks: PostgresOutlooks, database: Database) -> None:
    outlooks.keep(OUTLOOK)
    newer = replace(FOUND, last_day=date(2026, 6, 20), actual=120.0, ongoing=False)
    outlooks.keep(replace(OUTLOOK, known_at=KNOWN_AT + timedelta(days=3), anomalies=(newer,)))
    outlooks.keep(OUTLOOK)  # an older run again changes nothing
    with database.transaction() as connection:
        rows = connection.execute("SELECT last_day, actual, ongoing, found_at FROM cost_anomalies").fetchall()
    assert rows == [(date(2026, 6, 20), Decimal("120.0000"), False, KNOWN_AT)]


def test_forecasts_and_budgets_are_kept_as_they_were_made(outlooks: PostgresOutlooks, database: Database) -> None:
    outlooks.keep(OUTLOOK)
    with database.transaction() as connection:
        (line,) = connection.execute("SELECT level, mean, upper_95, naive, method FROM cost_forecasts").fetchall()
        (budget,) = connection.execute(
            "SELECT cost_center, chance_of_exceeding, breach_on FROM cost_budgets"
        ).fetchall()
    assert line == ("total", Decimal("2.0000"), Decimal("3.0000"), None, "sum")
    assert budget == ("retail", 0.93, date(2026, 6, 27))
