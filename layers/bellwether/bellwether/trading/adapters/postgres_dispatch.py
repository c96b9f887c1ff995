"""Recommendations, orders and the kill switch in PostgreSQL.

Dispatchers claim rows with SKIP LOCKED, so they do not wait for each other. Before it evaluates the gates, a dispatcher
takes an advisory lock until it commits: it sees every earlier order, so concurrent dispatchers cannot exceed a limit.
Locks are always taken in the order recommendation, advisory lock, execution.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb
from pydantic import ValidationError
from pydantic_core import to_json

from bellwether.shared.adapters.postgres import Database
from bellwether.shared.adapters.postgres_ledger import insert_decisions, insert_outcome
from bellwether.shared.domain.decisions import Outcome
from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.trading.domain.book import RUNNING, Book, Control, Holding
from bellwether.trading.domain.executions import Execution, ExecutionStatus, SettlementAction, settlement_action
from bellwether.trading.domain.gate_evaluation import Evaluation
from bellwether.trading.domain.orders import Order, Quote, Recommendation, order_decision_id
from bellwether.trading.domain.positions import Fill
from bellwether.trading.domain.signals import Side
from bellwether.trading.ports.dispatch import Unsettled, Unusable

POLL_SECONDS = 45  # for an order that is open at the broker
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('bellwether:dispatch', 0))"
_CURRENT_CONTROL = "SELECT halted, actor, reason, changed_at FROM dispatch_controls ORDER BY control_id DESC LIMIT 1"
_BAR = timedelta(minutes=5)

# An order with an unreadable limit price counts in shares, and so in the exposure, but not in USD.
_BOOK = r"""
WITH traded AS (
    SELECT
        ticker,
        sum(filled) FILTER (WHERE NOT is_today) AS before,
        sum(filled) FILTER (WHERE is_today) AS today,
        sum(paid) FILTER (WHERE is_today) AS paid_today,
        sum(fees) FILTER (WHERE is_today) AS fees_today,
        sum(quantity) FILTER (WHERE settled_at IS NULL AND side = 'BUY') AS ordered_in,
        sum(quantity) FILTER (WHERE settled_at IS NULL AND side = 'SELL') AS ordered_out,
        sum(paid) AS paid, sum(fees) AS fees,
        sum(quantity * CASE WHEN order_terms ->> 'limit_price' ~ '^\d+(\.\d+)?$'
                THEN (order_terms ->> 'limit_price')::numeric END
        ) FILTER (WHERE settled_at IS NULL AND side = 'BUY') AS ordered_in_usd,
        max(approved_at) AS last_trade_at,
        count(*) FILTER (WHERE is_today) AS trades_today
    FROM (
        SELECT *, approved_at >= %(day_start)s AS is_today, signed * fill_price AS paid,
            CASE WHEN ticker IN (SELECT ticker FROM price_gap_reviews)
                THEN trim_scale(round(signed * split_factor(ticker, approved_at), 9)) ELSE signed END AS filled
        FROM dispatch_executions
        CROSS JOIN LATERAL (
            SELECT CASE side WHEN 'BUY' THEN filled_quantity ELSE -filled_quantity END AS signed
        ) AS direction
        WHERE status <> 'UNSENT' AND broker = %(broker)s
    ) AS execution
    GROUP BY ticker
), line AS (
    SELECT
        ticker, coalesce(before, 0) AS before, coalesce(today, 0) AS today,
        coalesce(paid_today, 0) + coalesce(fees_today, 0) AS spent_today,
        coalesce(ordered_in, 0) AS ordered_in, coalesce(ordered_out, 0) AS ordered_out, last_trade_at,
        coalesce(trades_today, 0) AS trades_today, coalesce(paid, 0) + coalesce(fees, 0) AS spent,
        coalesce(ordered_in_usd, 0) AS ordered_in_usd
    FROM traded FULL JOIN unnest(%(tickers)s::text[]) AS asked (ticker) USING (ticker)
)
SELECT line.*, opening.close, newest.close, newest.known_at
FROM line
LEFT JOIN LATERAL (
    SELECT trim_scale(close / split_factor(bar.ticker, bar.ts)) AS close FROM lane_telemetry AS bar
    WHERE line.before <> 0 AND bar.ticker = line.ticker AND bar.timeframe = '5Min' AND bar.ts < %(day_start)s
    ORDER BY bar.ts DESC LIMIT 1
) AS opening ON true
LEFT JOIN LATERAL (
    SELECT close, least(bar.ts + %(bar)s, bar.received_at) AS known_at FROM lane_telemetry AS bar
    WHERE (
        line.before <> 0 OR line.today <> 0 OR line.ordered_in <> 0 OR line.ordered_out <> 0
        OR line.ticker = ANY(%(tickers)s)
    ) AND bar.ticker = line.ticker AND bar.timeframe = '5Min'
    ORDER BY bar.ts DESC LIMIT 1
) AS newest ON true
"""

_SET_DECIDED_ASIDE = """
UPDATE dispatch_recommendations AS recommendation
SET status = known.status, decision_id = known.decision_id, attempts = attempts + 1,
    status_reason = 'was pending, but already had a decision', status_changed_at = %(now)s,
    claim_token = CASE known.status WHEN 'CLAIMED' THEN %(token)s::uuid END,
    claimed_until = CASE known.status WHEN 'CLAIMED' THEN %(now)s::timestamptz END
