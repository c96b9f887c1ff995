"""Put waiting recommendations through the gates, and take what passed, and what was left behind, into hand."""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.dispatch import (
    ClaimedOrder,
    DispatchPolicy,
    Order,
    Ruling,
    Side,
    rule,
    trading_day_start,
)
from bellwether.trading.ports.dispatch import RecommendationStore, Unsettled


class Refusal(BaseModel):
    """A recommendation that did not pass, and why."""

    model_config = ConfigDict(frozen=True)

    recommendation_id: UUID
    decision_id: UUID
    ticker: str
    side: Side
    reasons: tuple[str, ...]


class Claimed(BaseModel):
    """Orders in this dispatcher's hands. `reclaimed` of them were left behind by one that did not come back."""

    model_config = ConfigDict(frozen=True)

    orders: tuple[ClaimedOrder, ...]
    refused: tuple[Refusal, ...]
    count: int
    reclaimed: int


def claim_recommendations(
    *,
    store: RecommendationStore,
    clock: Clock,
    policy: DispatchPolicy,
    actor: str,
    token: UUID,
    limit: int,
) -> Claimed:
    """Claim, rule and record in one transaction; dispatchers rule one after the other, each seeing the other's orders.

    A claim that runs out comes back here with its standing decision: it is never ruled again, and sent only while its
    terms are still good. Raises ConflictError when a recommendation was decided before.
    """
    now = clock.now()
    claimed_until = now + timedelta(seconds=policy.lease_seconds)
    send_before = now + timedelta(seconds=policy.send_window_seconds)
    rulings: list[Ruling] = []
    with store.transaction():
        left_behind = store.claim_unsettled(token, limit=limit, now=now, claimed_until=claimed_until)
        pending = store.lock_pending(limit - len(left_behind))
        if not left_behind and not pending:
            return Claimed(orders=(), refused=(), count=0, reclaimed=0)
        book = store.book(
            sorted({each.ticker for each in pending}),
            broker=policy.broker,
            day_start=trading_day_start(now, policy.market_hours),
            failures_since=now - timedelta(seconds=policy.failure_window_seconds),
        )
        stopped = book.control.halted or book.failures >= policy.max_failures
        ruled_at = max(now, clock.now())  # others may have ruled while this one waited for the book
        for each in pending:
            ruling = rule(each, book, policy, now=ruled_at, actor=actor)
            rulings.append(ruling)
            if ruling.order:
                book = book.after(ruling.order, ruled_at)
        if rulings:
            store.record(rulings, token, claimed_until=claimed_until)
    fresh = [_claimed(ruling.order, token, send_before, now) for ruling in rulings if ruling.order]
    again = [_reclaimed(each, token, send_before, now, stopped=stopped) for each in left_behind]
    orders = (*again, *fresh)
    return Claimed(
        orders=orders,
        refused=tuple(_refusal(ruling) for ruling in rulings if not ruling.order),
        count=len(orders),
        reclaimed=len(again),
    )


def _reclaimed(
    unsettled: Unsettled, token: UUID, send_before: datetime, now: datetime, *, stopped: bool
) -> ClaimedOrder:
    """What was seen at the broker, or is not to be sent any more, is only asked for."""
    if stopped or unsettled.sent:
        return ClaimedOrder(**unsettled.order.model_dump(), claim_token=token, send_before=None)
    return _claimed(unsettled.order, token, send_before, now)


def _claimed(order: Order, token: UUID, send_before: datetime, now: datetime) -> ClaimedOrder:
    until = min(order.valid_until, send_before)
    return ClaimedOrder(**order.model_dump(), claim_token=token, send_before=until if until > now else None)


def _refusal(ruling: Ruling) -> Refusal:
    return Refusal(
        recommendation_id=ruling.recommendation.recommendation_id,
        decision_id=ruling.decision.decision_id,
        ticker=ruling.recommendation.ticker,
        side=ruling.recommendation.side,
        reasons=ruling.decision.reasons,
    )
