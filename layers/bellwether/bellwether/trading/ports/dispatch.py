"""Recommendations, the broker and the controls."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from bellwether.trading.domain.dispatch import (
    Book,
    BrokerOrder,
    Control,
    Execution,
    Order,
    Recommendation,
    Ruling,
    Step,
)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An approved order whose dispatcher did not come back. `sent`: the broker was seen to have it."""

    order: Order
    sent: bool


class RecommendationStore(Protocol):
    """Recommendations on their way through the gates. All but `transaction` is called inside of it."""

    def transaction(self) -> AbstractContextManager[None]:
        """What is claimed, ruled and recorded in it holds altogether or not at all."""

    def lock_pending(self, limit: int) -> tuple[Recommendation, ...]:
        """The oldest that wait and that nobody else has in hand, to the transaction's end."""

    def claim_unsettled(
        self, token: UUID, *, limit: int, now: datetime, claimed_until: datetime
    ) -> tuple[Unsettled, ...]:
        """Approved orders whose claim has run out, now claimed under `token`."""

    def book(self, tickers: Sequence[str], *, broker: str, day_start: datetime, failures_since: datetime) -> Book:
        """What the limits at `broker` refer to, with quotes of `tickers`; nobody else sees it meanwhile."""

    def record(self, rulings: Sequence[Ruling], token: UUID, *, claimed_until: datetime) -> None:
        """Keep decisions, and approved orders under `token`; ConflictError when one was decided before."""


class ExecutionStore(Protocol):
    """Orders, and what brokers made of them."""

    def settle(self, execution: Execution) -> Step:
        """Take a report about an order in, once; returns what it changed. Raises NotFoundError for an unknown order."""


class DispatchControls(Protocol):
    """The manual kill switch."""

    def current(self) -> Control:
        """As it was last set."""

    def change(self, *, halted: bool, actor: str, reason: str) -> Control:
        """Set it. When this returns, no order is approved any more (or, resumed, may be again)."""

    def on_their_way(self) -> int:
        """How many orders are approved and not settled."""


class Broker(Protocol):
    """Who executes orders. Raises TransientUpstreamError or UpstreamError."""

    @property
    def name(self) -> str:
        """As it stands in the table of executions."""

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that name; None when there is none."""

    def place(self, order: Order) -> BrokerOrder:
        """Send it; raises ConflictError when an order of its name is there already."""
