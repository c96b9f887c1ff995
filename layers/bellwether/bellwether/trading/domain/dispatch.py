"""Dispatch: the gates that a recommendation has to pass, the order that comes of it, and what a dry run's fill costs.

Pure: no I/O, no clock. Prices and amounts are Decimal, in USD; quantities are Decimal, in shares; bps are hundredths of
a percent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bellwether.shared.domain.decisions import Decision, Gate, Kind, Verdict, decide, decision_id
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import Side

__all__ = ["Side"]

DRY_RUN = "dry-run"
PAPER = "alpaca-paper"
ZERO = Decimal(0)
_BPS = Decimal(10_000)
_FINE = Decimal("0.0001")


# --- parameters ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPolicy:
    """Every limit of the gates, the fill model, and how long an order may be on its way. The defaults are small.

    Raises InvalidInputError for values that contradict each other.
    """

    broker: str = DRY_RUN
    market_hours: MarketHours = MarketHours.NYSE
    max_trades_per_day: int = 20
    max_trade_notional_usd: Decimal = Decimal(1_000)
    max_position_notional_usd: Decimal = Decimal(5_000)
    max_daily_loss_usd: Decimal = Decimal(200)
    cooldown_seconds: int = 3_600
    max_quote_age_seconds: int = 900
    max_price_move_bps: Decimal = Decimal(200)
    max_failures: int = 3
    failure_window_seconds: int = 3_600
    short_selling: bool = False

    spread_bps: Decimal = Decimal(4)
    slippage_bps: Decimal = Decimal(5)
    fee_bps: Decimal = ZERO
    limit_offset_bps: Decimal = Decimal(25)

    send_window_seconds: float = 60
    lease_seconds: float = 240

    def __post_init__(self) -> None:
        for name in ("max_trade_notional_usd", "max_position_notional_usd", "max_daily_loss_usd", "max_price_move_bps"):
            if getattr(self, name) < 0:
                raise InvalidInputError("is negative", field=name)
        if min(self.spread_bps, self.slippage_bps, self.fee_bps) < 0:
            raise InvalidInputError("a cost is negative", field="spread_bps, slippage_bps, fee_bps")
        if not self.cost_bps <= self.limit_offset_bps < _BPS:
            raise InvalidInputError("does not cover half the spread and the slippage", field="limit_offset_bps")
        if self.market_hours is not MarketHours.NYSE and self.broker != DRY_RUN:
            raise InvalidInputError("is for dry runs only: a broker keeps the exchange's hours", field="market_hours")
        if not 0 < self.send_window_seconds <= self.lease_seconds / 2:
            raise InvalidInputError("is longer than half the lease", field="send_window_seconds")

    @property
    def cost_bps(self) -> Decimal:
        """By how much a fill is worse than the quote: half the spread, and the slippage."""
        return self.spread_bps / 2 + self.slippage_bps


# --- what the gates look at -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the rule would do."""

    recommendation_id: UUID
    ticker: str
    side: Side
    quantity: Decimal
    reference_price: Decimal
    rule_version: str
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest price that is known of a ticker, and since when."""

    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """One ticker in the book. `ordered_*` are approved and not settled; `spent_today` is net and has the fees in it."""

    before: Decimal = ZERO
    today: Decimal = ZERO
    spent_today: Decimal = ZERO
    ordered_in: Decimal = ZERO
    ordered_out: Decimal = ZERO
    last_trade_at: datetime | None = None
    opening_price: Decimal | None = None
    price: Decimal | None = None

    @property
    def held(self) -> Decimal:
        """Shares now; negative when sold short."""
        return self.before + self.today

    @property
    def gain_today(self) -> Decimal | None:
        """Realised and unrealised since the day began, after fees; None when a price that it takes is missing."""
        if (self.held and self.price is None) or (self.before and self.opening_price is None):
            return None
        worth = self.held * self.price if self.price is not None else ZERO
        opening_worth = self.before * self.opening_price if self.opening_price is not None else ZERO
        return worth - opening_worth - self.spent_today


@dataclass(frozen=True, slots=True)
class Control:
    """The manual kill switch, as it was last set."""

    halted: bool
    actor: str
    reason: str
    changed_at: datetime


RUNNING = Control(halted=False, actor="nobody", reason="never halted", changed_at=datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Book:
    """Everything that limits refer to, as of one instant."""

    trades_today: int = 0
    failures: int = 0
    control: Control = RUNNING
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    quotes: Mapping[str, Quote] = field(default_factory=dict)

    @cached_property
    def loss_today(self) -> Decimal | None:
        """USD lost since the day began (negative: won); None when the worth of something held is not known."""
        gains = [holding.gain_today for holding in self.holdings.values()]
        known = [gain for gain in gains if gain is not None]
        return -sum(known, ZERO) if len(known) == len(gains) else None

    def after(self, order: "Order", at: datetime) -> "Book":
        """The book with one more approved order in it."""
        holding = self.holdings.get(order.ticker, Holding())
        holding = replace(
            holding,
            ordered_in=holding.ordered_in + (order.quantity if order.side is Side.BUY else ZERO),
            ordered_out=holding.ordered_out + (order.quantity if order.side is Side.SELL else ZERO),
            last_trade_at=at,
        )
        book = replace(self, trades_today=self.trades_today + 1, holdings={**self.holdings, order.ticker: holding})
        book.__dict__["loss_today"] = self.loss_today  # what is on its way has neither won nor lost
        return book


def trading_day_start(now: datetime, hours: MarketHours = MarketHours.NYSE) -> datetime:
    """Since when trades count as today's: the opening of the session that is going on or was last."""
    try:
        return hours.last_sessions(now, 1)[0].opens_at
    except InvalidInputError:  # beyond the calendar: no gate opens there
        return datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)


