"""Risk gates of dispatch and their limits: a new gate is a limit in DispatchPolicy, a function, and an entry in GATES.

A policy field with a description is a tunable limit. Field `max_trades_per_day` is the environment variable
MAX_TRADES_PER_DAY and the stack parameter MaxTradesPerDay; `make templates readme` writes the parameters into the
templates and the tables into the README.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from bellwether.shared.domain.clock_skew import is_future
from bellwether.shared.domain.decisions import Gate
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.book import Book, Holding
from bellwether.trading.domain.orders import (
    BPS,
    FOUR_DECIMALS,
    ZERO,
    Order,
    OrderPolicy,
    Quote,
    Recommendation,
)
from bellwether.trading.domain.signals import Side


class DispatchPolicy(OrderPolicy):
    """Every limit of the risk gates, and the terms of orders."""

    max_trades_per_day: Annotated[
        int, Field(ge=0, le=1_000, description="Maximum number of orders approved in a trading day")
    ] = 20
    max_trade_notional_usd: Annotated[
        Decimal, Field(ge=0, le=100_000, description="Maximum value of one order, in USD")
    ] = Decimal(1_000)
    max_position_notional_usd: Annotated[
        Decimal,
        Field(ge=0, le=1_000_000, description="Maximum value of a ticker's position including open orders, in USD"),
    ] = Decimal(5_000)
    max_total_exposure_usd: Annotated[
        Decimal,
        Field(ge=0, le=10_000_000, description="Maximum value of all positions including open orders, in USD"),
    ] = Decimal(20_000)
    capital_usd: Annotated[
        Decimal,
        Field(ge=0, le=10_000_000, description="Cash of the account before its first trade, in USD"),
    ] = Decimal(25_000)
    max_daily_loss_usd: Annotated[
        Decimal,
        Field(ge=0, le=100_000, description="Loss since the session opened that stops new positions, in USD"),
    ] = Decimal(200)
    trade_cooldown_seconds: Annotated[
        int, Field(ge=0, le=604_800, description="Minimum time between two orders of a ticker, in seconds")
    ] = 3_600
    short_selling: Annotated[bool, Field(description="Whether shares that are not held may be sold")] = False
    max_price_move_bps: Annotated[
        Decimal,
        Field(ge=0, le=10_000, description="Maximum price change since the recommendation was made, in basis points"),
    ] = Decimal(200)
    max_failures: Annotated[
        int,
        Field(gt=0, le=1_000, description="Number of failed orders within FailureWindowSeconds that stops all trades"),
    ] = 3
    failure_window_seconds: Annotated[
        int, Field(gt=0, le=604_800, description="Period over which failed orders are counted, in seconds")
    ] = 3_600


@dataclass(frozen=True, slots=True)
class ProposedTrade:
    """Input of the gates: a recommendation, its order (None without a quote), the book and the limits.

    The quantity of the recommendation is that of the order. `closes`: the order closes a position and opens none.
    """

    recommendation: Recommendation
    order: Order | None
    book: Book
    policy: DispatchPolicy
    now: datetime
    closes: bool = False

    @property
    def quote(self) -> Quote | None:
        return self.book.quotes.get(self.recommendation.ticker)

    @property
    def holding(self) -> Holding:
        return self.book.holding(self.recommendation.ticker)

    @property
    def price(self) -> Decimal | None:
        """Highest price that the order may be filled at; None without an order."""
        return max(self.order.limit_price, self.order.quote_price) if self.order else None

    @property
    def notional_usd(self) -> Decimal | None:
        """Highest value of the order; None without an order."""
        return None if self.price is None else self.recommendation.quantity * self.price


@dataclass(frozen=True, slots=True)
class RiskGate:
    """A check of every proposed trade. `passes_when` and `limits` (policy fields) are documentation.

    A gate with `limits_risk` never stops an order that closes a position.
    """

    check: Callable[[ProposedTrade], Gate]
    passes_when: str
    limits: tuple[str, ...] = ()
    limits_risk: bool = False

    @property
    def name(self) -> str:
        return self.check.__name__

    def evaluate(self, trade: ProposedTrade) -> Gate:
        """Result of the check."""
        gate = self.check(trade)
        if self.limits_risk and trade.closes and not gate.passed:
            return gate.model_copy(update={"passed": True, "reason": "closes a position"})
        return gate


def manual_kill_switch(trade: ProposedTrade) -> Gate:
    control = trade.book.control
    observed = f"halted by {control.actor}: {control.reason}" if control.halted else "running"
    return Gate(name="manual_kill_switch", observed=observed, limit="running", passed=not control.halted)


def error_kill_switch(trade: ProposedTrade) -> Gate:
    failures, policy = trade.book.failures, trade.policy
    stopped = failures >= policy.max_failures
    return Gate(
        name="error_kill_switch",
        observed=failures,
        limit=policy.max_failures,
        passed=not stopped,
        reason=f"{failures} failures within {policy.failure_window_seconds} s" if stopped else "",
    )


def market_hours(trade: ProposedTrade) -> Gate:
    try:
        observed = "open" if trade.policy.market_hours.session_at(trade.now) else "closed"
    except InvalidInputError as error:
        observed = str(error)
    return Gate(name="market_hours", observed=observed, limit="open", passed=observed == "open")


def recommendation_age_seconds(trade: ProposedTrade) -> Gate:
    recommendation = trade.recommendation
    future = is_future(recommendation.made_at, trade.now)
    return Gate(
        name="recommendation_age_seconds",
        observed=_seconds(trade.now - recommendation.made_at),
        limit=_seconds(recommendation.expires_at - recommendation.made_at),
        passed=trade.now < recommendation.expires_at and not future,
        reason="made in the future" if future else "",
    )


def quote_age_seconds(trade: ProposedTrade) -> Gate:
    age = trade.now - trade.quote.at if trade.quote else None
    limit = trade.policy.max_quote_age_seconds
    future = trade.quote is not None and is_future(trade.quote.at, trade.now)
    reason = "the quote is dated in the future" if future else ""
    return Gate(
        name="quote_age_seconds",
        observed=None if age is None else _seconds(age),
        limit=limit,
        passed=age is not None and age <= timedelta(seconds=limit) and not future,
        reason=reason if trade.quote else "no quote available",
    )


def price_move_bps(trade: ProposedTrade) -> Gate:
    quote, limit = trade.quote, trade.policy.max_price_move_bps
    move = abs(quote.price / trade.recommendation.reference_price - 1) * BPS if quote else None
    return Gate(
        name="price_move_bps",
        observed=_text(move),
        limit=_text(limit),
        passed=move is not None and move <= limit,
    )


def trades_per_day(trade: ProposedTrade) -> Gate:
    trades, limit = trade.book.trades_today, trade.policy.max_trades_per_day
    return Gate(name="trades_per_day", observed=trades + 1, limit=limit, passed=trades < limit)


def trade_notional_usd(trade: ProposedTrade) -> Gate:
    limit = trade.policy.max_trade_notional_usd
    notional = trade.notional_usd
    return Gate(
        name="trade_notional_usd",
        observed=_text(notional),
        limit=_text(limit),
        passed=notional is not None and notional <= limit,
    )


def position_notional_usd(trade: ProposedTrade) -> Gate:
    """Worst case: all open orders of this side are filled, none of the other side."""
    holding, quantity, limit = trade.holding, trade.recommendation.quantity, trade.policy.max_position_notional_usd
    if trade.recommendation.side is Side.BUY:
        position = holding.held + holding.ordered_in + quantity
    else:
        position = holding.held - holding.ordered_out - quantity
    value = None if trade.price is None else abs(position) * trade.price
    return Gate(
        name="position_notional_usd",
        observed=_text(value),
        limit=_text(limit),
        passed=value is not None and value <= limit,
    )


def total_exposure_usd(trade: ProposedTrade) -> Gate:
    """Worst case: all open orders are filled that make positions larger."""
    exposure, notional, limit = trade.book.exposure_usd, trade.notional_usd, trade.policy.max_total_exposure_usd
    value = None if exposure is None or notional is None else exposure + notional
    return Gate(
        name="total_exposure_usd",
        observed=_text(value),
        limit=_text(limit),
        passed=value is not None and value <= limit,
        reason="" if exposure is not None else "the price of a held ticker is unknown",
    )


def cash_usd(trade: ProposedTrade) -> Gate:
    """Cash left after the order and its fees."""
    cash, notional = trade.book.cash_usd(trade.policy.capital_usd), trade.notional_usd
    left = None if cash is None or notional is None or not trade.order else cash - notional - trade.order.expected_fees
    return Gate(
        name="cash_usd",
        observed=_text(left),
        limit=0,
        passed=left is not None and left >= 0,
        reason="" if cash is not None else "the price of a short position is unknown",
    )


def shares_held(trade: ProposedTrade) -> Gate:
    recommendation, holding = trade.recommendation, trade.holding
    free = holding.held - holding.ordered_out
    needed = recommendation.quantity if recommendation.side is Side.SELL and not trade.policy.short_selling else ZERO
    return Gate(
        name="shares_held",
        observed=_text(free),
        limit=_text(needed) if needed else "any",
        passed=not needed or free >= needed,
    )


def daily_loss_usd(trade: ProposedTrade) -> Gate:
    loss, limit = trade.book.loss_today, trade.policy.max_daily_loss_usd
    return Gate(
        name="daily_loss_usd",
        observed=_text(loss),
        limit=_text(limit),
        passed=loss is not None and (loss < limit or loss <= 0),
        reason="" if loss is not None else "the price of a held ticker is unknown",
    )


def cooldown_seconds(trade: ProposedTrade) -> Gate:
    last, limit = trade.holding.last_trade_at, trade.policy.trade_cooldown_seconds
    return Gate(
        name="cooldown_seconds",
        observed=_seconds(trade.now - last) if last else None,
        limit=limit,
        passed=last is None or trade.now - last >= timedelta(seconds=limit),
    )


GATES = (
    RiskGate(manual_kill_switch, "nobody has halted dispatch with `bellwether halt`"),
    RiskGate(
        error_kill_switch, "fewer recent orders have failed than the limit", ("max_failures", "failure_window_seconds")
    ),
    RiskGate(market_hours, "the market is open"),
    RiskGate(recommendation_age_seconds, "the recommendation has not expired and is not dated in the future"),
    RiskGate(
        quote_age_seconds,
        "a quote exists that is not older than the limit and not dated in the future",
        ("max_quote_age_seconds",),
    ),
    RiskGate(
        price_move_bps,
        "the price has moved no more than the limit since the recommendation",
        ("max_price_move_bps",),
        limits_risk=True,
    ),
    RiskGate(
        trades_per_day,
        "the order stays within the number of orders for the day",
        ("max_trades_per_day",),
        limits_risk=True,
    ),
    RiskGate(
        trade_notional_usd,
        "the value of the order is within the limit",
        ("max_trade_notional_usd",),
        limits_risk=True,
    ),
    RiskGate(
        position_notional_usd,
        "the position including open orders is within the limit",
        ("max_position_notional_usd",),
        limits_risk=True,
    ),
    RiskGate(
        total_exposure_usd,
        "all positions including open orders and this one are within the limit",
        ("max_total_exposure_usd",),
        limits_risk=True,
    ),
    RiskGate(
        cash_usd,
        "the capital, less what all trades and open orders cost, pays the order",
        ("capital_usd",),
        limits_risk=True,
    ),
    RiskGate(
        shares_held, "a sale has enough shares that no other open order sells, or may be short", ("short_selling",)
    ),
    RiskGate(
        daily_loss_usd,
        "the loss since the session opened is below the limit",
        ("max_daily_loss_usd",),
        limits_risk=True,
    ),
    RiskGate(
        cooldown_seconds,
        "the last order of the ticker is old enough",
        ("trade_cooldown_seconds",),
        limits_risk=True,
    ),
)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _text(amount: Decimal | None) -> str | None:
    """An amount in the ledger: four decimals, no float."""
    return None if amount is None else f"{amount.quantize(FOUR_DECIMALS).normalize():f}"
