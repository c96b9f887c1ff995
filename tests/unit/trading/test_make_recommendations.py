"""The use case around the rule: nothing on closed markets, nothing twice, reasons counted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import INTRADAY, Signal
from bellwether.trading.usecases.make_recommendations import Recommended, make_recommendations
from tests.fakes.telemetry import InMemorySignals
from tests.unit.trading.builders import NOON, situation, story
from tests.unit.trading.test_telemetry import FixedClock


def run(store: InMemorySignals, clock: FixedClock, hours: MarketHours = MarketHours.NYSE) -> Recommended:
    return make_recommendations(store=store, clock=clock, hours=hours, rule=INTRADAY)


def test_reasons_are_counted_and_recommendations_kept() -> None:
    store = InMemorySignals(
        [situation(), situation(ticker="BETA", stories=()), situation(ticker="GAMMA", stories=(story(0.01),))]
    )
    found = run(store, FixedClock())
    assert (found.considered, found.made, found.known) == (3, 1, 0)
    assert found.skipped == {"no_stories": 1, "weak_sentiment": 1}
    assert tuple(store.added) == found.recommendation_ids


class RefusingSignals(InMemorySignals):
    """A store that refuses every batch with a recommendation of BAD, as a constraint does."""

    def add(self, signals: Sequence[Signal], cooldown: timedelta) -> tuple[UUID, ...]:
        if any(each.ticker == "BAD" for each in signals):
            raise InvalidInputError("violates a check constraint")
        return super().add(signals, cooldown)


def test_a_ticker_with_unusable_data_costs_no_other_and_is_named() -> None:
    # Given a ticker whose bars break the rule's arithmetic, and one whose recommendation the database refuses
    last = replace(situation().bars[-1], close=Decimal("sNaN"))
    broken = situation(ticker="BROKEN", bars=(*situation().bars[:-1], last))
    store = RefusingSignals([broken, situation(ticker="BAD"), situation(), situation(ticker="BETA")])
    found = run(store, FixedClock())
    # Then the others are recommended, and both are named with the reason
    assert (found.considered, found.made, found.known) == (4, 2, 0)
    assert {each.ticker for each in store.added.values()} == {"ACME", "BETA"}
    assert [each.ticker for each in found.failed] == ["BROKEN", "BAD"]
    assert "check constraint" in found.failed[1].reason


def test_a_second_run_makes_nothing_new() -> None:
    store = InMemorySignals([situation()])
    clock = FixedClock()
    run(store, clock)
    clock.time += timedelta(minutes=1)
    assert (run(store, clock).made, run(store, clock).known) == (0, 1)
    assert len(store.added) == 1


def test_a_closed_market_is_left_alone() -> None:
    store = InMemorySignals([situation()])
    found = run(store, FixedClock(NOON - timedelta(hours=12)))
    assert not found.market_open
    assert (found.considered, store.added) == (0, {})
    # But a replay is open
    assert run(store, FixedClock(NOON - timedelta(hours=12)), MarketHours.ALWAYS).market_open