# --- orders and what becomes of them ----------------------------------------------------------------------------------


class Order(BaseModel):
    """An approved trade's terms; the same however often it is handed out. `valid_until`: no broker gets it later."""

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
    """An order in one dispatcher's hands: to be sent before `send_before` only; None: only ask the broker for it."""

    claim_token: UUID
    send_before: AwareDatetime | None


class ExecutionStatus(StrEnum):
    """How far an order got. The first three are not its end."""

    APPROVED = "APPROVED"  # the gates let it through; whether the broker has it is for a dispatcher to find out
    UNCLEAR = "UNCLEAR"  # the broker could not be asked
    SENT = "SENT"  # the broker has it, and works on it
    FILLED = "FILLED"  # wholly or partly, and closed
    UNFILLED = "UNFILLED"  # closed without a share
    REJECTED = "REJECTED"  # the broker does not want it
    UNSENT = "UNSENT"  # the broker never got it, and won't

    @property
    def is_final(self) -> bool:
        return self not in (ExecutionStatus.APPROVED, ExecutionStatus.UNCLEAR, ExecutionStatus.SENT)


class Execution(BaseModel):
    """What was seen of one order at the broker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recommendation_id: UUID
    decision_id: UUID
    client_order_id: str
    claim_token: UUID
    status: ExecutionStatus
    observed_at: AwareDatetime
    broker_order_id: Annotated[str | None, Field(max_length=200)] = None
    sent_at: AwareDatetime | None = None
    filled_quantity: Annotated[Decimal, Field(ge=0)] = ZERO
    fill_price: Annotated[Decimal | None, Field(gt=0)] = None
    fees: Annotated[Decimal, Field(ge=0)] = ZERO
    reason: Annotated[str, Field(max_length=1000)] = ""


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker has it."""

    broker_order_id: str
    status: ExecutionStatus
    sent_at: datetime | None = None
    filled_quantity: Decimal = ZERO
    fill_price: Decimal | None = None
    fees: Decimal = ZERO
    reason: str = ""


