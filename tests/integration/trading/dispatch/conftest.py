"""Dispatch stores over PostgreSQL, and queries that tests use to inspect the database."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import LiteralString

import pytest
from psycopg.types.json import Jsonb

from bellwether.shared.adapters.postgres import Database, connect
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.trading.adapters.postgres_dispatch import (
    PostgresDispatchControls,
    PostgresExecutions,
    PostgresRecommendations,
)
from bellwether.trading.domain.orders import Recommendation
from tests.waiting import wait_for


class PostgresDispatchStores:
    """The three stores over one database, and a test's look into it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.recommendations = PostgresRecommendations(database)
        self.executions = PostgresExecutions(database)
        self.controls = PostgresDispatchControls(database)

    def add(self, *recommendations: Recommendation) -> None:
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO dispatch_recommendations (
                    recommendation_id, ticker, side, quantity, reference_price, rule_version, evidence, made_at,
                    expires_at
                )
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                [
                    (
                        each.recommendation_id,
                        each.ticker,
                        each.side,
                        each.quantity,
                        each.reference_price,
                        each.rule_version,
                        Jsonb({}),
                        each.made_at,
                        each.expires_at,
                    )
                    for each in recommendations
                ],
            )

    def add_bar(self, ticker: str, price: Decimal, ended_at: datetime) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO lane_telemetry (ticker, ts, open, high, low, close, volume, source)
                VALUES (%(ticker)s, %(ts)s, %(price)s, %(price)s, %(price)s, %(price)s, 100, 'test')
                """,
                {"ticker": ticker, "ts": ended_at - timedelta(minutes=5), "price": price},
            )

    def put_back(self, recommendation: Recommendation) -> None:
        self._execute(
            """
            UPDATE dispatch_recommendations SET status = 'PENDING', claim_token = NULL, claimed_until = NULL
            WHERE recommendation_id = %s
            """,
            recommendation,
        )

    def break_terms(self, recommendation: Recommendation) -> None:
        self._execute(
            """
            UPDATE dispatch_executions SET order_terms = order_terms || '{"limit_price": "cheap"}'
            WHERE recommendation_id = %s
            """,
            recommendation,
        )

    def _execute(self, statement: LiteralString, recommendation: Recommendation) -> None:
        with self._database.transaction() as connection:
            connection.execute(statement, (recommendation.recommendation_id,))

    def status(self, recommendation: Recommendation) -> str:
        return str(
            self.column("SELECT status FROM dispatch_recommendations WHERE recommendation_id = %s", recommendation)[0]
        )

    def execution_status(self, recommendation: Recommendation) -> str | None:
        found = self.column("SELECT status FROM dispatch_executions WHERE recommendation_id = %s", recommendation)
        return str(found[0]) if found else None

    def decisions(self) -> list[tuple[str, str]]:
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT subject, verdict FROM decisions ORDER BY 1, 2").fetchall()
        return [(str(subject), str(verdict)) for subject, verdict in rows]

    def outcomes(self) -> list[str]:
        return [str(each) for each in self.column("SELECT status FROM decision_outcomes ORDER BY 1")]

    def column(self, query: str, recommendation: Recommendation | None = None) -> list[object]:
        """The first column of a query's answer."""
        parameters = (recommendation.recommendation_id,) if recommendation else None
        with self._database.transaction() as connection:
            return [row[0] for row in connection.execute(query.encode(), parameters).fetchall()]


def wait_until_blocked(login: DatabaseLogin) -> None:
    """Return when a session of this database waits for an advisory lock."""
    with connect(login, sslmode="prefer") as connection:
        wait_for(lambda: connection.execute(_BLOCKED).fetchone(), "a session that waits for the lock")


_BLOCKED = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def stores(database: Database) -> PostgresDispatchStores:
    return PostgresDispatchStores(database)


@pytest.fixture
def other_stores(migrated: DatabaseLogin) -> Iterator[PostgresDispatchStores]:
    """Another function's."""
    kept = Database(lambda: migrated, sslmode="prefer")
    yield PostgresDispatchStores(kept)
    kept.close()
