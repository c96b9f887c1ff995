"""Recommendations, orders and the kill switch in PostgreSQL.

Rows in hand are locked with SKIP LOCKED, so dispatchers don't wait for each other to claim. To rule, each takes the
dispatchers' lock first: what a limit counts is committed before the next one counts, so no limit is overrun.
Locks are always taken in the order recommendation, dispatchers' lock, execution.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb
from pydantic_core import to_json

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.adapters.postgres_ledger import insert_decisions, insert_outcome
from bellwether.shared.domain.decisions import Outcome
from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.trading.domain.dispatch import (
    RUNNING,
    Book,
    Control,
    Execution,
    ExecutionStatus,
    Holding,
    Order,
    Quote,
    Recommendation,
    Ruling,
    Side,
    Step,
    next_step,
)
from bellwether.trading.ports.dispatch import Unsettled

ASK_AGAIN_SECONDS = 45  # about an order that the broker works on
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('bellwether:dispatch', 0))"
_CURRENT_CONTROL = "SELECT halted, actor, reason, changed_at FROM dispatch_controls ORDER BY control_id DESC LIMIT 1"
_BAR = timedelta(minutes=5)

_BOOK = """
WITH traded AS (
    SELECT
        ticker,
        sum(filled) FILTER (WHERE NOT is_today) AS before,
        sum(filled) FILTER (WHERE is_today) AS today,
        sum(filled * fill_price) FILTER (WHERE is_today) AS paid_today,
        sum(fees) FILTER (WHERE is_today) AS fees_today,
        sum(quantity) FILTER (WHERE settled_at IS NULL AND side = 'BUY') AS ordered_in,
        sum(quantity) FILTER (WHERE settled_at IS NULL AND side = 'SELL') AS ordered_out,
        max(approved_at) AS last_trade_at,
        count(*) FILTER (WHERE is_today) AS trades_today
    FROM (
        SELECT *, approved_at >= %(day_start)s AS is_today,
            CASE side WHEN 'BUY' THEN filled_quantity ELSE -filled_quantity END AS filled
        FROM dispatch_executions WHERE status <> 'UNSENT' AND broker = %(broker)s
    ) AS execution
    GROUP BY ticker
), line AS (
    SELECT
        ticker, coalesce(before, 0) AS before, coalesce(today, 0) AS today,
        coalesce(paid_today, 0) + coalesce(fees_today, 0) AS spent_today,
        coalesce(ordered_in, 0) AS ordered_in, coalesce(ordered_out, 0) AS ordered_out, last_trade_at,
        coalesce(trades_today, 0) AS trades_today
    FROM traded FULL JOIN unnest(%(tickers)s::text[]) AS asked (ticker) USING (ticker)
)
SELECT line.*, opening.close, newest.close, newest.known_at
FROM line
LEFT JOIN LATERAL (
    SELECT close FROM lane_telemetry AS bar
    WHERE line.before <> 0 AND bar.ticker = line.ticker AND bar.timeframe = '5Min' AND bar.ts < %(day_start)s
    ORDER BY bar.ts DESC LIMIT 1
) AS opening ON true
LEFT JOIN LATERAL (
    SELECT close, least(bar.ts + %(bar)s, bar.received_at) AS known_at FROM lane_telemetry AS bar
    WHERE (line.before <> 0 OR line.today <> 0 OR line.ticker = ANY(%(tickers)s))
        AND bar.ticker = line.ticker AND bar.timeframe = '5Min'
    ORDER BY bar.ts DESC LIMIT 1
) AS newest ON true
"""

_MARK = """
UPDATE dispatch_recommendations AS recommendation
SET status = mark.status, decision_id = mark.decision_id, status_reason = nullif(mark.reason, ''),
    status_changed_at = mark.made_at, attempts = attempts + 1,
    claim_token = CASE mark.status WHEN 'CLAIMED' THEN %(token)s::uuid END,
    claimed_until = CASE mark.status WHEN 'CLAIMED' THEN %(until)s::timestamptz END
