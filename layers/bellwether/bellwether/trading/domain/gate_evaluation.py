"""Evaluate a recommendation against every risk gate, and make the decision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bellwether.shared.domain.decisions import Decision, Gate, Kind, Verdict, decide
from bellwether.trading.domain.book import Book
from bellwether.trading.domain.orders import Order, Recommendation, make_order
from bellwether.trading.domain.risk_gates import GATES, DispatchPolicy, ProposedTrade, RiskGate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A recommendation, the decision about it, and its order if accepted."""

    recommendation: Recommendation
    decision: Decision
    order: Order | None
    expired: bool

    @property
    def reason(self) -> str:
        """Why it was refused; empty if accepted."""
        return "; ".join(self.decision.reasons)


def evaluate(
    recommendation: Recommendation,
    book: Book,
    policy: DispatchPolicy,
    *,
    now: datetime,
    actor: str,
    gates: Sequence[RiskGate] = GATES,
) -> Evaluation:
    """Evaluate every gate and record what each one observed.

    A recommendation against a position closes all of it, whatever quantity it recommends: it leaves no shares behind
    and opens no opposite position. Gates that limit risk do not stop it.
    A recommendation with unusable figures is refused, so that it never blocks those after it.
    """
    try:
        quote = book.quotes.get(recommendation.ticker)
        closed = book.holding(recommendation.ticker).closed_by(recommendation.side)
        sized = replace(recommendation, quantity=closed or recommendation.quantity)
        order = make_order(sized, quote, policy) if quote else None
        trade = ProposedTrade(sized, order, book, policy, now, closes=closed > 0)
        results = tuple(gate.evaluate(trade) for gate in gates)
    except (ValidationError, ArithmeticError) as error:
        terms = f"{recommendation.quantity} {recommendation.ticker} at {recommendation.reference_price}"[:200]
        invalid = Gate(
            name="order_terms",
            observed=terms,
            limit="a listed ticker, a quantity and a price",
            passed=False,
            reason=f"invalid order terms: {terms} ({type(error).__name__})",
        )
        return Evaluation(recommendation, _decide(recommendation, (invalid,), None, now, actor), None, expired=False)
    decision = _decide(recommendation, results, order, now, actor)
    accepted = decision.verdict is Verdict.ACCEPTED
    return Evaluation(recommendation, decision, order if accepted else None, expired=now >= recommendation.expires_at)


def _decide(
    recommendation: Recommendation, gates: tuple[Gate, ...], order: Order | None, now: datetime, actor: str
) -> Decision:
    evidence: dict[str, Any] = {
        "recommendation_id": str(recommendation.recommendation_id),
        "rule_version": recommendation.rule_version,
        "made_at": recommendation.made_at.isoformat(),
        "quantity": str(recommendation.quantity),
        "reference_price_usd": str(recommendation.reference_price),
        "order": order.model_dump(mode="json") if order else None,
    }
    return decide(
        kind=Kind.PLACE_TRADE,
        subject=recommendation.subject,
        key=str(recommendation.recommendation_id),
        gates=gates,
        evidence=evidence,
        actor=actor,
        made_at=now,
    )
