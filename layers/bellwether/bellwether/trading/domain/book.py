"""The book: holdings, open orders, quotes and the kill switch at one instant. The risk limits refer to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import cached_property

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.orders import ZERO, Order, Quote
from bellwether.trading.domain.signals import Side


@dataclass(frozen=True, slots=True)
class Holding:
    """One ticker in the book. `ordered_*` are approved and not settled; `spent*` are net and include fees."""

    before: Decimal = ZERO
    today: Decimal = ZERO
    spent_today: Decimal = ZERO
    ordered_in: Decimal = ZERO
    ordered_out: Decimal = ZERO
    last_trade_at: datetime | None = None
    opening_price: Decimal | None = None
    price: Decimal | None = None
    spent: Decimal = ZERO  # since the first trade
    ordered_in_usd: Decimal = ZERO  # open orders to buy, at their limit prices

    @property
    def held(self) -> Decimal:
        """Shares held now; negative for a short position."""
        return self.before + self.today

    @property
    def gain_today(self) -> Decimal | None:
        """Realised and unrealised gain since the day began, after fees; None when a required price is missing."""
        if (self.held and self.price is None) or (self.before and self.opening_price is None):
            return None
        value = self.held * self.price if self.price is not None else ZERO
        opening_value = self.before * self.opening_price if self.opening_price is not None else ZERO
        return value - opening_value - self.spent_today

    @property
    def exposure_usd(self) -> Decimal | None:
        """Value of the largest position that open orders can lead to; None when a required price is missing."""
        shares = max(abs(self.held), abs(self.held + self.ordered_in), abs(self.held - self.ordered_out))
        if not shares:
            return ZERO
        return None if self.price is None else shares * self.price

    def closed_by(self, side: Side) -> Decimal:
        """Shares that an order of this side closes: the whole opposite position, less what open orders close."""
        closed = self.held - self.ordered_out if side is Side.SELL else -self.held - self.ordered_in
        return max(closed, ZERO)


@dataclass(frozen=True, slots=True)
class Control:
    """The manual kill switch as last set."""

    halted: bool
    actor: str
    reason: str
    changed_at: datetime


RUNNING = Control(halted=False, actor="nobody", reason="never halted", changed_at=datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Book:
    """Everything that the limits refer to, at one instant."""

    trades_today: int = 0
    failures: int = 0
    control: Control = RUNNING
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    quotes: Mapping[str, Quote] = field(default_factory=dict)

    @cached_property
    def loss_today(self) -> Decimal | None:
        """Loss in USD since the day began (negative: gain); None when the value of a holding is unknown."""
        gain = _total(holding.gain_today for holding in self.holdings.values())
        return None if gain is None else -gain

    @cached_property
    def exposure_usd(self) -> Decimal | None:
        """Value of all positions, long and short, including open orders; None when a required price is missing."""
        return _total(holding.exposure_usd for holding in self.holdings.values())

    def cash_usd(self, capital_usd: Decimal) -> Decimal | None:
        """Cash left of the capital once open orders to buy are paid. A short position takes as much as a long one.

        None when the price of a short position is missing.
        """
        paid = sum((each.spent + each.ordered_in_usd for each in self.holdings.values()), ZERO)
        shorts = [each for each in self.holdings.values() if each.held < 0]
        reserved = _total(None if each.price is None else -each.held * each.price for each in shorts)
        return None if reserved is None else capital_usd - paid - 2 * reserved

    def holding(self, ticker: str) -> Holding:
        """Holding of a ticker; an empty one if the ticker is not in the book."""
        return self.holdings.get(ticker, Holding())

    def after(self, order: Order, at: datetime) -> "Book":
        """The book with one more approved order."""
        holding = self.holding(order.ticker)
        holding = replace(
            holding,
            ordered_in=holding.ordered_in + (order.quantity if order.side is Side.BUY else ZERO),
            ordered_out=holding.ordered_out + (order.quantity if order.side is Side.SELL else ZERO),
            ordered_in_usd=holding.ordered_in_usd
            + (order.quantity * order.limit_price if order.side is Side.BUY else ZERO),
            price=order.quote_price if holding.price is None else holding.price,
            last_trade_at=at,
        )
        book = replace(self, trades_today=self.trades_today + 1, holdings={**self.holdings, order.ticker: holding})
        book.__dict__["loss_today"] = self.loss_today  # an open order has neither gain nor loss
        return book


def _total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Sum; None when an amount is unknown."""
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def trading_day_start(now: datetime, hours: MarketHours = MarketHours.NYSE) -> datetime:
    """Start of the trading day: the opening of the current session, or of the last one."""
    try:
        return hours.last_sessions(now, 1)[0].opens_at
    except InvalidInputError:  # beyond the calendar, where the market-hours gate refuses every trade
        return datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
