"""Claim pending recommendations: evaluate the risk gates, and claim approved orders and abandoned ones."""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.book import trading_day_start
from bellwether.trading.domain.gate_evaluation import Evaluation, evaluate
from bellwether.trading.domain.orders import ClaimedOrder, Order
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.domain.signals import Side
from bellwether.trading.ports.dispatch import RecommendationStore, Unsettled, Unusable


class Refusal(BaseModel):
    """A refused recommendation with its reasons."""

    model_config = ConfigDict(frozen=True)

    recommendation_id: UUID
    decision_id: UUID
    ticker: str
    side: Side
    reasons: tuple[str, ...]


class Failure(BaseModel):
    """A stored recommendation or order that can't be used; it stops no other."""

    model_config = ConfigDict(frozen=True)

    recommendation_id: UUID
    reason: str


class Claimed(BaseModel):
    """Orders claimed by this dispatcher. `reclaimed` of them were abandoned by another dispatcher."""

    model_config = ConfigDict(frozen=True)

    orders: tuple[ClaimedOrder, ...]
    refused: tuple[Refusal, ...]
    count: int
    reclaimed: int
    failed: tuple[Failure, ...] = ()


def claim_recommendations(
    *,
    store: RecommendationStore,
    clock: Clock,
    policy: DispatchPolicy,
    actor: str,
    token: UUID,
    limit: int,
) -> Claimed:
    """Claim, evaluate and record in one transaction. Dispatchers evaluate one at a time and see each other's orders.

    An expired claim is claimed again with its existing decision: it is never evaluated again, and sent only while its
    terms are valid. A pending recommendation that already has a decision fails alone, and so does an order with
    unreadable terms.
    """
    now = clock.now()
    claimed_until = now + timedelta(seconds=policy.lease_seconds)
    send_before = now + timedelta(seconds=policy.send_window_seconds)
    evaluations: list[Evaluation] = []
    with store.transaction():
        found = store.claim_unsettled(token, limit=limit, now=now, claimed_until=claimed_until)
        abandoned = [each for each in found if isinstance(each, Unsettled)]
        pending = store.lock_pending(limit - len(abandoned))
        decided = store.set_decided_aside(pending, token, now=now) if pending else ()
        unusable = [*(each for each in found if isinstance(each, Unusable)), *decided]
        aside = {each.recommendation_id for each in decided}
        pending = tuple(each for each in pending if each.recommendation_id not in aside)
        failed = tuple(Failure(recommendation_id=each.recommendation_id, reason=each.reason) for each in unusable)
        if not abandoned and not pending:
            return Claimed(orders=(), refused=(), count=0, reclaimed=0, failed=failed)
        book = store.book(
            sorted({each.ticker for each in pending}),
            broker=policy.broker,
            day_start=trading_day_start(now, policy.market_hours),
            failures_since=now - timedelta(seconds=policy.failure_window_seconds),
        )
        stopped = book.control.halted or book.failures >= policy.max_failures
        evaluated_at = max(now, clock.now())  # another dispatcher may have evaluated while this one waited for the book
        for each in pending:
            evaluation = evaluate(each, book, policy, now=evaluated_at, actor=actor)
            evaluations.append(evaluation)
            if evaluation.order:
                book = book.after(evaluation.order, evaluated_at)
        if evaluations:
            store.record(evaluations, token, claimed_until=claimed_until)
    fresh = [_claimed(evaluation.order, token, send_before, now) for evaluation in evaluations if evaluation.order]
    again = [_reclaimed(each, token, send_before, now, stopped=stopped) for each in abandoned]
    orders = (*again, *fresh)
    return Claimed(
        orders=orders,
        refused=tuple(_refusal(evaluation) for evaluation in evaluations if not evaluation.order),
        count=len(orders),
        reclaimed=len(again),
        failed=failed,
    )


def _reclaimed(
    unsettled: Unsettled, token: UUID, send_before: datetime, now: datetime, *, stopped: bool
) -> ClaimedOrder:
    """An order that the broker has, or that must not be sent any more, is only queried."""
    if stopped or unsettled.sent:
        return ClaimedOrder(**unsettled.order.model_dump(), claim_token=token, send_before=None)
    return _claimed(unsettled.order, token, send_before, now)


def _claimed(order: Order, token: UUID, send_before: datetime, now: datetime) -> ClaimedOrder:
    until = min(order.valid_until, send_before)
    return ClaimedOrder(**order.model_dump(), claim_token=token, send_before=until if until > now else None)


def _refusal(evaluation: Evaluation) -> Refusal:
    return Refusal(
        recommendation_id=evaluation.recommendation.recommendation_id,
        decision_id=evaluation.decision.decision_id,
        ticker=evaluation.recommendation.ticker,
        side=evaluation.recommendation.side,
        reasons=evaluation.decision.reasons,
    )