FROM (
    SELECT asked.recommendation_id, decision_id, CASE
        WHEN execution.status IN ('APPROVED', 'SENT') THEN 'CLAIMED'
        WHEN execution.status = 'FILLED' THEN 'EXECUTED'
        WHEN execution.status IN ('UNFILLED', 'UNSENT') THEN 'EXPIRED'
        WHEN decision.verdict = 'refused' THEN 'REFUSED'
        ELSE 'FAILED'
    END AS status
    FROM unnest(%(recommendation_id)s::uuid[], %(decision_id)s::uuid[]) AS asked (recommendation_id, decision_id)
    JOIN decisions AS decision USING (decision_id)
    LEFT JOIN dispatch_executions AS execution USING (recommendation_id)
) AS known
WHERE recommendation.recommendation_id = known.recommendation_id
RETURNING recommendation.recommendation_id, recommendation.status
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
    """RecommendationStore in one database, with the rights of the application role."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Connection[TupleRow] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything that is claimed and recorded in it, or nothing."""
        with self._database.transaction() as connection:
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    def lock_pending(self, limit: int) -> tuple[Recommendation, ...]:
        """Lock the oldest pending recommendations that no other dispatcher has locked, until the transaction ends."""
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
    ) -> tuple[Unsettled | Unusable, ...]:
        """Claim approved orders whose claim has expired, under `token`; one with unreadable terms is unusable."""
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
            SELECT recommendation_id, order_terms, status
            FROM dispatch_executions JOIN claimed USING (recommendation_id)
            ORDER BY approved_at, recommendation_id
            """,
            {"now": now, "limit": limit, "token": token, "until": claimed_until},
        ).fetchall()
        return tuple(_unsettled(*row) for row in rows)

    def set_decided_aside(
        self, recommendations: Sequence[Recommendation], token: UUID, *, now: datetime
    ) -> tuple[Unusable, ...]:
        """Give pending recommendations that have a decision already the status that follows from it.

        One with an open order is claimed until `now`, so that the next dispatcher follows the order.
        """
        rows = self._connection.execute(
            _SET_DECIDED_ASIDE,
            {
                "recommendation_id": [each.recommendation_id for each in recommendations],
                "decision_id": [order_decision_id(each) for each in recommendations],
                "token": token,
                "now": now,
            },
        ).fetchall()
        return tuple(Unusable(each, f"pending, but it already has a decision; now {status}") for each, status in rows)

    def book(self, tickers: Sequence[str], *, broker: str, day_start: datetime, failures_since: datetime) -> Book:
        """Return the book at `broker` with quotes of `tickers`; locked until the transaction ends."""
        connection = self._connection
        with connection.pipeline():  # one round trip, because other dispatchers wait
            connection.execute(_LOCK)  # then read: a statement sees what was committed before it began
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
        for (
            ticker,
            before,
            today,
            *amounts,
            last_trade_at,
            trades,
            spent,
            coming_usd,
            opening,
            price,
            known_at,
        ) in lines:
            spent_today, coming, going = amounts
            holdings[ticker] = Holding(
                before, today, spent_today, coming, going, last_trade_at, opening, price, spent, coming_usd
            )
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

    def fills(self, broker: str) -> tuple[Fill, ...]:
        """Return every fill at `broker`, oldest first, in shares and prices after reviewed splits."""
        rows = self._connection.execute(
            """
            SELECT ticker, side, trim_scale(round(filled_quantity * factor, 9)), trim_scale(fill_price / factor), fees
            FROM dispatch_executions
            CROSS JOIN LATERAL split_factor(ticker, approved_at) AS factor
            WHERE broker = %s AND filled_quantity > 0 ORDER BY approved_at, recommendation_id
            """,
            (broker,),
        ).fetchall()
        return tuple(Fill(ticker, Side(side), *amounts) for ticker, side, *amounts in rows)

    def record(self, evaluations: Sequence[Evaluation], token: UUID, *, claimed_until: datetime) -> None:
        """Store decisions, and approved orders under `token`. Raises ConflictError when a decision exists."""
        connection = self._connection
        approved = [
            _approval(evaluation.order, evaluation.decision.made_at) for evaluation in evaluations if evaluation.order
        ]
        with connection.pipeline():
            decided = insert_decisions(connection, [evaluation.decision for evaluation in evaluations])
            connection.execute(
                _MARK,
                {
                    "token": token,
                    "until": claimed_until,
                    "marks": _jsonb([_mark(evaluation) for evaluation in evaluations]),
                },
            )
            if approved:
                connection.execute(_APPROVE, (_jsonb(approved),))
        if decided.rowcount != len(evaluations):
            raise ConflictError("a pending recommendation already has a decision")

    @property
    def _connection(self) -> Connection[TupleRow]:
        if self._open is None:
            raise RuntimeError("called outside of transaction()")
        return self._open


def _unsettled(recommendation_id: UUID, terms: object, status: str) -> Unsettled | Unusable:
    try:
        return Unsettled(Order.model_validate(terms), sent=status == "SENT")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        return Unusable(recommendation_id, f"order_terms can't be read: {place}: {first['msg']}")


def _mark(evaluation: Evaluation) -> dict[str, Any]:
    refused = "EXPIRED" if evaluation.expired else "REFUSED"
    return {
        "recommendation_id": evaluation.recommendation.recommendation_id,
        "status": "CLAIMED" if evaluation.order else refused,
        "decision_id": evaluation.decision.decision_id,
        "reason": evaluation.reason[:1000],
        "made_at": evaluation.decision.made_at,
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

_ENDS = {  # final status of an order to that of its recommendation
    ExecutionStatus.FILLED: "EXECUTED",
    ExecutionStatus.REJECTED: "FAILED",
    ExecutionStatus.UNFILLED: "EXPIRED",
    ExecutionStatus.UNSENT: "EXPIRED",
}


class PostgresExecutions:
    """ExecutionStore in one database, with the rights of the application role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, execution: Execution) -> SettlementAction:
        """Apply a report once; return what it changed. Raises NotFoundError for an unknown order."""
        with self._database.transaction() as connection:
            current, claim_token = self._current(connection, execution)
            action = settlement_action(current, execution, holds_claim=claim_token == execution.claim_token)
            match action:
                case SettlementAction.SETTLE:
                    self._settle(connection, execution)
                case SettlementAction.POLL:
                    self._poll(connection, execution, current)
                case SettlementAction.RETRY:
                    self._count_failure(connection, execution)
        return action

    def _current(self, connection: Connection[TupleRow], execution: Execution) -> tuple[ExecutionStatus, UUID | None]:
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
            raise NotFoundError("no approved order has this id", field=execution.client_order_id)
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
        _store_outcome(connection, execution)

    def _poll(self, connection: Connection[TupleRow], execution: Execution, current: ExecutionStatus) -> None:
        """Keep the claim until POLL_SECONDS have passed; then a dispatcher queries the broker again."""
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
                execution.observed_at + timedelta(seconds=POLL_SECONDS),
                execution.recommendation_id,
            ),
        )
        if current is not ExecutionStatus.SENT:
            _store_outcome(connection, execution)

    def _count_failure(self, connection: Connection[TupleRow], execution: Execution) -> None:
        """Count a failure. After the claim expires, a dispatcher queries the broker."""
        connection.execute(
            """
            UPDATE dispatch_executions SET failures = failures + 1, last_error = %(reason)s, last_error_at = %(at)s
            WHERE recommendation_id = %(id)s AND last_error_at IS DISTINCT FROM %(at)s
            """,
            {"reason": execution.reason, "at": execution.observed_at, "id": execution.recommendation_id},
        )


def _store_outcome(connection: Connection[TupleRow], execution: Execution) -> None:
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
    """DispatchControls in one database, with the rights of the application role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Control:
        """Return its current state."""
        with self._database.transaction() as connection:
            return _control(connection)

    def change(self, *, halted: bool, actor: str, reason: str) -> Control:
        """Set it. After a halt returns, no order is approved until dispatch is resumed."""
        with self._database.transaction() as connection:
            connection.execute(_LOCK)  # wait for a running evaluation; the next one sees the change
            connection.execute(
                """
                INSERT INTO dispatch_controls (changed_at, halted, actor, reason)
                VALUES (clock_timestamp(), %s, %s, %s)
                """,
                (halted, actor, reason),
            )
            return _control(connection)

    def open_orders(self) -> int:
        """Return the number of orders that are approved and not settled."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT count(*) FROM dispatch_executions WHERE settled_at IS NULL").fetchone()
        return int(row[0]) if row else 0


def _control(connection: Connection[TupleRow]) -> Control:
    with connection.cursor(row_factory=class_row(Control)) as cursor:
        return cursor.execute(_CURRENT_CONTROL).fetchone() or RUNNING


def _jsonb(value: object) -> Jsonb:
    return Jsonb(value, dumps=to_json)
