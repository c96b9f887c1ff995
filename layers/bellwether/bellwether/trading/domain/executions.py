"""Executions: what the broker did with an order, and how a report about it changes its state."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.trading.domain.orders import ZERO, ClaimedOrder


class ExecutionStatus(StrEnum):
    """State of an order. The first three are not final."""

    APPROVED = "APPROVED"  # passed the gates; not yet known whether the broker has it
    UNCLEAR = "UNCLEAR"  # the broker could not be queried
    SENT = "SENT"  # open at the broker
    FILLED = "FILLED"  # closed, wholly or partly filled
    UNFILLED = "UNFILLED"  # closed without a fill
    REJECTED = "REJECTED"  # rejected by the broker
    UNSENT = "UNSENT"  # never reached the broker and will not be sent

    @property
    def is_final(self) -> bool:
        return self not in (ExecutionStatus.APPROVED, ExecutionStatus.UNCLEAR, ExecutionStatus.SENT)


class Execution(BaseModel):
    """A dispatcher's report about one order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recommendation_id: UUID
    decision_id: UUID
    client_order_id: str
    claim_token: UUID
    status: ExecutionStatus
    observed_at: AwareDatetime
    broker_order_id: Annotated[str | None, Field(max_length=200)] = None
    sent_at: AwareDatetime | None = None
    filled_quantity: Annotated[Decimal, Field(ge=0)] = ZERO
    fill_price: Annotated[Decimal | None, Field(gt=0)] = None
    fees: Annotated[Decimal, Field(ge=0)] = ZERO
    reason: Annotated[str, Field(max_length=1000)] = ""


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker reports it."""

    broker_order_id: str
    status: ExecutionStatus
    sent_at: datetime | None = None
    filled_quantity: Decimal = ZERO
    fill_price: Decimal | None = None
    fees: Decimal = ZERO
    reason: str = ""


def execution_at_broker(order: ClaimedOrder, reported: BrokerOrder, at: datetime) -> Execution:
    """Report of an order that the broker has."""
    return Execution(
        recommendation_id=order.recommendation_id,
        decision_id=order.decision_id,
        client_order_id=order.client_order_id,
        claim_token=order.claim_token,
        status=reported.status,
        observed_at=at,
        broker_order_id=reported.broker_order_id,
        sent_at=reported.sent_at,
        filled_quantity=reported.filled_quantity,
        fill_price=reported.fill_price,
        fees=reported.fees,
        reason=reported.reason[:1000],
    )


def execution_not_at_broker(order: ClaimedOrder, status: ExecutionStatus, reason: str, at: datetime) -> Execution:
    """Report of an order that the broker does not have, or that it could not be queried about."""
    return Execution(
        recommendation_id=order.recommendation_id,
        decision_id=order.decision_id,
        client_order_id=order.client_order_id,
        claim_token=order.claim_token,
        status=status,
        observed_at=at,
        reason=reason[:1000],
    )


class SettlementAction(StrEnum):
    """What a report about an order changes."""

    SETTLE = "settle"  # the order is final
    POLL = "poll"  # the order is open at the broker: query again
    RETRY = "retry"  # the state is unknown: count a failure and query again
    IGNORE = "ignore"  # already known, or from a dispatcher that no longer holds the claim


def settlement_action(current: ExecutionStatus, execution: Execution, *, holds_claim: bool) -> SettlementAction:
    """Decide what a report about an order in state `current` changes.

    A broker's status counts from any dispatcher. Only the holder of the claim can know that an order was not sent.
    """
    status = execution.status
    from_broker = status is ExecutionStatus.SENT or (status.is_final and status is not ExecutionStatus.UNSENT)
    if current.is_final and not (current is ExecutionStatus.UNSENT and from_broker):
        return SettlementAction.IGNORE
    if from_broker:
        return SettlementAction.SETTLE if status.is_final else SettlementAction.POLL
    if not holds_claim:
        return SettlementAction.IGNORE
    if status is ExecutionStatus.UNSENT and current is ExecutionStatus.APPROVED:
        return SettlementAction.SETTLE
    return SettlementAction.RETRY