def observed(order: ClaimedOrder, seen: BrokerOrder, at: datetime) -> Execution:
    """What the broker said of an order, as it is handed on."""
    return Execution(
        recommendation_id=order.recommendation_id,
        decision_id=order.decision_id,
        client_order_id=order.client_order_id,
        claim_token=order.claim_token,
        status=seen.status,
        observed_at=at,
        broker_order_id=seen.broker_order_id,
        sent_at=seen.sent_at,
        filled_quantity=seen.filled_quantity,
        fill_price=seen.fill_price,
        fees=seen.fees,
        reason=seen.reason[:1000],
    )


def not_sent(order: ClaimedOrder, status: ExecutionStatus, reason: str, at: datetime) -> Execution:
    """An order that the broker does not have, or could not be asked for."""
    return Execution(
        recommendation_id=order.recommendation_id,
        decision_id=order.decision_id,
        client_order_id=order.client_order_id,
        claim_token=order.claim_token,
        status=status,
        observed_at=at,
        reason=reason[:1000],
    )


def order_decision_id(recommendation: Recommendation) -> UUID:
    """Id of the one decision about a recommendation."""
    return decision_id(Kind.PLACE_TRADE, _subject(recommendation), str(recommendation.recommendation_id))


def client_order_id(decision: UUID) -> str:
    """By what name the broker knows the order of a decision."""
    return f"bw-{decision}"


def make_order(recommendation: Recommendation, quote: Quote, policy: DispatchPolicy) -> Order:
    """A limit order at the quote, with room for the spread and the slippage; in a dry run it fills as it expects to."""
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
        expected_fees=(recommendation.quantity * expected * policy.fee_bps / _BPS).quantize(_FINE, ROUND_CEILING),
        quote_price=quote.price,
        quote_at=quote.at,
        valid_until=min(recommendation.expires_at, quote.at + timedelta(seconds=policy.max_quote_age_seconds)),
    )


def fill_price(quote_price: Decimal, side: Side, policy: DispatchPolicy) -> Decimal:
    """The dry run's price: the quote, worse by half the spread and the slippage, rounded against us to 1/100 cent."""
    return _worsened(quote_price, side, policy.cost_bps, _FINE)


def _worsened(price: Decimal, side: Side, bps: Decimal, tick: Decimal) -> Decimal:
    worse = price * (1 + (bps if side is Side.BUY else -bps) / _BPS)
    return max(worse.quantize(tick, ROUND_CEILING if side is Side.BUY else ROUND_FLOOR), tick)


def _tick(price: Decimal) -> Decimal:
    """The step of limit prices: cents, below one dollar hundredths of them (SEC rule 612)."""
    return Decimal("0.01") if price >= 1 else _FINE


# --- settling --------------------------------------------------------------------------------------------------------


class Step(StrEnum):
    """What a report about an order changes."""

    SETTLE = "settle"  # it is at its end
    FOLLOW = "follow"  # the broker works on it: ask again
    TROUBLE = "trouble"  # nobody knows: ask again, and count it
    NOTHING = "nothing"  # known already, or from a dispatcher whose claim has passed to another


def next_step(standing: ExecutionStatus, execution: Execution, *, holds_claim: bool) -> Step:
    """What to do with a report about an order that stands as `standing`.

    What a broker says is a fact, whoever asked. That an order was not sent, only the holder of its claim can know.
    """
    status = execution.status
    from_broker = status is ExecutionStatus.SENT or (status.is_final and status is not ExecutionStatus.UNSENT)
    if standing.is_final and not (standing is ExecutionStatus.UNSENT and from_broker):
        return Step.NOTHING
    if from_broker:
        return Step.SETTLE if status.is_final else Step.FOLLOW
    if not holds_claim:
        return Step.NOTHING
    if status is ExecutionStatus.UNSENT and standing is ExecutionStatus.APPROVED:
        return Step.SETTLE
    return Step.TROUBLE


# --- gates -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ruling:
    """A recommendation, what the gates said of it, and the order when they let it through."""

    recommendation: Recommendation
    decision: Decision
    order: Order | None
    expired: bool

    @property
    def reason(self) -> str:
        """Why it was refused; empty when it was not."""
        return "; ".join(self.decision.reasons)


