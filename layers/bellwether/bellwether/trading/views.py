"""Recommendations with verdict and fill, and bars, as they are in the database."""

from datetime import datetime
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import TupleRow, class_row, dict_row
from pydantic import BaseModel

from bellwether.shared.domain.decisions import READ_BACK, Gate


class RecommendationView(BaseModel, frozen=True):
    """A recommendation with the gates' verdict and the broker's execution."""

    recommendation_id: str
    ticker: str
    side: str
    status: str
    quantity: Decimal
    reference_price: Decimal
    sentiment: float
    sma: Decimal
    made_at: datetime
    gates: tuple[Gate, ...]
    broker: str | None
    execution: str | None
    filled_quantity: Decimal | None
    fill_price: Decimal | None
    fees: Decimal | None

    @property
    def refused_by(self) -> tuple[str, ...]:
        """Gates that failed, each with what it observed."""
        return tuple(
            gate.reason or f"{gate.name}: {gate.observed} (limit {gate.limit})"
            for gate in self.gates
            if not gate.passed
        )


class PriceView(BaseModel, frozen=True):
    """Start and close of a bar."""

    start: datetime
    close: Decimal


class BarsView(BaseModel, frozen=True):
    """How many bars of how many tickers are stored, and the start of the newest."""

    count: int
    tickers: int
    newest: datetime | None


class TradingViews:
    """Reads the trading tables over one connection; raises psycopg.Error."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection

    def recommendations(self, *, before: RecommendationView | None = None, limit: int = 50) -> list[RecommendationView]:
        """Recommendations, newest first; `before` is the last one of the page before."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                """
                SELECT recommendation_id::text, made.ticker, made.side, made.status, made.quantity, reference_price,
                    (made.evidence->>'sentiment')::float8 AS sentiment, (made.evidence->>'sma')::numeric AS sma,
                    made.made_at, coalesce(decision.gates, '[]') AS gates,
                    broker, execution.status AS execution, filled_quantity, fill_price, fees
                FROM dispatch_recommendations AS made
                LEFT JOIN decisions AS decision USING (decision_id)
                LEFT JOIN dispatch_executions AS execution USING (recommendation_id)
                WHERE %(id)s::uuid IS NULL OR made.made_at < %(made_at)s::timestamptz
                    OR (made.made_at = %(made_at)s::timestamptz
                        AND (made.ticker, recommendation_id) > (%(ticker)s, %(id)s::uuid))
                ORDER BY made.made_at DESC, made.ticker, recommendation_id LIMIT %(limit)s
                """,
                {
                    "id": before and before.recommendation_id,
                    "made_at": before and before.made_at,
                    "ticker": before and before.ticker,
                    "limit": limit,
                },
            ).fetchall()
        return [RecommendationView.model_validate(row, context=READ_BACK) for row in rows]

    def prices(self, ticker: str, since: datetime) -> list[PriceView]:
        """A ticker's five-minute bars, oldest first."""
        with self._connection.cursor(row_factory=class_row(PriceView)) as cursor:
            return cursor.execute(
                """
                SELECT ts AS start, close FROM lane_telemetry
                WHERE ticker = %s AND timeframe = '5Min' AND ts >= %s ORDER BY ts
                """,
                (ticker, since),
            ).fetchall()

    def bars(self) -> BarsView:
        """All stored bars in figures."""
        with self._connection.cursor(row_factory=class_row(BarsView)) as cursor:
            row = cursor.execute(
                "SELECT count(*), count(DISTINCT ticker) AS tickers, max(ts) AS newest FROM lane_telemetry"
            ).fetchone()
        return row or BarsView(count=0, tickers=0, newest=None)
