"""Positions with average cost, and realised and unrealised profit, from fills and current prices."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from bellwether.trading.domain.book import Book, Holding
from bellwether.trading.domain.orders import FOUR_DECIMALS, ZERO
from bellwether.trading.domain.signals import Side


@dataclass(frozen=True, slots=True)
class Fill:
    """What a broker filled of an order: shares, price of a share, and fees in USD."""

    ticker: str
    side: Side
    quantity: Decimal
    price: Decimal
    fees: Decimal


class Position(BaseModel):
    """A ticker with shares held, open orders, or past trades. Amounts are in USD; None: the price is unknown.

    `quantity` is negative for a short position. `realised_usd` is the profit of closed shares, after all fees.
    """

    model_config = ConfigDict(frozen=True)

    ticker: str
    quantity: Decimal
    average_price: Decimal | None
    price: Decimal | None
    value_usd: Decimal | None
    unrealised_usd: Decimal | None
    realised_usd: Decimal
    gain_today_usd: Decimal | None
    ordered_in: Decimal
    ordered_out: Decimal


@dataclass(slots=True)
class _Cost:
    """Average cost: additions change the average price, reductions realise profit against it."""

    shares: Decimal = ZERO
    price: Decimal = ZERO
    realised: Decimal = ZERO

    def add(self, fill: Fill) -> None:
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        closed = min(abs(signed), abs(self.shares)) if signed * self.shares < 0 else ZERO
        direction = 1 if self.shares > 0 else -1
        self.realised += closed * direction * (fill.price - self.price) - fill.fees
        left, opened = abs(self.shares) - closed, abs(signed) - closed
        if opened:
            self.price = (left * self.price + opened * fill.price) / (left + opened)
        self.shares += signed


def positions(fills: Iterable[Fill], book: Book) -> tuple[Position, ...]:
    """Positions of the book, by ticker. `fills`: every fill of the book's broker, oldest first."""
    costs: dict[str, _Cost] = {}
    for fill in fills:
        costs.setdefault(fill.ticker, _Cost()).add(fill)
    return tuple(
        _position(ticker, holding, costs.get(ticker, _Cost())) for ticker, holding in sorted(book.holdings.items())
    )


def _position(ticker: str, holding: Holding, cost: _Cost) -> Position:
    held, price = holding.held, holding.price
    value = ZERO if not held else None if price is None else held * price
    return Position(
        ticker=ticker,
        quantity=held,
        average_price=_rounded(cost.price) if held else None,
        price=price,
        value_usd=_rounded(value),
        unrealised_usd=None if value is None else _rounded(value - held * cost.price),
        realised_usd=cost.realised.quantize(FOUR_DECIMALS),
        gain_today_usd=_rounded(holding.gain_today),
        ordered_in=holding.ordered_in,
        ordered_out=holding.ordered_out,
    )


def _rounded(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(FOUR_DECIMALS)
