"""Apply the signal rule to every ticker in the news and store its recommendations."""

from collections import Counter
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import Signal, SignalRule, apply_rule
from bellwether.trading.ports.telemetry import SignalStore


class Recommended(BaseModel):
    """Counts of a run. `skipped`: tickers by reason; `known`: recommended before or within the cooldown."""

    model_config = ConfigDict(frozen=True)

    market_open: bool
    rule_version: str
    considered: int
    made: int
    known: int
    skipped: dict[str, int]
    recommendation_ids: tuple[UUID, ...]


def make_recommendations(*, store: SignalStore, clock: Clock, hours: MarketHours, rule: SignalRule) -> Recommended:
    """Apply the rule to every current situation. Idempotent: a repetition makes no new recommendations.

    Raises InvalidInputError beyond the end of the market calendar.
    """
    now = clock.now()
    if hours.session_at(now) is None:  # the rule would give this reason for each ticker
        return Recommended(
            market_open=False,
            rule_version=rule.version,
            considered=0,
            made=0,
            known=0,
            skipped={},
            recommendation_ids=(),
        )
    considered = 0
    signals: list[Signal] = []
    skipped: Counter[str] = Counter()
    for situation in store.situations(now, rule):
        considered += 1
        found = apply_rule(situation, rule)
        if isinstance(found, Signal):
            signals.append(found)
        else:
            skipped[found.value] += 1
    added = store.add(signals, rule.cooldown) if signals else ()
    return Recommended(
        market_open=True,
        rule_version=rule.version,
        considered=considered,
        made=len(added),
        known=len(signals) - len(added),
        skipped=dict(sorted(skipped.items())),
        recommendation_ids=added,
    )
