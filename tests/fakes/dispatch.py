"""Dispatch in memory: stores, a broker with programmed failures, and a manual clock."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from bellwether.shared.domain.decisions import Decision, Verdict
from bellwether.shared.domain.errors import BellwetherError, ConflictError, NotFoundError
from bellwether.trading.domain.book import RUNNING, Book, Control, Holding
from bellwether.trading.domain.executions import (
    BrokerOrder,
    Execution,
    ExecutionStatus,
    SettlementAction,
    settlement_action,
)
from bellwether.trading.domain.gate_evaluation import Evaluation
from bellwether.trading.domain.orders import DRY_RUN, ZERO, Order, Quote, Recommendation, order_decision_id
from bellwether.trading.domain.positions import Fill
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.domain.signals import Side
from bellwether.trading.ports.dispatch import Unsettled, Unusable

NOW = datetime(2026, 3, 2, 16, tzinfo=UTC)  # a Monday, 11 o'clock in New York
OPENED = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
_NAMES = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def a_recommendation(number: int = 1, **changes: Any) -> Recommendation:
    """To buy 2 shares of AAPL at 200 USD, a minute old."""
    given: dict[str, Any] = {
        "recommendation_id": uuid5(_NAMES, f"recommendation {number}"),
        "ticker": "AAPL",
        "side": Side.BUY,
        "quantity": Decimal(2),
        "reference_price": Decimal(200),
        "rule_version": "sentiment-sma/1-00000000",
        "made_at": NOW - timedelta(minutes=1),
        "expires_at": NOW + timedelta(minutes=14),
    }
    return Recommendation(**(given | changes))


def with_limits(policy: DispatchPolicy, **changes: Any) -> DispatchPolicy:
    """The policy with changed fields, validated again."""
    return DispatchPolicy.model_validate(policy.model_dump() | changes)


@dataclass
class ManualClock:
    """Clock that stands until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class FakeBroker:
    """Broker with a memory. `failure` is raised by the next `place`: before the order arrives, or after it."""

    name: str = DRY_RUN
    orders: dict[str, BrokerOrder] = field(default_factory=dict)
    placed: list[str] = field(default_factory=list)
    failure: BellwetherError | None = None
    order_arrives: bool = False
    unavailable: BellwetherError | None = None
    answers_with: ExecutionStatus = ExecutionStatus.FILLED

    def find(self, client_order_id: str) -> BrokerOrder | None:
        if self.unavailable:
            raise self.unavailable
        return self.orders.get(client_order_id)

    def place(self, order: Order) -> BrokerOrder:
        failure, self.failure = self.failure, None
        if failure and not self.order_arrives:
            raise failure
        if order.client_order_id in self.orders:
            raise ConflictError("already sent")
        filled = self.answers_with is ExecutionStatus.FILLED
        self.orders[order.client_order_id] = BrokerOrder(
            broker_order_id=f"b-{len(self.orders) + 1}",
            status=self.answers_with,
            filled_quantity=order.quantity if filled else ZERO,
            fill_price=order.expected_price if filled else None,
        )
        self.placed.append(order.client_order_id)
        if failure:
            raise failure
        return self.orders[order.client_order_id]


@dataclass
class _RecommendationRow:
    recommendation: Recommendation
    status: str = "PENDING"
    claim_token: UUID | None = None
    claimed_until: datetime | None = None
    attempts: int = 0


@dataclass
class _ExecutionRow:
    order: Order
    approved_at: datetime
    status: ExecutionStatus = ExecutionStatus.APPROVED
    filled: Decimal = ZERO
    price: Decimal | None = None
    fees: Decimal = ZERO
    last_error_at: datetime | None = None