def rule(recommendation: Recommendation, book: Book, policy: DispatchPolicy, *, now: datetime, actor: str) -> Ruling:
    """Hold a recommendation against every gate, and keep what each of them saw.

    One whose figures can't be reckoned with is refused like any other: it must not stand in the way of those behind it.
    """
    try:
        return _rule(recommendation, book, policy, now, actor)
    except (ValidationError, ArithmeticError) as error:
        return _no_order(recommendation, type(error).__name__, now, actor)


def _no_order(recommendation: Recommendation, problem: str, now: datetime, actor: str) -> Ruling:
    terms = f"{recommendation.quantity} {recommendation.ticker} at {recommendation.reference_price}"
    gate = Gate(
        name="order_terms",
        observed=terms[:200],
        limit="a listed ticker, a quantity and a price",
        passed=False,
        reason=f"no order can be made of {terms[:200]} ({problem})",
    )
    decision = decide(
        kind=Kind.PLACE_TRADE,
        subject=_subject(recommendation),
        key=str(recommendation.recommendation_id),
        gates=(gate,),
        evidence=_evidence(recommendation, None),
        actor=actor,
        made_at=now,
    )
    return Ruling(recommendation, decision, None, expired=False)


def _rule(recommendation: Recommendation, book: Book, policy: DispatchPolicy, now: datetime, actor: str) -> Ruling:
    quote = book.quotes.get(recommendation.ticker)
    order = make_order(recommendation, quote, policy) if quote else None
    fresh = _recommendation_age(recommendation, now)
    decision = decide(
        kind=Kind.PLACE_TRADE,
        subject=_subject(recommendation),
        key=str(recommendation.recommendation_id),
        gates=(
            _manual_kill_switch(book),
            _error_kill_switch(book, policy),
            _market_hours(policy, now),
            fresh,
            _quote_age(quote, policy, now),
            _price_move(recommendation, quote, policy),
            _trades_per_day(book, policy),
            _trade_notional(order, policy),
            _position_notional(recommendation, order, book, policy),
            _shares_held(recommendation, book, policy),
            _daily_loss(book, policy),
            _cooldown(recommendation, book, policy, now),
        ),
        evidence=_evidence(recommendation, order),
        actor=actor,
        made_at=now,
    )
    accepted = decision.verdict is Verdict.ACCEPTED
    return Ruling(recommendation, decision, order if accepted else None, expired=not fresh.passed)


def _subject(recommendation: Recommendation) -> str:
    return f"{recommendation.side} {recommendation.ticker}"


def _evidence(recommendation: Recommendation, order: Order | None) -> dict[str, Any]:
    return {
        "recommendation_id": str(recommendation.recommendation_id),
        "rule_version": recommendation.rule_version,
        "made_at": recommendation.made_at.isoformat(),
        "quantity": str(recommendation.quantity),
        "reference_price_usd": str(recommendation.reference_price),
        "order": order.model_dump(mode="json") if order else None,
    }


def _manual_kill_switch(book: Book) -> Gate:
    control = book.control
    seen = f"halted by {control.actor}: {control.reason}" if control.halted else "running"
    return Gate(name="manual_kill_switch", observed=seen, limit="running", passed=not control.halted)


def _error_kill_switch(book: Book, policy: DispatchPolicy) -> Gate:
    stopped = book.failures >= policy.max_failures
    return Gate(
        name="error_kill_switch",
        observed=book.failures,
        limit=policy.max_failures,
        passed=not stopped,
        reason=f"{book.failures} failures within {policy.failure_window_seconds} s" if stopped else "",
    )


def _market_hours(policy: DispatchPolicy, now: datetime) -> Gate:
    try:
        seen = "open" if policy.market_hours.session_at(now) else "closed"
    except InvalidInputError as error:
        seen = str(error)
    return Gate(name="market_hours", observed=seen, limit="open", passed=seen == "open")


def _recommendation_age(recommendation: Recommendation, now: datetime) -> Gate:
    return Gate(
        name="recommendation_age_seconds",
        observed=_seconds(now - recommendation.made_at),
        limit=_seconds(recommendation.expires_at - recommendation.made_at),
        passed=now < recommendation.expires_at,
    )


