"""The backtest runs the live rule, pays for its trades, and never looks ahead."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.bars import Bar
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import INTRADAY, Side, Signal, SignalRule, Situation, Story, apply_rule
from cli.backtest.simulation import (
    BacktestReport,
    BacktestTerms,
    History,
    backtest,
    max_drawdown,
    sharpe_ratio,
)
from tests.unit.trading.builders import FIVE_MINUTES, OPENS, bar

RULE = SignalRule(sma_bars=5, cooldown=timedelta(minutes=15))
FREE = BacktestTerms(capital_usd=Decimal(10_000), costs_bps=Decimal(0), slippage_bps=Decimal(0))
DEAR = BacktestTerms(capital_usd=Decimal(10_000), costs_bps=Decimal(10), slippage_bps=Decimal(20))

QUICK = replace(DEAR, max_hold_bars=3)


def line(closes: list[int], ticker: str = "ACME", start: datetime = OPENS) -> tuple[Bar, ...]:
    """Bars that open where the one before closed."""
    opens = [closes[0], *closes[:-1]]
    return tuple(
        bar(
            start + place * FIVE_MINUTES,
            close,
            ticker,
            open=Decimal(opened),
            high=Decimal(max(opened, close)),
            low=Decimal(min(opened, close)),
        )
        for place, (opened, close) in enumerate(zip(opens, closes, strict=True))
    )


def news(sentiment: float, at: datetime, uid: str = "s1") -> Story:
    return Story(uid, uid, at, at, sentiment)


UP_AND_DOWN = [100] * 5 + [101, 102, 103, 104, 105] + [104, 100, 99, 98, 97, 96]
GOOD_THEN_BAD = (news(0.9, OPENS), *(news(-1, OPENS + 10 * FIVE_MINUTES, f"bad{count}") for count in range(5)))


def test_a_signal_is_filled_at_the_next_open_and_closed_by_the_opposite_one() -> None:
    # Given a price that rises on good news and falls on bad
    report = backtest([History("ACME", line(UP_AND_DOWN), GOOD_THEN_BAD)], RULE, FREE)
    (trade,) = report.trades
    # Then the rule bought after the first close above its mean (101), at the next open, and sold after the turn
    assert (trade.side, trade.entry_price, trade.opened_at) == (Side.BUY, Decimal(101), OPENS + 6 * FIVE_MINUTES)
    assert (trade.exit_price, trade.exit_reason) == (Decimal(100), "opposite signal")
    assert trade.quantity == 99
    assert trade.profit_usd == -99
    assert report.curve[-1].equity == pytest.approx(10_000 - 99)
    assert (report.closed_trades, report.open_trades, report.hit_rate) == (1, 0, 0.0)
    # And the other portfolio held from the first open
    assert report.buy_and_hold.total_return == pytest.approx(-0.04)
    assert report.buy_and_hold.max_drawdown == pytest.approx(9 / 105)


def test_trading_is_paid_for() -> None:
    free = backtest([History("ACME", line(UP_AND_DOWN), GOOD_THEN_BAD)], RULE, FREE)
    dear = backtest([History("ACME", line(UP_AND_DOWN), GOOD_THEN_BAD)], RULE, DEAR)
    (trade,) = dear.trades
    # Given 20 bps of slippage; Then buying is dearer and selling cheaper by it
    assert trade.entry_price == Decimal(101) * Decimal("1.002")
    assert trade.exit_price == Decimal(100) * Decimal("0.998")
    # And 10 bps of each fill are gone
    paid = (trade.entry_price + trade.exit_price) * trade.quantity / 1000
    assert dear.costs_usd == pytest.approx(paid)
    assert dear.curve[-1].equity < free.curve[-1].equity
    assert dear.buy_and_hold.total_return < free.buy_and_hold.total_return


def test_what_is_held_at_the_end_is_valued_and_not_counted_as_closed() -> None:
    report = backtest([History("ACME", line(UP_AND_DOWN[:10]), GOOD_THEN_BAD[:1])], RULE, FREE)
    (trade,) = report.trades
    assert (trade.exit_reason, trade.exit_price, trade.profit_usd) == ("end", Decimal(105), Decimal(4 * 99))
    assert (report.closed_trades, report.open_trades, report.hit_rate) == (0, 1, None)
    assert report.strategy.exposure == pytest.approx(0.4, abs=0.001)


def test_a_position_is_closed_at_the_holding_limit() -> None:
    terms = BacktestTerms(capital_usd=Decimal(10_000), max_hold_bars=2)
    report = backtest([History("ACME", line(UP_AND_DOWN[:10]), GOOD_THEN_BAD[:1])], RULE, terms)
    assert report.trades[0].exit_reason == "holding limit"
    assert report.trades[0].closed_at == report.trades[0].opened_at + 2 * FIVE_MINUTES


def test_bad_news_open_a_position_only_where_selling_short_is_allowed() -> None:
    falling = [100] * 5 + [99, 98, 97, 96, 95]
    bad = (news(-0.9, OPENS),)
    assert backtest([History("ACME", line(falling), bad)], RULE, FREE).trades == ()
    short = BacktestTerms(FREE.capital_usd, Decimal(0), Decimal(0), short_selling=True)
    (trade,) = backtest([History("ACME", line(falling), bad)], RULE, short).trades
    assert (trade.side, trade.profit_usd) == (Side.SELL, (Decimal(99) - 95) * 101)


def test_a_recommendation_that_expires_before_the_next_bar_is_not_filled() -> None:
    # Given a gap of an hour after the bar that makes the signal
    early = line([100] * 5 + [101])
    late = line([102, 103], start=early[-1].start + timedelta(hours=1))
    report = backtest([History("ACME", (*early, *late), (news(0.9, OPENS),))], RULE, FREE)
    assert report.expired == 1
    assert all(trade.opened_at > late[0].start for trade in report.trades)


def test_nothing_is_done_after_the_close() -> None:
    evening = datetime.fromisoformat("2026-03-10T21:00:00Z")
    history = History("ACME", line(UP_AND_DOWN, start=evening), (news(0.9, evening),))
    closed = backtest([history], RULE, FREE)
    assert (closed.signals, closed.no_signal_reasons) == (0, {"market_closed": len(UP_AND_DOWN)})
    always = BacktestTerms(FREE.capital_usd, Decimal(0), Decimal(0), hours=MarketHours.ALWAYS)
    assert backtest([history], RULE, always).signals > 0


def test_without_bars_there_is_nothing_to_run_over() -> None:
    with pytest.raises(InvalidInputError, match="bar"):
        backtest([History("ACME", (), ())], RULE, FREE)


def test_progress_ends_at_the_number_of_bars() -> None:
    told: list[tuple[int, int]] = []
    backtest([History("ACME", line(UP_AND_DOWN), ())], RULE, FREE, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(UP_AND_DOWN), len(UP_AND_DOWN))


# --- properties ------------------------------------------------------------------------------------------------------

walks = st.lists(st.integers(-3, 3), min_size=8, max_size=40).map(
    lambda steps: [100 + sum(steps[: place + 1]) % 25 for place in range(len(steps))]
)
tellings = st.lists(st.tuples(st.integers(0, 30), st.sampled_from([-1.0, -0.7, 0.1, 0.7, 1.0])), max_size=8)


def history(ticker: str, closes: list[int], told: list[tuple[int, float]]) -> History:
    stories = sorted(
        (news(each, OPENS + slot * FIVE_MINUTES, f"{ticker}{place}") for place, (slot, each) in enumerate(told)),
        key=lambda story: story.known_at,
    )
    return History(ticker, line(closes, ticker), stories)


@given(walks, tellings, walks, tellings, st.integers(6, 40))
def test_the_past_of_a_run_does_not_depend_on_its_future(
    closes: list[int], told: list[tuple[int, float]], other: list[int], other_told: list[tuple[int, float]], cut: int
) -> None:
    # Given two histories that are the same up to a bar, and differ in every way after it
    cut = min(cut, len(closes))
    until = OPENS + cut * FIVE_MINUTES
    known = [each for each in told if each[0] <= cut]
    unknown = [(max(slot, cut + 1), sentiment) for slot, sentiment in other_told]
    one = backtest([history("ACME", closes, told)], RULE, QUICK)
    two = backtest([history("ACME", closes[:cut] + other, known + unknown)], RULE, QUICK)
    # Then all that had happened by then is the same
    assert _until(one, until) == _until(two, until)


def _until(report: BacktestReport, until: datetime) -> tuple[object, ...]:
    curve = tuple(point for point in report.curve if point.at <= until)
    opened = tuple((each.opened_at, each.entry_price) for each in report.trades if each.opened_at < until)
    closed = tuple(each for each in report.trades if each.closed_at < until)
    return curve, opened, closed


@given(walks, tellings, walks, tellings, st.booleans())
def test_the_accounts_add_up(
    closes: list[int], told: list[tuple[int, float]], other: list[int], other_told: list[tuple[int, float]], short: bool
) -> None:
    terms = replace(QUICK, short_selling=short)
    report = backtest([history("ACME", closes, told), history("BETA", other, other_told)], RULE, terms)
    # Given all profits, after costs and slippage; Then they are what the equity has grown by
    profits = sum(trade.profit_usd for trade in report.trades)
    assert report.curve[-1].equity == pytest.approx(float(terms.capital_usd + profits), abs=0.01)
    assert report.signals + sum(report.no_signal_reasons.values()) == report.bars
    assert len(report.trades) == report.closed_trades + report.open_trades
    assert 0 <= report.strategy.max_drawdown <= 1


@given(walks, tellings)
def test_it_runs_the_live_rule(closes: list[int], told: list[tuple[int, float]]) -> None:
    # Given a run, and the live rule asked at each bar's end with nothing but what there was then
    of = history("ACME", closes, told)
    report = backtest([of], RULE, FREE)
    rule = SignalRule(sma_bars=5, cooldown=timedelta(minutes=15), budget_usd=FREE.capital_usd)
    made: datetime | None = None
    signals = 0
    for place, each in enumerate(of.bars):
        now = each.start + FIVE_MINUTES
        stories = [story for story in of.stories if story.known_at <= now]
        found = apply_rule(Situation("ACME", now, True, of.bars[: place + 1], stories, made), rule)
        if isinstance(found, Signal):
            signals, made = signals + 1, now
    # Then both recommend as often
    assert report.signals == signals
    assert report.rule_version == rule.version != INTRADAY.version


# --- figures ---------------------------------------------------------------------------------------------------------


def test_figures() -> None:
    assert max_drawdown([100, 120, 90, 110, 80]) == pytest.approx(1 / 3)
    assert max_drawdown([1, 2, 3]) == 0
    returns = [0.01, -0.005] * 10
    assert sharpe_ratio(returns) == pytest.approx(0.0025 / 0.0076948376 * 252**0.5)
    assert sharpe_ratio([0.01] * 20) is None
    assert sharpe_ratio(returns[:19]) is None