FROM jsonb_to_recordset(%(marks)s) AS mark (
    recommendation_id uuid, status text, decision_id uuid, reason text, made_at timestamptz
)
WHERE recommendation.recommendation_id = mark.recommendation_id
"""

_APPROVE = """
INSERT INTO dispatch_executions (
    recommendation_id, client_order_id, broker, ticker, side, quantity, order_terms, status, approved_at
)
SELECT recommendation_id, client_order_id, broker, ticker, side, quantity, order_terms, 'APPROVED', approved_at
FROM jsonb_to_recordset(%s) AS approval (
    recommendation_id uuid, client_order_id text, broker text, ticker text, side text, quantity numeric,
    order_terms jsonb, approved_at timestamptz
)
"""


class PostgresRecommendations:
    """RecommendationStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Connection[TupleRow] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is claimed, ruled and recorded in it holds altogether or not at all."""
        with self._database.transaction() as connection:
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    def lock_pending(self, limit: int) -> tuple[Recommendation, ...]:
        """The oldest that wait and that nobody else has in hand, to the transaction's end."""
        rows = self._connection.execute(
            """
            SELECT recommendation_id, ticker, side, quantity, reference_price, rule_version, made_at, expires_at
            FROM dispatch_recommendations WHERE status = 'PENDING'
            ORDER BY made_at, recommendation_id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
            """,
            (limit,),
        ).fetchall()
        return tuple(
            Recommendation(recommendation_id, ticker, Side(side), *others)
            for recommendation_id, ticker, side, *others in rows
        )

    def claim_unsettled(
        self, token: UUID, *, limit: int, now: datetime, claimed_until: datetime
    ) -> tuple[Unsettled, ...]:
        """Approved orders whose claim has run out, now claimed under `token`."""
        rows = self._connection.execute(
            """
            WITH lost AS (
                SELECT recommendation_id FROM dispatch_recommendations
                WHERE status = 'CLAIMED' AND claimed_until <= %(now)s
                ORDER BY claimed_until, recommendation_id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
            ), claimed AS (
                UPDATE dispatch_recommendations AS recommendation
                SET claim_token = %(token)s, claimed_until = %(until)s, attempts = attempts + 1
                FROM lost WHERE recommendation.recommendation_id = lost.recommendation_id
                RETURNING recommendation.recommendation_id
            )
            SELECT order_terms, status FROM dispatch_executions JOIN claimed USING (recommendation_id)
            ORDER BY approved_at, recommendation_id
            """,
            {"now": now, "limit": limit, "token": token, "until": claimed_until},
        ).fetchall()
        return tuple(Unsettled(Order.model_validate(terms), sent=status == "SENT") for terms, status in rows)

    def book(self, tickers: Sequence[str], *, broker: str, day_start: datetime, failures_since: datetime) -> Book:
        """What the limits refer to, with quotes of `tickers`; to the transaction's end nobody else gets to see it."""
        connection = self._connection
        with connection.pipeline():  # one way there and back while others wait
            connection.execute(_LOCK)  # then look: a statement sees what was committed before it began
            lines = connection.execute(
                _BOOK,
                {"tickers": list(tickers), "broker": broker, "day_start": day_start, "bar": _BAR},
                binary=True,
            )
            failures = connection.execute(
                "SELECT count(*) FROM dispatch_executions WHERE last_error_at >= %s", (failures_since,)
            )
            control = connection.execute(_CURRENT_CONTROL)
        holdings: dict[str, Holding] = {}
        quotes: dict[str, Quote] = {}
        trades_today = 0
        for ticker, before, today, spent, coming, going, last_trade_at, trades, opening, price, known_at in lines:
            holdings[ticker] = Holding(before, today, spent, coming, going, last_trade_at, opening, price)
            trades_today += trades
            if price is not None:
                quotes[ticker] = Quote(price, known_at)
        return Book(
            trades_today=trades_today,
            failures=sum(count for (count,) in failures),
            control=next((Control(*each) for each in control), RUNNING),
            holdings=holdings,
            quotes=quotes,
        )

    def record(self, rulings: Sequence[Ruling], token: UUID, *, claimed_until: datetime) -> None:
        """Keep decisions, and approved orders under `token`; ConflictError when one was decided before."""
        connection = self._connection
        approved = [_approval(ruling.order, ruling.decision.made_at) for ruling in rulings if ruling.order]
        with connection.pipeline():
            decided = insert_decisions(connection, [ruling.decision for ruling in rulings])
            connection.execute(
                _MARK,
                {"token": token, "until": claimed_until, "marks": _jsonb([_mark(ruling) for ruling in rulings])},
            )
            if approved:
                connection.execute(_APPROVE, (_jsonb(approved),))
        if decided.rowcount != len(rulings):
            raise ConflictError("a recommendation that waits was decided before")

    @property
    def _connection(self) -> Connection[TupleRow]:
        if self._open is None:
            raise RuntimeError("called outside of transaction()")
        return self._open


