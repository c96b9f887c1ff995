"""Whose hours of trading the gates keep."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.book import Book, trading_day_start
from bellwether.trading.domain.gate_evaluation import evaluate
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.orders import Quote, Recommendation, TradingMode
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.domain.signals import Side

SATURDAY = datetime(2026, 3, 14, 15, tzinfo=UTC)
RECOMMENDATION = Recommendation(
    UUID(int=1), "AAPL", Side.BUY, Decimal(4), Decimal(200), "rule", SATURDAY, SATURDAY.replace(minute=15)
)
BOOK = Book(quotes={"AAPL": Quote(Decimal(200), SATURDAY)})


@pytest.mark.parametrize(("hours", "passed"), [(MarketHours.NYSE, False), (MarketHours.ALWAYS, True)])
def test_on_a_saturday_only_a_replay_trades(hours: MarketHours, passed: bool) -> None:
    # Given a recommendation with which nothing else is wrong
    evaluation = evaluate(RECOMMENDATION, BOOK, DispatchPolicy(market_hours=hours), now=SATURDAY, actor="test")
    # Then the hours decide
    assert {gate.name for gate in evaluation.decision.gates if not gate.passed} == (
        set() if passed else {"market_hours"}
    )
    assert (evaluation.order is not None) is passed


def test_the_day_begins_with_its_session() -> None:
    assert trading_day_start(SATURDAY) == datetime(2026, 3, 13, 13, 30, tzinfo=UTC)
    assert trading_day_start(SATURDAY, MarketHours.ALWAYS) == datetime(2026, 3, 14, tzinfo=UTC)


def test_no_broker_gets_orders_outside_of_the_exchanges_hours() -> None:
    with pytest.raises(InvalidInputError, match="dry runs only"):
        DispatchPolicy(trading_mode=TradingMode.PAPER, market_hours=MarketHours.ALWAYS)
