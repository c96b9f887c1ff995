"""Positions: average cost, realised and unrealised profit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.trading.domain.book import Book, Holding
from bellwether.trading.domain.positions import Fill, Position, positions
from bellwether.trading.domain.signals import Side
from cli.dispatch import positions_table, totals_table


def fill(signed: int | str, price: int | str, fees: int | str = 0) -> Fill:
    """A purchase, or a sale where the quantity is negative."""
    quantity = Decimal(signed)
    side = Side.BUY if quantity > 0 else Side.SELL
    return Fill("ACME", side, abs(quantity), Decimal(price), Decimal(fees))


def position(*fills: Fill, price: int | None = 110) -> Position:
    held = sum((each.quantity if each.side is Side.BUY else -each.quantity for each in fills), Decimal(0))
    book = Book(holdings={"ACME": Holding(today=held, price=None if price is None else Decimal(price))})
    (found,) = positions(fills, book)
    return found


@pytest.mark.parametrize(
    ("fills", "average", "unrealised", "realised"),
    [
        ([], None, 0, 0),
        ([fill(10, 100)], 100, 100, 0),
        ([fill(10, 100, 1), fill(10, 120, 1)], 110, 0, -2),
        ([fill(10, 100), fill(-4, 115)], 100, 60, 60),
        ([fill(10, 100), fill(-10, 90)], None, 0, -100),
        ([fill(10, 100), fill(-10, 90), fill(5, 100)], 100, 50, -100),
        ([fill(-10, 100)], 100, -100, 0),
        ([fill(-10, 100), fill(10, 90)], None, 0, 100),
        ([fill(10, 100), fill(-15, 120)], 120, 50, 200),
    ],
)
def test_profit_by_average_cost(fills: list[Fill], average: int | None, unrealised: int, realised: int) -> None:
    # Given fills, and a price of 110
    found = position(*fills)
    assert found.average_price == average
    assert found.unrealised_usd == unrealised
    assert found.realised_usd == realised


def test_an_unknown_price_makes_value_and_profit_unknown() -> None:
    found = position(fill(1, 100), price=None)
    assert (found.value_usd, found.unrealised_usd, found.realised_usd) == (None, None, Decimal(0))


@given(
    st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 500), st.integers(0, 3)), max_size=30),
    st.integers(1, 500),
)
def test_realised_and_unrealised_profit_are_value_less_money_spent(
    trades: list[tuple[int, int, int]], price: int
) -> None:
    found = position(*(fill(*trade) for trade in trades), price=price)
    spent = sum(signed * paid + fees for signed, paid, fees in trades)
    held = sum(signed for signed, _, _ in trades)
    assert found.unrealised_usd is not None
    assert abs(found.unrealised_usd + found.realised_usd - (held * price - spent)) <= Decimal("0.0002")


def test_tables_show_an_unknown_price() -> None:
    portfolio = {
        "broker": "dry-run",
        "at": "2026-03-02T16:00:00Z",
        "positions": [position(fill(1, 100), price=None).model_dump(mode="json")],
        "cash_usd": "24900",
        "capital_usd": "25000",
        "exposure_usd": None,
        "max_total_exposure_usd": "20000",
        "gain_today_usd": None,
        "unrealised_usd": None,
        "realised_usd": "0",
        "trades_today": 1,
    }
    assert list(positions_table(portfolio).columns[3].cells) == ["unknown"]
    assert list(totals_table(portfolio).columns[1].cells)[:2] == [
        "24,900.00 of 25,000.00 USD",
        "unknown of 20,000.00 USD",
    ]
