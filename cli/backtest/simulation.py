"""Simulate the live signal rule over historical bars.

At the end of each bar the rule sees only the data known at that time. A recommendation is filled at the open of the
ticker's next bar, with slippage and costs, unless it has expired by then. No other part of a later bar is used.
Positions still open at the end are valued at their last close.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from math import sqrt

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.bars import Bar, Timeframe
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import (
    Side,
    Signal,
    SignalRule,
    Situation,
    Story,
    apply_rule,
    with_first_tellings,
)

BPS = Decimal(10_000)
TRADING_DAYS = 252
_CENT = Decimal("0.0001")


@dataclass(frozen=True)
class BacktestTerms:
    """Capital and trading costs. Costs and slippage are in basis points of each fill."""

    capital_usd: Decimal = Decimal(100_000)  # an equal part for each ticker
    costs_bps: Decimal = Decimal(1)
    slippage_bps: Decimal = Decimal(5)
    short_selling: bool = False
    max_hold_bars: int | None = None  # after which a position is closed at the next open; None: on the opposite signal
    hours: MarketHours = MarketHours.NYSE


@dataclass(frozen=True)
class History:
    """One ticker's bars, ordered by start, and stories, ordered by the time at which they became known."""

    ticker: str
    bars: Sequence[Bar]
    stories: Sequence[Story]


class Trade(BaseModel):
    """A position from its opening to its closing fill; still open where `exit_reason` is `end`."""

    model_config = ConfigDict(frozen=True)

    ticker: str
    side: Side
    quantity: int
    opened_at: AwareDatetime
    entry_price: Decimal
    closed_at: AwareDatetime
    exit_price: Decimal
    exit_reason: str
    profit_usd: Decimal  # after costs and slippage
    return_: float  # of the money put in


