"""Orders: their terms, limit price and expected fill.

Prices and amounts are Decimal, in USD; quantities are Decimal, in shares; bps are basis points.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from bellwether.shared.domain.decisions import Kind, decision_id
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import Side

DRY_RUN = "dry-run"
PAPER = "alpaca-paper"
ZERO = Decimal(0)
BPS = Decimal(10_000)
FOUR_DECIMALS = Decimal("0.0001")

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class TradingMode(StrEnum):
    """Where orders go. No mode trades with real money."""

    DRY_RUN = "dry-run"
    PAPER = "paper"

    @property
    def broker(self) -> str:
        """Name of the broker in executions."""
        return PAPER if self is TradingMode.PAPER else DRY_RUN


class OrderPolicy(BaseModel):
    """Terms of orders, fill model of the dry run, and how long an order may be in flight.

    Raises InvalidInputError for terms that contradict each other.
    """

    model_config = ConfigDict(frozen=True)

    trading_mode: TradingMode = TradingMode.DRY_RUN
    market_hours: MarketHours = MarketHours.NYSE

    max_quote_age_seconds: Annotated[
        int, Field(gt=0, le=3_600, description="Maximum age of the quote of an order, in seconds")
    ] = 900
    spread_bps: Amount = Decimal(4)
    slippage_bps: Amount = Decimal(5)
    fee_bps: Amount = ZERO
    limit_offset_bps: Amount = Decimal(25)

    send_window_seconds: float = 60
    lease_seconds: float = 240

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if not self.cost_bps <= self.limit_offset_bps < BPS:
            raise InvalidInputError("does not cover half the spread and the slippage", field="limit_offset_bps")
        if self.market_hours is not MarketHours.NYSE and self.trading_mode is not TradingMode.DRY_RUN:
            raise InvalidInputError("is for dry runs only: a broker keeps the exchange's hours", field="market_hours")
        if not 0 < self.send_window_seconds <= self.lease_seconds / 2:
            raise InvalidInputError("is longer than half the lease", field="send_window_seconds")
        return self

    @property
    def broker(self) -> str:
        """Name of the broker that orders go to."""
        return self.trading_mode.broker

    @property
    def cost_bps(self) -> Decimal:
        """Difference between fill and quote: half the spread plus the slippage."""
        return self.spread_bps / 2 + self.slippage_bps


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A trade that the signal rule recommends."""

    recommendation_id: UUID
    ticker: str
    side: Side
    quantity: Decimal
    reference_price: Decimal
    rule_version: str
    made_at: datetime
    expires_at: datetime

    @property
    def subject(self) -> str:
        """Subject of the decision about it."""
        return f"{self.side} {self.ticker}"


@dataclass(frozen=True, slots=True)
class Quote:
    """The latest known price of a ticker, and when it became known."""

    price: Decimal
    at: datetime


class Order(BaseModel):
    """Terms of an approved trade. They never change. The broker must not get the order after `valid_until`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    recommendation_id: UUID
    decision_id: UUID
    client_order_id: Annotated[str, Field(pattern=r"^bw-[0-9a-f-]{36}$")]
    broker: Annotated[str, Field(min_length=1, max_length=60)]
    ticker: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.]{0,19}$")]
    side: Side
    quantity: Annotated[Decimal, Field(gt=0)]
    limit_price: Annotated[Decimal, Field(gt=0)]
    expected_price: Annotated[Decimal, Field(gt=0)]
    expected_fees: Annotated[Decimal, Field(ge=0)]
    quote_price: Annotated[Decimal, Field(gt=0)]
    quote_at: AwareDatetime
    valid_until: AwareDatetime


class ClaimedOrder(Order):
    """An order claimed by a dispatcher, which may send it before `send_before`; None: only query the broker."""

    claim_token: UUID
    send_before: AwareDatetime | None


def order_decision_id(recommendation: Recommendation) -> UUID:
    """Id of the decision about a recommendation."""
    return decision_id(Kind.PLACE_TRADE, recommendation.subject, str(recommendation.recommendation_id))


def client_order_id(decision: UUID) -> str:
    """Our id of a decision's order at the broker."""
    return f"bw-{decision}"


def make_order(recommendation: Recommendation, quote: Quote, policy: OrderPolicy) -> Order:
    """Make a limit order from the quote; the limit allows for the spread and the slippage."""
    decision = order_decision_id(recommendation)
    expected = fill_price(quote.price, recommendation.side, policy)
    return Order(
        recommendation_id=recommendation.recommendation_id,
        decision_id=decision,
        client_order_id=client_order_id(decision),
        broker=policy.broker,
        ticker=recommendation.ticker,
        side=recommendation.side,
        quantity=recommendation.quantity,
        limit_price=_worsened(quote.price, recommendation.side, policy.limit_offset_bps, _tick(quote.price)),
        expected_price=expected,
        expected_fees=(recommendation.quantity * expected * policy.fee_bps / BPS).quantize(
            FOUR_DECIMALS, ROUND_CEILING
        ),
        quote_price=quote.price,
        quote_at=quote.at,
        valid_until=min(recommendation.expires_at, quote.at + timedelta(seconds=policy.max_quote_age_seconds)),
    )


def fill_price(quote_price: Decimal, side: Side, policy: OrderPolicy) -> Decimal:
    """Fill price of a dry run: the quote worsened by `cost_bps`, rounded to four decimals against us."""
    return _worsened(quote_price, side, policy.cost_bps, FOUR_DECIMALS)


def _worsened(price: Decimal, side: Side, bps: Decimal, tick: Decimal) -> Decimal:
    worse = price * (1 + (bps if side is Side.BUY else -bps) / BPS)
    return max(worse.quantize(tick, ROUND_CEILING if side is Side.BUY else ROUND_FLOOR), tick)


def _tick(price: Decimal) -> Decimal:
    """Minimum price increment: one cent, or 1/100 cent below one dollar (SEC rule 612)."""
    return Decimal("0.01") if price >= 1 else FOUR_DECIMALS
