"""Each gate at its limit, and what holds whatever comes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bellwether.shared.domain.clock_skew import CLOCK_SKEW
from bellwether.shared.domain.decisions import Gate, Verdict
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.book import Book, Control, Holding, trading_day_start
from bellwether.trading.domain.executions import Execution, ExecutionStatus, SettlementAction, settlement_action
from bellwether.trading.domain.gate_evaluation import Evaluation, evaluate
from bellwether.trading.domain.orders import Quote, Recommendation, fill_price, make_order
from bellwether.trading.domain.risk_gates import GATES, DispatchPolicy
from bellwether.trading.domain.signals import Side
from tests.fakes.dispatch import NOW, OPENED, a_recommendation, with_limits
from tests.fakes.dispatch_suite import a_claimed_order

POLICY = DispatchPolicy()
QUOTE = Quote(Decimal(200), NOW - timedelta(minutes=2))
HALTED = Control(halted=True, actor="me", reason="stop", changed_at=NOW)


def a_book(**changes: Any) -> Book:
    """Nothing held, nothing traded, AAPL at 200."""
    given: dict[str, Any] = {"quotes": {"AAPL": QUOTE}}
    return Book(**(given | changes))


def holding(**changes: Any) -> dict[str, Holding]:
    """Of AAPL, which opened at 199 and stands at 200."""
    given: dict[str, Any] = {"opening_price": Decimal(199), "price": Decimal(200)}
    return {"AAPL": Holding(**(given | changes))}


def loss_of(usd: str) -> dict[str, Holding]:
    """A share of MSFT that has lost this much today."""
    return {"MSFT": Holding(before=Decimal(1), opening_price=Decimal(usd) + 1, price=Decimal(1))}


def evaluated(
    recommendation: Recommendation | None = None,
    book: Book | None = None,
    policy: DispatchPolicy = POLICY,
    now: datetime = NOW,
) -> Evaluation:
    """How the gates judge; by default they let it through."""
    return evaluate(recommendation or a_recommendation(), book or a_book(), policy, now=now, actor="test")


def gate(evaluation: Evaluation, name: str) -> Gate:
    (found,) = [each for each in evaluation.decision.gates if each.name == name]
    return found


def failed(evaluation: Evaluation) -> list[str]:
    return [each.name for each in evaluation.decision.gates if not each.passed]


def test_what_nothing_speaks_against_passes() -> None:
    evaluation = evaluated()
    assert (failed(evaluation), evaluation.decision.verdict, evaluation.expired) == ([], Verdict.ACCEPTED, False)
    assert evaluation.order is not None
    assert evaluation.decision.evidence["order"] == evaluation.order.model_dump(mode="json")


SELL = a_recommendation(side=Side.SELL)

# five shares of MSFT at 100 USD, bought for 400, and an open order for another five at up to 60
OTHER = {
    "MSFT": Holding(
        before=Decimal(5),
        spent=Decimal(400),
        ordered_in=Decimal(5),
        ordered_in_usd=Decimal(300),
        opening_price=Decimal(100),
        price=Decimal(100),
    )
}
SHORT = {"MSFT": Holding(before=Decimal(-12), spent=Decimal(-1200), opening_price=Decimal(100), price=Decimal(100))}

AT_THE_LIMIT: list[Any] = [
    pytest.param({}, "manual_kill_switch", True, id="running"),
    pytest.param({"book": a_book(control=HALTED)}, "manual_kill_switch", False, id="halted"),
    pytest.param({"book": a_book(failures=2)}, "error_kill_switch", True, id="fewer failures"),
    pytest.param({"book": a_book(failures=3)}, "error_kill_switch", False, id="as many failures"),
    pytest.param({"now": OPENED}, "market_hours", True, id="as it opens"),
    pytest.param({"now": OPENED - timedelta(microseconds=1)}, "market_hours", False, id="before it opens"),
    pytest.param({"now": datetime(2026, 3, 2, 21, tzinfo=UTC)}, "market_hours", False, id="as it closes"),
    pytest.param({"now": datetime(2026, 3, 1, 16, tzinfo=UTC)}, "market_hours", False, id="Sunday"),
    pytest.param({"now": datetime(2026, 4, 3, 16, tzinfo=UTC)}, "market_hours", False, id="Good Friday"),
    pytest.param({"now": datetime(2050, 3, 2, 16, tzinfo=UTC)}, "market_hours", False, id="beyond the calendar"),
    pytest.param(
        {"recommendation": a_recommendation(expires_at=NOW + timedelta(microseconds=1))},
        "recommendation_age_seconds",
        True,
        id="as good as expired",
    ),
    pytest.param(
        {"recommendation": a_recommendation(expires_at=NOW)}, "recommendation_age_seconds", False, id="expired"
    ),
    pytest.param(
        {"book": a_book(quotes={"AAPL": Quote(Decimal(200), NOW - timedelta(seconds=900))})},
        "quote_age_seconds",
        True,
        id="old quote",
    ),
    pytest.param(
        {"book": a_book(quotes={"AAPL": Quote(Decimal(200), NOW - timedelta(seconds=900, microseconds=1))})},
        "quote_age_seconds",
        False,
        id="stale quote",
    ),
    pytest.param({"book": a_book(quotes={})}, "quote_age_seconds", False, id="no quote"),
    pytest.param(
        {"book": a_book(quotes={"AAPL": Quote(Decimal(200), NOW + CLOCK_SKEW)})},
        "quote_age_seconds",
        True,
        id="quote of a clock that is a little fast",
    ),
    pytest.param(
        {"book": a_book(quotes={"AAPL": Quote(Decimal(200), NOW + timedelta(hours=1))})},
        "quote_age_seconds",
        False,
        id="quote from the future",
    ),
    pytest.param(
        {"recommendation": a_recommendation(made_at=NOW + timedelta(hours=1), expires_at=NOW + timedelta(hours=2))},
        "recommendation_age_seconds",
        False,
        id="recommendation from the future",
    ),
    pytest.param(
        {"recommendation": a_recommendation(reference_price=Decimal(200) / Decimal("1.02"))},
        "price_move_bps",
        True,
        id="moved as far",
    ),
    pytest.param(
        {"recommendation": a_recommendation(reference_price=Decimal(196))}, "price_move_bps", False, id="ran away"
    ),
    pytest.param(
        {"recommendation": a_recommendation(reference_price=Decimal(205))}, "price_move_bps", False, id="fell away"
    ),
    pytest.param({"book": a_book(trades_today=19)}, "trades_per_day", True, id="the last trade of the day"),
    pytest.param({"book": a_book(trades_today=20)}, "trades_per_day", False, id="one trade more"),
    pytest.param(
        {"policy": with_limits(POLICY, max_trade_notional_usd=Decimal(401))}, "trade_notional_usd", True, id="as dear"
    ),
    pytest.param(
        {"policy": with_limits(POLICY, max_trade_notional_usd=Decimal("400.99"))},
        "trade_notional_usd",
        False,
        id="too dear",
    ),
    pytest.param({"book": a_book(quotes={})}, "trade_notional_usd", False, id="dear as what?"),
    pytest.param({"book": a_book(holdings=holding(before=Decimal(22)))}, "position_notional_usd", True, id="room left"),
    pytest.param({"book": a_book(holdings=holding(before=Decimal(23)))}, "position_notional_usd", False, id="full"),
    pytest.param(
        {"book": a_book(holdings=holding(before=Decimal(20), ordered_in=Decimal(3)))},
        "position_notional_usd",
        False,
        id="full when all is filled",
    ),
    pytest.param(
        {"book": a_book(holdings=holding(before=Decimal(23), ordered_out=Decimal(20)))},
        "position_notional_usd",
        False,
        id="a sale on its way may not fill",
    ),
    pytest.param(
        {"recommendation": SELL, "book": a_book(holdings=holding(before=Decimal(100)))},
        "position_notional_usd",
        True,
        id="a sale closes the position",
    ),
    pytest.param(
        {"recommendation": SELL, "book": a_book(holdings=holding(before=Decimal(2)))},
        "shares_held",
        True,
        id="has them",
    ),
    pytest.param(
        {"recommendation": SELL, "book": a_book(holdings=holding(before=Decimal("1.9")))},
        "shares_held",
        True,
        id="sells the fewer shares that are held",
    ),
    pytest.param(
        {"recommendation": SELL, "book": a_book(holdings=holding(before=Decimal(3), ordered_out=Decimal(3)))},
        "shares_held",
        False,
        id="another order sells all shares",
    ),
    pytest.param({"recommendation": SELL}, "shares_held", False, id="no shares held"),
    pytest.param(
        {"policy": with_limits(POLICY, max_total_exposure_usd=Decimal("1401"))} | {"book": a_book(holdings=OTHER)},
        "total_exposure_usd",
        True,
        id="total exposure at the limit",
    ),
    pytest.param(
        {"policy": with_limits(POLICY, max_total_exposure_usd=Decimal("1400.99"))} | {"book": a_book(holdings=OTHER)},
        "total_exposure_usd",
        False,
        id="total exposure above the limit",
    ),
    pytest.param(
        {"book": a_book(holdings={"MSFT": Holding(before=Decimal(1), opening_price=Decimal(1))})},
        "total_exposure_usd",
        False,
        id="total exposure unknown",
    ),
    pytest.param(
        {"policy": with_limits(POLICY, capital_usd=Decimal("1101"))} | {"book": a_book(holdings=OTHER)},
        "cash_usd",
        True,
        id="cash pays the order exactly",
    ),
    pytest.param(
        {"policy": with_limits(POLICY, capital_usd=Decimal("1100.99"))} | {"book": a_book(holdings=OTHER)},
        "cash_usd",
        False,
        id="cash does not pay the order",
    ),
    pytest.param(
        {"policy": with_limits(POLICY, capital_usd=Decimal("1500")), "book": a_book(holdings=SHORT)},
        "cash_usd",
        False,
        id="proceeds of a short sale are not cash",
    ),
    pytest.param(
        {"recommendation": SELL, "policy": with_limits(POLICY, short_selling=True)},
        "shares_held",
        True,
        id="may be short",
    ),
    pytest.param(
        {
            "recommendation": SELL,
            "policy": with_limits(POLICY, short_selling=True),
            "book": a_book(holdings=holding(before=Decimal(-24))),
        },
        "position_notional_usd",
        False,
        id="short has its limit too",
    ),
    pytest.param({"book": a_book(holdings=loss_of("199"))}, "daily_loss_usd", True, id="lost less"),
    pytest.param({"book": a_book(holdings=loss_of("200"))}, "daily_loss_usd", False, id="lost enough"),
    pytest.param(
        {"book": a_book(holdings=holding(before=Decimal(1), price=None))}, "daily_loss_usd", False, id="worth what?"
    ),
    pytest.param(
        {"book": a_book(holdings=holding(before=Decimal(1), opening_price=None))},
        "daily_loss_usd",
        False,
        id="was worth what?",
    ),
    pytest.param(
        {"policy": with_limits(POLICY, max_daily_loss_usd=Decimal(0))},
        "daily_loss_usd",
        True,
        id="may lose nothing, lost nothing",
    ),
    pytest.param(
        {"book": a_book(holdings=holding(last_trade_at=NOW - timedelta(hours=1)))}, "cooldown_seconds", True, id="cool"
    ),
    pytest.param(
        {"book": a_book(holdings=holding(last_trade_at=NOW - timedelta(minutes=59)))},
        "cooldown_seconds",
        False,
        id="warm",
    ),
]


@pytest.mark.parametrize(("situation", "name", "passes"), AT_THE_LIMIT)
def test_gate_at_its_limit(situation: dict[str, Any], name: str, passes: bool) -> None:
    evaluation = evaluated(**situation)
    assert gate(evaluation, name).passed is passes
    # And one gate that fails is enough
    assert (evaluation.order is None) or not failed(evaluation)


def test_all_gates_speak_even_when_one_has_failed() -> None:
    # Given a situation in which everything is wrong
    evaluation = evaluated(
        SELL,
        Book(control=HALTED, failures=9, trades_today=99),
        with_limits(POLICY, trade_cooldown_seconds=0),
        NOW - timedelta(days=1),
    )
    # Then each says so for itself
    assert len(evaluation.decision.gates) == len(GATES)
    assert len(evaluation.decision.reasons) == len(failed(evaluation)) >= 7


# --- closing a position ----------------------------------------------------------------------------------------------

HELD = holding(before=Decimal(36))


@pytest.mark.parametrize("held", ["0.5", "35", "36", "37", "100"])
@pytest.mark.parametrize("wanted", ["1", "36", "1000"])
def test_an_opposite_signal_closes_the_whole_position(held: str, wanted: str) -> None:
    # Given a position, and a recommendation to sell fewer or more shares than are held
    book = a_book(holdings=holding(before=Decimal(held)))
    # When it is evaluated
    evaluation = evaluated(a_recommendation(side=Side.SELL, quantity=Decimal(wanted)), book)
    # Then the order sells exactly the shares held, and the ledger keeps both quantities
    assert evaluation.order is not None, evaluation.reason
    assert evaluation.order.quantity == Decimal(held)
    assert evaluation.decision.evidence["quantity"] == wanted
    assert evaluation.decision.evidence["order"]["quantity"] == held


@pytest.mark.parametrize("short_selling", [False, True])
def test_an_exit_never_opens_the_opposite_position(short_selling: bool) -> None:
    # Given ten shares of which an open order sells four
    book = a_book(holdings=holding(before=Decimal(10), ordered_out=Decimal(4)))
    # When a sale of 50 is recommended
    policy = with_limits(POLICY, short_selling=short_selling)
    evaluation = evaluated(a_recommendation(side=Side.SELL, quantity=Decimal(50)), book, policy)
    # Then it sells the six that are left
    assert evaluation.order is not None
    assert evaluation.order.quantity == 6


def test_buying_closes_a_short_position() -> None:
    evaluation = evaluated(a_recommendation(quantity=Decimal(2)), a_book(holdings=holding(before=Decimal(-9))))
    assert evaluation.order is not None
    assert evaluation.order.quantity == 9


@pytest.mark.parametrize(
    ("gate_name", "situation"),
    [
        ("daily_loss_usd", {"book": a_book(holdings=HELD | loss_of("1000"))}),
        ("daily_loss_usd", {"book": a_book(holdings=holding(before=Decimal(36), opening_price=None))}),
        ("trades_per_day", {"book": a_book(holdings=HELD, trades_today=20)}),
        (
            "cooldown_seconds",
            {"book": a_book(holdings=holding(before=Decimal(36), last_trade_at=NOW - timedelta(minutes=30)))},
        ),
        ("trade_notional_usd", {"book": a_book(holdings=HELD)}),
        ("total_exposure_usd", {"book": a_book(holdings=holding(before=Decimal(1000)))}),
        (
            "total_exposure_usd",
            {"book": a_book(holdings=HELD | {"MSFT": Holding(before=Decimal(1), opening_price=Decimal(1))})},
        ),
        ("cash_usd", {"book": a_book(holdings=HELD), "policy": with_limits(POLICY, capital_usd=Decimal(0))}),
        (
            "price_move_bps",
            {
                "book": a_book(holdings=HELD),
                "recommendation": a_recommendation(side=Side.SELL, reference_price=Decimal(220)),
            },
        ),
    ],
)
def test_no_limit_on_risk_stops_an_exit(gate_name: str, situation: dict[str, Any]) -> None:
    # Given 36 shares held, and a situation in which a limit on risk is exceeded
    situation = {"recommendation": SELL} | situation
    # Then the position is closed, and the gate says why it passed
    evaluation = evaluated(**situation)
    assert evaluation.order is not None, evaluation.reason
    assert gate(evaluation, gate_name).passed
    assert gate(evaluation, gate_name).reason == "closes a position"


@pytest.mark.parametrize(
    ("gate_name", "situation"),
    [
        ("manual_kill_switch", {"book": a_book(holdings=HELD, control=HALTED)}),
        ("error_kill_switch", {"book": a_book(holdings=HELD, failures=3)}),
        ("market_hours", {"book": a_book(holdings=HELD), "now": OPENED - timedelta(seconds=1)}),
        ("quote_age_seconds", {"book": a_book(holdings=HELD, quotes={})}),
    ],
)
def test_an_exit_needs_a_running_dispatch_an_open_market_and_a_price(gate_name: str, situation: dict[str, Any]) -> None:
    evaluation = evaluated(SELL, **situation)
    assert evaluation.order is None
    assert gate_name in failed(evaluation)


# --- figures of the book ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "gain"),
    [
        (Holding(), 0),
        (Holding(before=Decimal(2), opening_price=Decimal(100), price=Decimal(110)), 20),
        (Holding(today=Decimal(2), spent_today=Decimal(201), price=Decimal(110)), 19),
        # bought yesterday, sold today: no price of now is needed
        (Holding(before=Decimal(2), today=Decimal(-2), spent_today=Decimal(-190), opening_price=Decimal(100)), -10),
        (Holding(before=Decimal(-2), opening_price=Decimal(100), price=Decimal(110)), -20),
        (Holding(today=Decimal(1), price=None), None),
    ],
)
def test_gain_of_the_day(line: Holding, gain: int | None) -> None:
    assert line.gain_today == gain


def test_days_begin_as_the_exchange_opens() -> None:
    assert trading_day_start(NOW) == OPENED
    assert trading_day_start(OPENED - timedelta(hours=1)) == datetime(2026, 2, 27, 14, 30, tzinfo=UTC)
    assert trading_day_start(datetime(2050, 3, 2, 16, tzinfo=UTC)) == datetime(2050, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "contradiction",
    [
        {"max_daily_loss_usd": Decimal(-1)},
        {"spread_bps": Decimal(-1)},
        {"limit_offset_bps": Decimal(6)},
        {"limit_offset_bps": Decimal(10_000)},
        {"send_window_seconds": 121.0},
        {"send_window_seconds": 0.0},
    ],
)
def test_limits_that_contradict_each_other_are_refused(contradiction: dict[str, Any]) -> None:
    with pytest.raises((InvalidInputError, ValidationError)):
        with_limits(POLICY, **contradiction)


# --- what holds whatever comes ---------------------------------------------------------------------------------------

prices = st.decimals("0.0001", "100000", places=4)
sides = st.sampled_from(Side)
quantities = st.decimals("0.001", "10000", places=3)


@given(prices, sides, st.decimals(0, 50, places=1), st.decimals(0, 50, places=1))
def test_fills_are_never_better_than_the_quote_nor_worse_than_the_limit(
    price: Decimal, side: Side, spread: Decimal, slippage: Decimal
) -> None:
    policy = with_limits(POLICY, spread_bps=spread, slippage_bps=slippage, limit_offset_bps=Decimal(75))
    order = make_order(a_recommendation(side=side), Quote(price, NOW), policy)
    if side is Side.BUY:
        assert price <= order.expected_price <= order.limit_price
    else:
        assert min(price, Decimal("0.0001")) <= order.expected_price <= price
        assert order.limit_price <= order.expected_price
    assert order.expected_price == fill_price(price, side, policy)


@given(prices, sides, quantities)
def test_the_same_recommendation_makes_the_same_order(price: Decimal, side: Side, quantity: Decimal) -> None:
    first, second = (
        make_order(a_recommendation(side=side, quantity=quantity), Quote(price, NOW), POLICY) for _ in range(2)
    )
    assert first == second
    assert first.client_order_id == f"bw-{first.decision_id}"


@given(st.lists(st.tuples(sides, quantities), min_size=1, max_size=30), st.integers(0, 10))
def test_no_sequence_of_orders_exceeds_a_limit(trades: list[tuple[Side, Decimal]], room: int) -> None:
    # Given any recommendations, evaluated one after the other
    policy = with_limits(POLICY, max_trades_per_day=room, trade_cooldown_seconds=0)
    book, orders = a_book(), []
    for number, (side, quantity) in enumerate(trades):
        evaluation = evaluated(a_recommendation(number, side=side, quantity=quantity), book, policy)
        if evaluation.order:
            orders.append(evaluation.order)
            book = book.after(evaluation.order, NOW)
    # Then their orders stay within every limit, whichever of them fill
    bought = sum(order.quantity * order.limit_price for order in orders if order.side is Side.BUY)
    assert len(orders) <= room
    assert all(order.quantity * order.limit_price <= policy.max_trade_notional_usd for order in orders)
    assert bought <= min(policy.max_position_notional_usd, policy.max_total_exposure_usd, policy.capital_usd)
    assert not [order for order in orders if order.side is Side.SELL]  # nothing was held


@given(
    st.lists(st.tuples(sides, st.sampled_from(("AAPL", "MSFT", "XOM")), quantities), min_size=1, max_size=40),
    st.booleans(),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
)
def test_whatever_is_filled_exposure_and_cash_stay_within_their_limits(
    trades: list[tuple[Side, str, Decimal]], short_selling: bool, exposure: int, capital: int
) -> None:
    # Given any recommendations for three tickers, each order of which is filled at its limit price
    policy = with_limits(
        POLICY,
        trade_cooldown_seconds=0,
        max_trades_per_day=1_000,
        short_selling=short_selling,
        max_total_exposure_usd=Decimal(exposure),
        capital_usd=Decimal(capital),
    )
    prices_of = {ticker: Decimal(200) for ticker in ("AAPL", "MSFT", "XOM")}
    held, cash = dict.fromkeys(prices_of, Decimal(0)), Decimal(capital)
    spent = dict.fromkeys(prices_of, Decimal(0))
    for number, (side, ticker, quantity) in enumerate(trades):
        book = Book(
            holdings={
                name: Holding(
                    before=held[name], opening_price=prices_of[name], price=prices_of[name], spent=spent[name]
                )
                for name in prices_of
            },
            quotes={name: Quote(price, NOW) for name, price in prices_of.items()},
        )
        order = evaluated(a_recommendation(number, side=side, ticker=ticker, quantity=quantity), book, policy).order
        if order is None:
            continue
        signed = order.quantity if order.side is Side.BUY else -order.quantity
        before = held[ticker]
        held[ticker] += signed
        cash -= signed * order.limit_price
        spent[ticker] += signed * order.limit_price
        # Then an order that opens keeps every limit, and one against a position only makes it smaller
        if before * signed < 0:
            assert held[ticker] == 0
        else:
            assert cash >= 0
            assert sum(abs(held[name]) * price for name, price in prices_of.items()) <= exposure
    assert short_selling or all(shares >= 0 for shares in held.values())


# --- settling --------------------------------------------------------------------------------------------------------


def a_report(status: ExecutionStatus) -> Execution:
    order = a_claimed_order()
    return Execution(
        recommendation_id=order.recommendation_id,
        decision_id=order.decision_id,
        client_order_id=order.client_order_id,
        claim_token=order.claim_token,
        status=status,
        observed_at=NOW,
    )


@given(st.sampled_from(ExecutionStatus), st.sampled_from(ExecutionStatus), st.booleans())
def test_what_is_settled_stays_settled(current: ExecutionStatus, status: ExecutionStatus, holds_claim: bool) -> None:
    action = settlement_action(current, a_report(status), holds_claim=holds_claim)
    # An end is only undone by what a broker says of an order that was taken for unsent
    if current.is_final and current is not ExecutionStatus.UNSENT:
        assert action is SettlementAction.IGNORE
    # Nobody but the claim's holder can say that nothing was sent
    if action is SettlementAction.SETTLE and status is ExecutionStatus.UNSENT:
        assert holds_claim
        assert current is ExecutionStatus.APPROVED
    # And a broker's word always counts on what is open
    if not current.is_final and status in (ExecutionStatus.FILLED, ExecutionStatus.REJECTED, ExecutionStatus.UNFILLED):
        assert action is SettlementAction.SETTLE