class Point(BaseModel):
    """Value of both portfolios at an instant, in USD."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    equity: float
    buy_and_hold: float


class Performance(BaseModel):
    """Performance. `sharpe`: annualised, of daily returns, without a risk-free rate; None for too few returns."""

    model_config = ConfigDict(frozen=True)

    total_return: float
    sharpe: float | None
    max_drawdown: float
    exposure: float  # mean share of the equity that is in the market
    turnover: float  # traded money over mean equity


class BacktestReport(BaseModel):
    """Result of a backtest."""

    model_config = ConfigDict(frozen=True)

    rule_version: str
    timeframe: Timeframe
    tickers: tuple[str, ...]
    first: AwareDatetime
    last: AwareDatetime
    bars: int
    stories: int
    strategy: Performance
    buy_and_hold: Performance
    signals: int
    expired: int  # no bar before the recommendation expired
    already_held: int  # position already open, nothing to sell, or no cash
    closed_trades: int
    open_trades: int
    hit_rate: float | None  # of closed trades
    costs_usd: Decimal
    no_signal_reasons: dict[str, int]  # the rule's reasons, counted over all bars
    trades: tuple[Trade, ...]
    curve: tuple[Point, ...]


Progress = Callable[[int, int], None]


def backtest(
    histories: Sequence[History],
    rule: SignalRule,
    terms: BacktestTerms,
    progress: Progress = lambda _done, _total: None,
) -> BacktestReport:
    """Simulate all tickers together in chronological order. Raises InvalidInputError without bars."""
    if not any(history.bars for history in histories):
        raise InvalidInputError("no bars", field="bars")
    run = _Run([history for history in histories if history.bars], rule, terms)
    run.replay(progress)
    return run.report()


# --- simulation -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Position:
    side: Side
    quantity: int
    price: Decimal
    opened_at: datetime
    costs: Decimal
    bars: int = 0

    @property
    def signed(self) -> int:
        return self.quantity if self.side is Side.BUY else -self.quantity


@dataclass(frozen=True, slots=True)
class _Order:
    side: Side
    quantity: int
    expires_at: datetime | None
    reason: str


class _Run:
    def __init__(self, histories: Sequence[History], rule: SignalRule, terms: BacktestTerms) -> None:
        self._histories = {history.ticker: history for history in histories}
        self._terms = terms
        share = (terms.capital_usd / len(histories)).quantize(Decimal(1))
        self._rule = replace(rule, budget_usd=share)
        self._stories = {each.ticker: with_first_tellings(each.stories) for each in histories}
        self._known = {each.ticker: [story.known_at for story in each.stories] for each in histories}
        self._cash = terms.capital_usd
        self._positions: dict[str, _Position] = {}
        self._orders: dict[str, _Order] = {}
        self._prices: dict[str, Decimal] = {}
        self._last_made: dict[str, datetime] = {}
        self._held_shares: dict[str, Decimal] = {}
        self._held_cash = terms.capital_usd
        self._costs = self._traded = self._held_traded = Decimal(0)
        self._counts: Counter[str] = Counter()
        self._no_signal_reasons: Counter[str] = Counter()
        self._trades: list[Trade] = []
        self._curve: list[Point] = []
        self._exposures: list[float] = []

    def replay(self, progress: Progress) -> None:
        """Process the openings and ends of bars in chronological order; at the same instant, ends first."""
        total = sum(len(history.bars) for history in self._histories.values())
        done = 0
        last: datetime | None = None  # the last instant at which bars ended
        for instant, is_open, bar in self._events():
            if last is not None and (is_open or instant != last):
                self._mark(last)  # before anything of the next bar happens
                last = None
            if is_open:
                self._fill(bar)
                continue
            last = instant
            self._prices[bar.ticker] = bar.close
            self._decide(bar, instant)
            done += 1
            if done % 500 == 0 or done == total:
                progress(done, total)
        if last is not None:
            self._finish(last)
            self._mark(last)

    def _events(self) -> Iterator[tuple[datetime, bool, Bar]]:
        length = self._rule.timeframe.length
        events = [
            event
            for history in self._histories.values()
            for bar in history.bars
            for event in ((bar.start + length, False, bar), (bar.start, True, bar))
        ]
        yield from sorted(events, key=lambda event: (event[0], event[1], event[2].ticker))

    def _decide(self, bar: Bar, now: datetime) -> None:
        history = self._histories[bar.ticker]
        known = self._known[bar.ticker]
        window = slice(bisect_right(known, now - self._rule.window), bisect_right(known, now))
        daily = self._rule.timeframe is Timeframe.ONE_DAY  # decided after the close, for the next open
        found = apply_rule(
            Situation(
                ticker=bar.ticker,
                now=now,
                market_open=daily or self._terms.hours.session_at(now) is not None,
                bars=history.bars,
                stories=self._stories[bar.ticker][window],
                last_made_at=self._last_made.get(bar.ticker),
            ),
            self._rule,
        )
        position = self._positions.get(bar.ticker)
        if position:
            position.bars += 1
        if isinstance(found, Signal):
            self._counts["signals"] += 1
            self._last_made[bar.ticker] = now
            self._order(found, position)
        else:
            self._no_signal_reasons[found.value] += 1
        limit = self._terms.max_hold_bars
        if position and limit is not None and position.bars >= limit and bar.ticker not in self._orders:
            self._orders[bar.ticker] = _Order(_opposite(position.side), position.quantity, None, "holding limit")

    def _order(self, signal: Signal, position: _Position | None) -> None:
        if position and position.side is not signal.side:
            self._orders[signal.ticker] = _Order(signal.side, position.quantity, signal.expires_at, "opposite signal")
        elif position is None and (signal.side is Side.BUY or self._terms.short_selling):
            self._orders[signal.ticker] = _Order(signal.side, signal.quantity, signal.expires_at, "signal")
        else:
            self._counts["already_held"] += 1

    # --- fills and accounts

    def _fill(self, bar: Bar) -> None:
        if bar.ticker not in self._held_shares:
            self._buy_and_hold(bar)
        self._prices.setdefault(bar.ticker, bar.open)
        order = self._orders.pop(bar.ticker, None)
        if order is None:
            return
        if order.expires_at is not None and bar.start > order.expires_at:
            self._counts["expired"] += 1
            return
        price = self._slipped(bar.open, order.side)
        position = self._positions.get(bar.ticker)
        if position:
            self._close(bar.ticker, position, price, bar.start, order.reason)
            return
        affordable = int(max(self._cash, Decimal(0)) // (price * (1 + self._terms.costs_bps / BPS)))
        quantity = min(order.quantity, affordable) if order.side is Side.BUY else order.quantity
        if quantity < 1:
            self._counts["already_held"] += 1
            return
        costs = self._pay(price, quantity)
        opened = _Position(order.side, quantity, price, bar.start, costs)
        self._cash -= opened.signed * price
        self._positions[bar.ticker] = opened

    def _close(self, ticker: str, position: _Position, price: Decimal, at: datetime, reason: str) -> None:
        costs = self._pay(price, position.quantity)
        self._cash += position.signed * price
        self._trades.append(_trade(ticker, position, price, at, reason, costs))
        del self._positions[ticker]

    def _finish(self, at: datetime) -> None:
        """Value open positions at the last close, without closing costs."""
        for ticker, position in self._positions.items():
            self._trades.append(_trade(ticker, position, self._prices[ticker], at, "end", Decimal(0)))

    def _pay(self, price: Decimal, quantity: int) -> Decimal:
        costs = price * quantity * self._terms.costs_bps / BPS
        self._cash -= costs
        self._costs += costs
        self._traded += price * quantity
        return costs

    def _slipped(self, price: Decimal, side: Side) -> Decimal:
        sign = 1 if side is Side.BUY else -1
        return price * (1 + sign * self._terms.slippage_bps / BPS)

    def _buy_and_hold(self, bar: Bar) -> None:
        """The baseline portfolio buys an equal part of each ticker at its first open, with the same costs."""
        part = self._terms.capital_usd / len(self._histories)
        price = self._slipped(bar.open, Side.BUY) * (1 + self._terms.costs_bps / BPS)
        self._held_shares[bar.ticker] = part / price
        self._held_cash -= part
        self._held_traded += part

    def _mark(self, at: datetime) -> None:
        invested = sum((each.signed * self._prices[ticker] for ticker, each in self._positions.items()), Decimal(0))
        gross = sum((each.quantity * self._prices[ticker] for ticker, each in self._positions.items()), Decimal(0))
        held = sum((count * self._prices[ticker] for ticker, count in self._held_shares.items()), Decimal(0))
        equity = self._cash + invested
        self._curve.append(Point(at=at, equity=float(equity), buy_and_hold=float(self._held_cash + held)))
        self._exposures.append(float(gross / equity) if equity > 0 else 0.0)

    # --- report

    def report(self) -> BacktestReport:
        """Figures of the finished simulation."""
        closed = [trade for trade in self._trades if trade.exit_reason != "end"]
        curve = self._curve
        held_value = [point.buy_and_hold for point in curve]
        held_exposure = 1 - float(self._held_cash) / held_value[-1]
        return BacktestReport(
            rule_version=self._rule.version,
            timeframe=self._rule.timeframe,
            tickers=tuple(sorted(self._histories)),
            first=min(history.bars[0].start for history in self._histories.values()),
            last=curve[-1].at,
            bars=sum(len(history.bars) for history in self._histories.values()),
            stories=sum(len(history.stories) for history in self._histories.values()),
            strategy=_performance(
                {point.at: point.equity for point in curve},
                self._terms,
                sum(self._exposures) / len(curve),
                self._traded,
            ),
            buy_and_hold=_performance(
                {point.at: point.buy_and_hold for point in curve}, self._terms, held_exposure, self._held_traded
            ),
            signals=self._counts["signals"],
            expired=self._counts["expired"],
            already_held=self._counts["already_held"],
            closed_trades=len(closed),
            open_trades=len(self._trades) - len(closed),
            hit_rate=sum(trade.profit_usd > 0 for trade in closed) / len(closed) if closed else None,
            costs_usd=self._costs.quantize(_CENT),
            no_signal_reasons=dict(sorted(self._no_signal_reasons.items())),
            trades=tuple(self._trades),
            curve=tuple(curve),
        )


def _trade(ticker: str, position: _Position, price: Decimal, at: datetime, reason: str, costs: Decimal) -> Trade:
    profit = position.signed * (price - position.price) - position.costs - costs
    return Trade(
        ticker=ticker,
        side=position.side,
        quantity=position.quantity,
        opened_at=position.opened_at,
        entry_price=position.price.quantize(_CENT),
        closed_at=at,
        exit_price=price.quantize(_CENT),
        exit_reason=reason,
        profit_usd=profit.quantize(_CENT),
        return_=float(profit / (position.price * position.quantity)),
    )


def _opposite(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


# --- figures --------------------------------------------------------------------------------------------------------


def _performance(
    values: Mapping[datetime, float], terms: BacktestTerms, exposure: float, traded: Decimal
) -> Performance:
    series = list(values.values())
    start = float(terms.capital_usd)
    return Performance(
        total_return=series[-1] / start - 1,
        sharpe=sharpe_ratio(_daily(values, start)),
        max_drawdown=max_drawdown([start, *series]),
        exposure=exposure,
        turnover=float(traded) / (sum(series) / len(series)),
    )


def _daily(values: Mapping[datetime, float], start: float) -> list[float]:
    """Daily returns from the last value of each UTC day."""
    last: dict[date, float] = {at.date(): value for at, value in values.items()}
    days = [start, *last.values()]
    return [after / before - 1 for before, after in pairwise(days)]


def sharpe_ratio(returns: Sequence[float], periods: int = TRADING_DAYS) -> float | None:
    """Annualised mean over standard deviation of returns; None for fewer than 20 returns or zero variance."""
    if len(returns) < 20:
        return None
    mean = sum(returns) / len(returns)
    variance = sum((each - mean) ** 2 for each in returns) / (len(returns) - 1)
    return mean / sqrt(variance) * sqrt(periods) if variance > 1e-18 else None


def max_drawdown(values: Sequence[float]) -> float:
    """Largest decline from a peak, as a share of the peak: between 0 and 1."""
    peak, deepest = values[0], 0.0
    for value in values:
        peak = max(peak, value)
        deepest = max(deepest, 1 - value / peak)
    return deepest
