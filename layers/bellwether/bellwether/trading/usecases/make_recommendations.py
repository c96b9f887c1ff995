"""Hold the rule against every ticker that is in the news, and keep what it recommends."""

from collections import Counter
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import Signal, SignalRule, judge
from bellwether.trading.ports.telemetry import SignalStore


class Recommended(BaseModel):
    """What came of a run. `skipped`: tickers by the rule's reason; `known`: recommended before, or lately."""

    model_config = ConfigDict(frozen=True)

    market_open: bool
    rule_version: str
    considered: int
    made: int
    known: int
    skipped: dict[str, int]
    recommendation_ids: tuple[UUID, ...]


def make_recommendations(*, store: SignalStore, clock: Clock, hours: MarketHours, rule: SignalRule) -> Recommended:
    """Judge every situation as it is now. Stateless: repeated, it finds its own recommendations and makes no others.

    Raises InvalidInputError when the market calendar has come to its end.
    """
    now = clock.now()
    if hours.session_at(now) is None:  # the rule would say so of each ticker
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
        found = judge(situation, rule)
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