class InMemoryDispatchStores:
    """RecommendationStore, ExecutionStore and DispatchControls over dictionaries."""

    def __init__(self) -> None:
        self._recommendations: dict[UUID, _RecommendationRow] = {}
        self._executions: dict[UUID, _ExecutionRow] = {}
        self._decisions: dict[UUID, Decision] = {}
        self._outcomes: list[tuple[UUID, str]] = []
        self._controls: list[Control] = []
        self._bars: dict[str, list[Quote]] = {}
        self.unreadable: set[UUID] = set()

    @property
    def recommendations(self) -> "InMemoryDispatchStores":
        return self

    @property
    def executions(self) -> "InMemoryDispatchStores":
        return self

    @property
    def controls(self) -> "InMemoryDispatchStores":
        return self

    # --- to look and to prepare

    def add(self, *recommendations: Recommendation) -> None:
        for each in recommendations:
            self._recommendations[each.recommendation_id] = _RecommendationRow(each)

    def add_bar(self, ticker: str, price: Decimal, ended_at: datetime) -> None:
        self._bars.setdefault(ticker, []).append(Quote(price, ended_at))

    def status(self, recommendation: Recommendation) -> str:
        return self._recommendations[recommendation.recommendation_id].status

    def execution_status(self, recommendation: Recommendation) -> str | None:
        row = self._executions.get(recommendation.recommendation_id)
        return row.status.value if row else None

    def decisions(self) -> list[tuple[str, str]]:
        return sorted((each.subject, each.verdict.value) for each in self._decisions.values())

    def outcomes(self) -> list[str]:
        return sorted(status for _, status in self._outcomes)

    def put_back(self, recommendation: Recommendation) -> None:
        line = self._recommendations[recommendation.recommendation_id]
        line.status, line.claim_token, line.claimed_until = "PENDING", None, None

    def break_terms(self, recommendation: Recommendation) -> None:
        self.unreadable.add(recommendation.recommendation_id)

    # --- RecommendationStore

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = {key: copy(line) for key, line in self._recommendations.items()}
        try:
            yield
        except BaseException:
            self._recommendations = before
            raise

    def lock_pending(self, limit: int) -> tuple[Recommendation, ...]:
        waiting = [line.recommendation for line in self._recommendations.values() if line.status == "PENDING"]
        return tuple(sorted(waiting, key=lambda each: (each.made_at, each.recommendation_id))[:limit])

    def claim_unsettled(
        self, token: UUID, *, limit: int, now: datetime, claimed_until: datetime
    ) -> tuple[Unsettled | Unusable, ...]:
        lost = [
            (key, line)
            for key, line in self._recommendations.items()
            if line.status == "CLAIMED" and line.claimed_until is not None and line.claimed_until <= now
        ]
        for _, line in lost[:limit]:
            line.claim_token, line.claimed_until = token, claimed_until
        executions = [(key, self._executions[key]) for key, _ in lost[:limit]]
        return tuple(
            Unusable(key, "order_terms can't be read")
            if key in self.unreadable
            else Unsettled(row.order, row.status is ExecutionStatus.SENT)
            for key, row in executions
        )

    def set_decided_aside(
        self, recommendations: Sequence[Recommendation], token: UUID, *, now: datetime
    ) -> tuple[Unusable, ...]:
        found = []
        for each in recommendations:
            key, decision = each.recommendation_id, self._decisions.get(order_decision_id(each))
            if decision is None:
                continue
            line, row = self._recommendations[key], self._executions.get(key)
            line.status = "REFUSED" if decision.verdict is Verdict.REFUSED else "FAILED"
            if row and not row.status.is_final:
                line.status, line.claim_token, line.claimed_until = "CLAIMED", token, now
            elif row:
                ends = {ExecutionStatus.FILLED: "EXECUTED", ExecutionStatus.REJECTED: "FAILED"}
                line.status = ends.get(row.status, "EXPIRED")
            found.append(Unusable(key, f"pending, but it already has a decision; now {line.status}"))
        return tuple(found)

    def book(self, tickers: Sequence[str], *, broker: str, day_start: datetime, failures_since: datetime) -> Book:
        executions = [
            each
            for each in self._executions.values()
            if each.status is not ExecutionStatus.UNSENT and each.order.broker == broker
        ]
        names = {*tickers, *(each.order.ticker for each in executions)}
        return Book(
            trades_today=sum(each.approved_at >= day_start for each in executions),
            failures=sum(
                each.last_error_at is not None and each.last_error_at >= failures_since
                for each in self._executions.values()
            ),
            control=self.current(),
            holdings={name: self._holding(name, executions, day_start) for name in names},
            quotes={name: self._bars[name][-1] for name in names if name in self._bars},
        )

    def _holding(self, ticker: str, every: Sequence[_ExecutionRow], day_start: datetime) -> Holding:
        executions = [each for each in every if each.order.ticker == ticker]
        today = [each for each in executions if each.approved_at >= day_start]
        bars = self._bars.get(ticker, [])
        return Holding(
            before=sum((_signed(each) for each in executions if each not in today), ZERO),
            today=sum((_signed(each) for each in today), ZERO),
            spent_today=sum((_signed(each) * (each.price or ZERO) + each.fees for each in today), ZERO),
            ordered_in=sum((e.order.quantity for e in executions if _is_open_buy(e)), ZERO),
            ordered_out=sum(
                (e.order.quantity for e in executions if not e.status.is_final and e.order.side == "SELL"), ZERO
            ),
            last_trade_at=max((each.approved_at for each in executions), default=None),
            opening_price=next((bar.price for bar in reversed(bars) if bar.at <= day_start), None),
            price=bars[-1].price if bars else None,
            spent=sum((_signed(each) * (each.price or ZERO) + each.fees for each in executions), ZERO),
            ordered_in_usd=sum((e.order.quantity * e.order.limit_price for e in executions if _is_open_buy(e)), ZERO),
        )

    def fills(self, broker: str) -> tuple[Fill, ...]:
        by_time = sorted(self._executions.items(), key=lambda item: (item[1].approved_at, item[0]))
        return tuple(
            Fill(each.order.ticker, each.order.side, each.filled, each.price, each.fees)
            for _, each in by_time
            if each.order.broker == broker and each.price is not None
        )

    def record(self, evaluations: Sequence[Evaluation], token: UUID, *, claimed_until: datetime) -> None:
        for evaluation in evaluations:
            key = evaluation.recommendation.recommendation_id
            if evaluation.decision.decision_id in self._decisions:
                raise ConflictError("decided before")
            self._decisions[evaluation.decision.decision_id] = evaluation.decision
            line = self._recommendations[key]
            if evaluation.order:
                line.status, line.claim_token, line.claimed_until = "CLAIMED", token, claimed_until
                self._executions[key] = _ExecutionRow(evaluation.order, evaluation.decision.made_at)
            else:
                line.status = "EXPIRED" if evaluation.expired else "REFUSED"

    # --- ExecutionStore

    def settle(self, execution: Execution) -> SettlementAction:
        line, row = (each.get(execution.recommendation_id) for each in (self._recommendations, self._executions))
        if not isinstance(line, _RecommendationRow) or not isinstance(row, _ExecutionRow):
            raise NotFoundError("no such order was approved")
        action = settlement_action(row.status, execution, holds_claim=line.claim_token == execution.claim_token)
        match action:
            case SettlementAction.SETTLE:
                row.status, row.fees = execution.status, execution.fees
                row.filled, row.price = execution.filled_quantity, execution.fill_price
                ends = {ExecutionStatus.FILLED: "EXECUTED", ExecutionStatus.REJECTED: "FAILED"}
                line.status = ends.get(execution.status, "EXPIRED")
                line.claim_token = line.claimed_until = None
                if execution.status is ExecutionStatus.REJECTED:
                    row.last_error_at = execution.observed_at
                self._outcomes.append((execution.decision_id, execution.status.value.lower()))
            case SettlementAction.POLL:
                if row.status is not ExecutionStatus.SENT:
                    self._outcomes.append((execution.decision_id, "sent"))
                row.status, line.status = ExecutionStatus.SENT, "CLAIMED"
                line.claim_token = execution.claim_token
                line.claimed_until = execution.observed_at + timedelta(seconds=45)
            case SettlementAction.RETRY:
                row.last_error_at = execution.observed_at
        return action

    # --- DispatchControls

    def current(self) -> Control:
        return self._controls[-1] if self._controls else RUNNING

    def change(self, *, halted: bool, actor: str, reason: str) -> Control:
        self._controls.append(Control(halted, actor, reason, NOW))
        return self.current()

    def open_orders(self) -> int:
        return sum(not each.status.is_final for each in self._executions.values())


def _is_open_buy(row: _ExecutionRow) -> bool:
    return row.order.side is Side.BUY and not row.status.is_final


def _signed(row: _ExecutionRow) -> Decimal:
    return row.filled if row.order.side is Side.BUY else -row.filled