def _quote_age(quote: Quote | None, policy: DispatchPolicy, now: datetime) -> Gate:
    age = now - quote.at if quote else None
    return Gate(
        name="quote_age_seconds",
        observed=None if age is None else _seconds(age),
        limit=policy.max_quote_age_seconds,
        passed=age is not None and age <= timedelta(seconds=policy.max_quote_age_seconds),
        reason="" if quote else "no quote is known",
    )


def _price_move(recommendation: Recommendation, quote: Quote | None, policy: DispatchPolicy) -> Gate:
    move = abs(quote.price / recommendation.reference_price - 1) * _BPS if quote else None
    return Gate(
        name="price_move_bps",
        observed=_told(move),
        limit=_told(policy.max_price_move_bps),
        passed=move is not None and move <= policy.max_price_move_bps,
    )


def _trades_per_day(book: Book, policy: DispatchPolicy) -> Gate:
    return Gate(
        name="trades_per_day",
        observed=book.trades_today + 1,
        limit=policy.max_trades_per_day,
        passed=book.trades_today < policy.max_trades_per_day,
    )


def _trade_notional(order: Order | None, policy: DispatchPolicy) -> Gate:
    notional = order.quantity * max(order.limit_price, order.quote_price) if order else None
    return Gate(
        name="trade_notional_usd",
        observed=_told(notional),
        limit=_told(policy.max_trade_notional_usd),
        passed=notional is not None and notional <= policy.max_trade_notional_usd,
    )


def _position_notional(recommendation: Recommendation, order: Order | None, book: Book, policy: DispatchPolicy) -> Gate:
    """At worst: of what is ordered already, all on this side fills and nothing on the other. Closing always may."""
    holding = book.holdings.get(recommendation.ticker, Holding())
    if recommendation.side is Side.BUY:
        position = holding.held + holding.ordered_in + recommendation.quantity
    else:
        position = holding.held - holding.ordered_out - recommendation.quantity
    worth = abs(position) * max(order.limit_price, order.quote_price) if order else None
    closes = position * holding.held >= 0 and abs(position) < abs(holding.held)
    return Gate(
        name="position_notional_usd",
        observed=_told(worth),
        limit=_told(policy.max_position_notional_usd),
        passed=worth is not None and (closes or worth <= policy.max_position_notional_usd),
    )


def _shares_held(recommendation: Recommendation, book: Book, policy: DispatchPolicy) -> Gate:
    """A sale needs shares that no other sale counts on, unless selling short is allowed."""
    holding = book.holdings.get(recommendation.ticker, Holding())
    free = holding.held - holding.ordered_out
    needed = recommendation.quantity if recommendation.side is Side.SELL and not policy.short_selling else ZERO
    return Gate(
        name="shares_held",
        observed=_told(free),
        limit=_told(needed) if needed else "any",
        passed=not needed or free >= needed,
    )


def _daily_loss(book: Book, policy: DispatchPolicy) -> Gate:
    loss = book.loss_today
    return Gate(
        name="daily_loss_usd",
        observed=_told(loss),
        limit=_told(policy.max_daily_loss_usd),
        passed=loss is not None and (loss < policy.max_daily_loss_usd or loss <= 0),
        reason="" if loss is not None else "the worth of something held is not known",
    )


def _cooldown(recommendation: Recommendation, book: Book, policy: DispatchPolicy, now: datetime) -> Gate:
    last = book.holdings.get(recommendation.ticker, Holding()).last_trade_at
    return Gate(
        name="cooldown_seconds",
        observed=_seconds(now - last) if last else None,
        limit=policy.cooldown_seconds,
        passed=last is None or now - last >= timedelta(seconds=policy.cooldown_seconds),
    )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _told(amount: Decimal | None) -> str | None:
    """An amount as the ledger keeps it: exact enough, and no float."""
    if amount is None:
        return None
    return f"{amount.quantize(_FINE).normalize():f}"
