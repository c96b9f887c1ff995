"""Ports of dispatch: recommendations, executions, the kill switch and the broker."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from bellwether.trading.domain.book import Book, Control
from bellwether.trading.domain.executions import BrokerOrder, Execution, SettlementAction
from bellwether.trading.domain.gate_evaluation import Evaluation
from bellwether.trading.domain.orders import Order, Recommendation
from bellwether.trading.domain.positions import Fill


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An approved order abandoned by its dispatcher. `sent`: the broker is known to have it."""

    order: Order
    sent: bool


@dataclass(frozen=True, slots=True)
class Unusable:
    """A stored recommendation or order that dispatch can't use, and why."""

    recommendation_id: UUID
    reason: str


class RecommendationStore(Protocol):
    """Pending recommendations and their decisions. Call all other methods inside `transaction`."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything that is claimed and recorded in it, or nothing."""

    def lock_pending(self, limit: int) -> tuple[Recommendation, ...]:
        """Lock the oldest pending recommendations that no other dispatcher has locked, until the transaction ends."""

    def claim_unsettled(
        self, token: UUID, *, limit: int, now: datetime, claimed_until: datetime
    ) -> tuple[Unsettled | Unusable, ...]:
        """Claim approved orders whose claim has expired, under `token`; one with unreadable terms is unusable."""

    def set_decided_aside(
        self, recommendations: Sequence[Recommendation], token: UUID, *, now: datetime
    ) -> tuple[Unusable, ...]:
        """Give pending recommendations that have a decision already the status that follows from it.

        One with an open order is claimed until `now`, so that the next dispatcher follows the order.
        """

    def book(self, tickers: Sequence[str], *, broker: str, day_start: datetime, failures_since: datetime) -> Book:
        """Return the book at `broker` with quotes of `tickers`; locked until the transaction ends."""

    def fills(self, broker: str) -> Sequence[Fill]:
        """Return every fill at `broker`, oldest first, in shares and prices after reviewed splits."""

    def record(self, evaluations: Sequence[Evaluation], token: UUID, *, claimed_until: datetime) -> None:
        """Store decisions, and approved orders under `token`. Raises ConflictError when a decision exists."""


class ExecutionStore(Protocol):
    """Orders and their state."""

    def settle(self, execution: Execution) -> SettlementAction:
        """Apply a report once; return what it changed. Raises NotFoundError for an unknown order."""


class DispatchControls(Protocol):
    """The manual kill switch."""

    def current(self) -> Control:
        """Return its current state."""

    def change(self, *, halted: bool, actor: str, reason: str) -> Control:
        """Set it. After a halt returns, no order is approved until dispatch is resumed."""

    def open_orders(self) -> int:
        """Return the number of orders that are approved and not settled."""


class Broker(Protocol):
    """Executes orders. Raises TransientUpstreamError or UpstreamError."""

    @property
    def name(self) -> str:
        """Name of the broker in executions."""

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """Return the order with this id; None if there is none."""

    def place(self, order: Order) -> BrokerOrder:
        """Send an order. Raises ConflictError when its id already exists."""