def _mark(ruling: Ruling) -> dict[str, Any]:
    refused = "EXPIRED" if ruling.expired else "REFUSED"
    return {
        "recommendation_id": ruling.recommendation.recommendation_id,
        "status": "CLAIMED" if ruling.order else refused,
        "decision_id": ruling.decision.decision_id,
        "reason": ruling.reason[:1000],
        "made_at": ruling.decision.made_at,
    }


def _approval(order: Order, approved_at: datetime) -> dict[str, Any]:
    return {
        "recommendation_id": order.recommendation_id,
        "client_order_id": order.client_order_id,
        "broker": order.broker,
        "ticker": order.ticker,
        "side": order.side,
        "quantity": order.quantity,
        "order_terms": order.model_dump(),
        "approved_at": approved_at,
    }


# --- executions ------------------------------------------------------------------------------------------------------

_ENDS = {  # of an order, as its recommendation has it
    ExecutionStatus.FILLED: "EXECUTED",
    ExecutionStatus.REJECTED: "FAILED",
    ExecutionStatus.UNFILLED: "EXPIRED",
    ExecutionStatus.UNSENT: "EXPIRED",
}


class PostgresExecutions:
    """ExecutionStore over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, execution: Execution) -> Step:
        """Take a report about an order in, once; returns what it changed. Raises NotFoundError for an unknown order."""
        with self._database.transaction() as connection:
            standing, claim_token = self._standing(connection, execution)
            step = next_step(standing, execution, holds_claim=claim_token == execution.claim_token)
            match step:
                case Step.SETTLE:
                    self._settle(connection, execution)
                case Step.FOLLOW:
                    self._follow(connection, execution, standing)
                case Step.TROUBLE:
                    self._note_trouble(connection, execution)
        return step

    def _standing(self, connection: Connection[TupleRow], execution: Execution) -> tuple[ExecutionStatus, UUID | None]:
        key = (execution.recommendation_id, execution.client_order_id)
        claim = connection.execute(
            "SELECT claim_token FROM dispatch_recommendations WHERE recommendation_id = %s FOR NO KEY UPDATE", key[:1]
        ).fetchone()
        found = connection.execute(
            """
            SELECT status FROM dispatch_executions
            WHERE recommendation_id = %s AND client_order_id = %s FOR NO KEY UPDATE
            """,
            key,
        ).fetchone()
        if claim is None or found is None:
            raise NotFoundError("no such order was approved", field=execution.client_order_id)
        return ExecutionStatus(found[0]), claim[0]

    def _settle(self, connection: Connection[TupleRow], execution: Execution) -> None:
        rejected = execution.status is ExecutionStatus.REJECTED
        connection.execute(
            """
            UPDATE dispatch_executions SET
                status = %(status)s, settled_at = %(at)s, filled_quantity = %(filled)s, fill_price = %(price)s,
                fees = %(fees)s, broker_order_id = coalesce(%(broker_order_id)s, broker_order_id),
                sent_at = coalesce(%(sent_at)s, sent_at),
                last_error = CASE WHEN %(rejected)s THEN %(reason)s ELSE last_error END,
                last_error_at = CASE WHEN %(rejected)s THEN %(at)s ELSE last_error_at END,
                failures = failures + %(rejected)s::int
            WHERE recommendation_id = %(recommendation_id)s
            """,
            {
                "status": execution.status.value,
                "at": execution.observed_at,
                "filled": execution.filled_quantity,
                "price": execution.fill_price,
                "fees": execution.fees,
                "broker_order_id": execution.broker_order_id,
                "sent_at": execution.sent_at,
                "rejected": rejected,
                "reason": execution.reason,
                "recommendation_id": execution.recommendation_id,
            },
        )
        connection.execute(
            """
            UPDATE dispatch_recommendations
            SET status = %s, status_reason = nullif(%s, ''), status_changed_at = %s, claim_token = NULL,
                claimed_until = NULL
            WHERE recommendation_id = %s
            """,
            (_ENDS[execution.status], execution.reason, execution.observed_at, execution.recommendation_id),
        )
        _note_outcome(connection, execution)

    def _follow(self, connection: Connection[TupleRow], execution: Execution, standing: ExecutionStatus) -> None:
        """Back into the queue of those to ask about, soon."""
        connection.execute(
            """
            UPDATE dispatch_executions
            SET status = 'SENT', settled_at = NULL, broker_order_id = %s, sent_at = coalesce(sent_at, %s)
            WHERE recommendation_id = %s
            """,
            (execution.broker_order_id, execution.sent_at or execution.observed_at, execution.recommendation_id),
        )
        connection.execute(
            """
            UPDATE dispatch_recommendations
            SET status = 'CLAIMED', claim_token = %s, claimed_until = %s WHERE recommendation_id = %s
            """,
            (
                execution.claim_token,
                execution.observed_at + timedelta(seconds=ASK_AGAIN_SECONDS),
                execution.recommendation_id,
            ),
        )
        if standing is not ExecutionStatus.SENT:
            _note_outcome(connection, execution)

    def _note_trouble(self, connection: Connection[TupleRow], execution: Execution) -> None:
        """Its claim runs out by itself; then somebody asks the broker."""
        connection.execute(
            """
            UPDATE dispatch_executions SET failures = failures + 1, last_error = %(reason)s, last_error_at = %(at)s
            WHERE recommendation_id = %(id)s AND last_error_at IS DISTINCT FROM %(at)s
            """,
            {"reason": execution.reason, "at": execution.observed_at, "id": execution.recommendation_id},
        )


def _note_outcome(connection: Connection[TupleRow], execution: Execution) -> None:
    details = execution.model_dump(
        mode="json",
        include={"client_order_id", "broker_order_id", "sent_at", "filled_quantity", "fill_price", "fees", "reason"},
    )
    insert_outcome(
        connection,
        Outcome(
            decision_id=execution.decision_id,
            status=execution.status.value.lower(),
            observed_at=execution.observed_at,
            details=details,
        ),
    )


# --- kill switch -----------------------------------------------------------------------------------------------------


class PostgresDispatchControls:
    """DispatchControls over one database; needs the rights of the application's role only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Control:
        """As it was last set."""
        with self._database.transaction() as connection:
            return _control(connection)

    def change(self, *, halted: bool, actor: str, reason: str) -> Control:
        """Set it. When this returns, no order is approved any more (or, resumed, may be again)."""
        with self._database.transaction() as connection:
            connection.execute(_LOCK)  # whoever rules right now is waited for; whoever comes next sees this
            connection.execute(
                """
                INSERT INTO dispatch_controls (changed_at, halted, actor, reason)
                VALUES (clock_timestamp(), %s, %s, %s)
                """,
                (halted, actor, reason),
            )
            return _control(connection)

    def on_their_way(self) -> int:
        """How many orders are approved and not settled."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT count(*) FROM dispatch_executions WHERE settled_at IS NULL").fetchone()
        return int(row[0]) if row else 0


def _control(connection: Connection[TupleRow]) -> Control:
    with connection.cursor(row_factory=class_row(Control)) as cursor:
        return cursor.execute(_CURRENT_CONTROL).fetchone() or RUNNING


def _jsonb(value: object) -> Jsonb:
    return Jsonb(value, dumps=to_json)
