"""Apply the signal rule to every ticker in the news and store its recommendations."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from bellwether.shared.domain.errors import BellwetherError, TransientUpstreamError
from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import Signal, SignalRule, apply_rule
from bellwether.trading.ports.telemetry import SignalStore


class FailedTicker(BaseModel):
    """A ticker to which the rule could not be applied, or whose recommendation could not be stored."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    reason: str


class Recommended(BaseModel):
    """Counts of a run. `skipped`: tickers by reason; `known`: recommended before or within the cooldown.

    `failed`: tickers whose data could not be used; they affect no other ticker.
    """

    model_config = ConfigDict(frozen=True)

    market_open: bool
    rule_version: str
    considered: int
    made: int
    known: int
    skipped: dict[str, int]
    recommendation_ids: tuple[UUID, ...]
    failed: tuple[FailedTicker, ...] = ()


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
    failed: list[FailedTicker] = []
    for situation in store.situations(now, rule):
        considered += 1
        try:
            found = apply_rule(situation, rule)
        except Exception as error:  # noqa: BLE001 - one ticker's data must not stop the others
            failed.append(FailedTicker(ticker=situation.ticker, reason=f"{type(error).__name__}: {error}"[:500]))
            continue
        if isinstance(found, Signal):
            signals.append(found)
        else:
            skipped[found.value] += 1
    added, refused = _added(store, signals, rule.cooldown) if signals else ((), ())
    return Recommended(
        market_open=True,
        rule_version=rule.version,
        considered=considered,
        made=len(added),
        known=len(signals) - len(added) - len(refused),
        skipped=dict(sorted(skipped.items())),
        recommendation_ids=added,
        failed=(*failed, *refused),
    )


def _added(
    store: SignalStore, signals: Sequence[Signal], cooldown: timedelta
) -> tuple[tuple[UUID, ...], tuple[FailedTicker, ...]]:
    """Ids of the new recommendations, and those that the store refuses; a refused batch is stored one by one."""
    try:
        return store.add(signals, cooldown), ()
    except TransientUpstreamError:
        raise
    except BellwetherError as error:
        if len(signals) == 1:
            return (), (FailedTicker(ticker=signals[0].ticker, reason=str(error)[:500]),)
    parts = [_added(store, [each], cooldown) for each in signals]
    return tuple(uid for ids, _ in parts for uid in ids), tuple(each for _, refused in parts for each in refused)
