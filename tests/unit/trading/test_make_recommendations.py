"""The use case around the rule: nothing on closed markets, nothing twice, reasons counted."""

from datetime import timedelta

from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import INTRADAY
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
