"""Whose hours of trading the gates keep."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.dispatch import (
    PAPER,
    Book,
    DispatchPolicy,
    Quote,
    Recommendation,
    Side,
    rule,
    trading_day_start,
)
from bellwether.trading.domain.market_calendar import MarketHours

SATURDAY = datetime(2026, 3, 14, 15, tzinfo=UTC)
RECOMMENDATION = Recommendation(
    UUID(int=1), "AAPL", Side.BUY, Decimal(4), Decimal(200), "rule", SATURDAY, SATURDAY.replace(minute=15)
)
BOOK = Book(quotes={"AAPL": Quote(Decimal(200), SATURDAY)})


@pytest.mark.parametrize(("hours", "passed"), [(MarketHours.NYSE, False), (MarketHours.ALWAYS, True)])
def test_on_a_saturday_only_a_replay_trades(hours: MarketHours, passed: bool) -> None:
    # Given a recommendation with which nothing else is wrong
    ruling = rule(RECOMMENDATION, BOOK, DispatchPolicy(market_hours=hours), now=SATURDAY, actor="test")
    # Then the hours decide
    assert {gate.name for gate in ruling.decision.gates if not gate.passed} == (set() if passed else {"market_hours"})
    assert (ruling.order is not None) is passed


def test_the_day_begins_with_its_session() -> None:
    assert trading_day_start(SATURDAY) == datetime(2026, 3, 13, 13, 30, tzinfo=UTC)
    assert trading_day_start(SATURDAY, MarketHours.ALWAYS) == datetime(2026, 3, 14, tzinfo=UTC)


def test_no_broker_gets_orders_outside_of_the_exchanges_hours() -> None:
    with pytest.raises(InvalidInputError, match="dry runs only"):
        DispatchPolicy(broker=PAPER, market_hours=MarketHours.ALWAYS)
