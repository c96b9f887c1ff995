"""Contract of the dispatch stores: run against the in-memory fake and against PostgreSQL."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest

from bellwether.shared.domain.errors import InvalidInputError, NotFoundError, TransientUpstreamError, UpstreamError
from bellwether.trading.domain.executions import BrokerOrder, Execution, ExecutionStatus, SettlementAction
from bellwether.trading.domain.orders import DRY_RUN, ClaimedOrder, Recommendation
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.domain.signals import Side
from bellwether.trading.ports.dispatch import DispatchControls, ExecutionStore, RecommendationStore
from bellwether.trading.usecases.claim_recommendations import Claimed, claim_recommendations
from bellwether.trading.usecases.execute_orders import execute_orders
from bellwether.trading.usecases.list_positions import list_positions
from bellwether.trading.usecases.set_dispatch_control import set_dispatch_control
from bellwether.trading.usecases.settle_executions import Settled, settle_executions
from tests.fakes.dispatch import NOW, OPENED, FakeBroker, ManualClock, a_recommendation, with_limits

POLICY = DispatchPolicy()
EASY = DispatchPolicy(trade_cooldown_seconds=0)


class DispatchStores(Protocol):
    """The stores of dispatch, and methods that tests use to inspect them."""

    @property
    def recommendations(self) -> RecommendationStore: ...
    @property
    def executions(self) -> ExecutionStore: ...
    @property
    def controls(self) -> DispatchControls: ...
    def add(self, *recommendations: Recommendation) -> None: ...
    def add_bar(self, ticker: str, price: Decimal, ended_at: datetime) -> None: ...
    def put_back(self, recommendation: Recommendation) -> None: ...
    def break_terms(self, recommendation: Recommendation) -> None: ...
    def status(self, recommendation: Recommendation) -> str: ...
    def execution_status(self, recommendation: Recommendation) -> str | None: ...
    def decisions(self) -> list[tuple[str, str]]: ...
    def outcomes(self) -> list[str]: ...


def claim(
    stores: DispatchStores,
    clock: ManualClock,
    policy: DispatchPolicy = POLICY,
    *,
    token: UUID | None = None,
    limit: int = 10,
) -> Claimed:
    """One dispatcher's claim."""
    return claim_recommendations(
        store=stores.recommendations,
        clock=clock,
        policy=policy,
        actor="test",
        token=token or uuid4(),
        limit=limit,
    )


def execute(claimed: Claimed, broker: FakeBroker, clock: ManualClock) -> tuple[Execution, ...]:
    """Bring its orders to the broker."""
    return execute_orders(claimed.orders, brokers={broker.name: broker}, clock=clock, seconds_left=lambda: 300)


def dispatch(
    stores: DispatchStores, clock: ManualClock, broker: FakeBroker, policy: DispatchPolicy = POLICY
) -> tuple[Claimed, Settled]:
    """The whole process once."""
    claimed = claim(stores, clock, policy)
    return claimed, settle_executions(execute(claimed, broker, clock), store=stores.executions)


class DispatchSuite:
    """Derive a test class from it that has a fixture `stores`."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def broker(self) -> FakeBroker:
        return FakeBroker()

    @pytest.fixture(autouse=True)
    def market(self, stores: DispatchStores) -> None:
        """AAPL closed at 199 on Friday and stands at 200."""
        stores.add_bar("AAPL", Decimal(199), OPENED - timedelta(days=3))
        stores.add_bar("AAPL", Decimal(200), NOW - timedelta(minutes=2))

    # --- the straight way

    def test_a_recommendation_becomes_a_decision_an_order_and_a_fill(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given a recommendation that nothing speaks against
        stores.add(a_recommendation())
        # When it is dispatched
        claimed, settled = dispatch(stores, clock, broker)
        # Then it was decided, executed and recorded once
        assert (claimed.count, settled.settled) == (1, 1)
        assert stores.status(a_recommendation()) == "EXECUTED"
        assert stores.execution_status(a_recommendation()) == "FILLED"
        assert stores.decisions() == [("BUY AAPL", "accepted")]
        assert stores.outcomes() == ["filled"]
        # And a second run finds nothing to do
        claimed, settled = dispatch(stores, clock, broker)
        assert (claimed.count, claimed.refused, settled.settled) == (0, (), 0)
        assert len(broker.placed) == 1

    def test_nothing_waits_nothing_happens(self, stores: DispatchStores, clock: ManualClock) -> None:
        assert claim(stores, clock) == Claimed(orders=(), refused=(), count=0, reclaimed=0)

    def test_what_is_refused_is_a_decision_too(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given one recommendation without a quote, one too dear, one too late
        unknown = a_recommendation(1, ticker="MSFT")
        dear = a_recommendation(2, quantity=Decimal(500))
        late = a_recommendation(3, expires_at=NOW)
        stores.add(unknown, dear, late)
        # When they are dispatched
        claimed, _ = dispatch(stores, clock, broker)
        # Then no order is made, and each has its decision with the reason
        assert claimed.count == 0
        assert broker.placed == []
        reasons = {each.recommendation_id: each.reasons for each in claimed.refused}
        assert any("no quote" in reason for reason in reasons[unknown.recommendation_id])
        assert any("trade_notional_usd" in reason for reason in reasons[dear.recommendation_id])
        assert [stores.status(each) for each in (unknown, dear, late)] == ["REFUSED", "REFUSED", "EXPIRED"]
        assert {verdict for _, verdict in stores.decisions()} == {"refused"}

    def test_what_no_order_can_be_made_of_stands_in_nobodys_way(
        self, stores: DispatchStores, clock: ManualClock
    ) -> None:
        # Given recommendations that no broker would understand, all older than a good one
        odd = [
            a_recommendation(2, ticker="BRK-B"),
            a_recommendation(3, ticker="aapl"),
            a_recommendation(4, quantity=Decimal("NaN")),
            a_recommendation(5, quantity=Decimal("1E+40")),
            a_recommendation(6, reference_price=Decimal("NaN")),
        ]
        for ticker in ("BRK-B", "aapl"):
            stores.add_bar(ticker, Decimal(200), NOW - timedelta(minutes=3))
        stores.add(*(replace(each, made_at=NOW - timedelta(minutes=5)) for each in odd), a_recommendation())
        # When they are claimed, then each of them is a refused decision, and the good one goes through
        claimed = claim(stores, clock)
        assert [order.recommendation_id for order in claimed.orders] == [a_recommendation().recommendation_id]
        assert {stores.status(each) for each in odd} == {"REFUSED"}
        assert len(stores.decisions()) == 6
        assert all("invalid order terms" in refusal.reasons[0] for refusal in claimed.refused)

    def test_oldest_first_and_no_more_than_asked_for(self, stores: DispatchStores, clock: ManualClock) -> None:
        many = [a_recommendation(n, made_at=NOW - timedelta(seconds=n), quantity=Decimal("0.1")) for n in range(1, 6)]
        stores.add(*many)
        claimed = claim(stores, clock, EASY, limit=2)
        assert [each.recommendation_id for each in claimed.orders] == [
            many[4].recommendation_id,
            many[3].recommendation_id,
        ]

    # --- limits see what is on its way

    def test_orders_of_one_batch_count_against_each_other(self, stores: DispatchStores, clock: ManualClock) -> None:
        # Given five recommendations and room for two trades a day
        stores.add(*(a_recommendation(n, made_at=NOW - timedelta(seconds=n)) for n in range(1, 6)))
        claimed = claim(stores, clock, with_limits(EASY, max_trades_per_day=2))
        assert (claimed.count, len(claimed.refused)) == (2, 3)

    def test_orders_that_are_not_settled_count_as_well(self, stores: DispatchStores, clock: ManualClock) -> None:
        # Given an order for 400 USD that somebody has in hand
        stores.add(a_recommendation(1))
        claim(stores, clock, EASY)
        # When another one comes where positions end at 700 USD; Then it is refused
        stores.add(a_recommendation(2))
        refused = claim(stores, clock, with_limits(EASY, max_position_notional_usd=Decimal(700))).refused
        assert [reason for each in refused for reason in each.reasons] == ["position_notional_usd: 802 (limit 700)"]

    def test_a_ticker_cools_down(self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker) -> None:
        stores.add(a_recommendation(1))
        dispatch(stores, clock, broker)
        clock.forward(minutes=5)
        stores.add(a_recommendation(2))
        assert [each.reasons for each in claim(stores, clock).refused] == [("cooldown_seconds: 300 (limit 3600)",)]

    def test_shares_are_sold_once(self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker) -> None:
        # Given two shares, and two recommendations to sell both
        stores.add(a_recommendation(1))
        dispatch(stores, clock, broker, EASY)
        stores.add(a_recommendation(2, side=Side.SELL), a_recommendation(3, side=Side.SELL))
        claimed = claim(stores, clock, EASY)
        assert (claimed.count, len(claimed.refused)) == (1, 1)
        assert claimed.refused[0].reasons == ("shares_held: 0 (limit 2)",)

    def test_a_day_that_lost_enough_is_over(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given two shares bought today at 200 and some
        stores.add(a_recommendation(1))
        dispatch(stores, clock, broker, EASY)
        # When the price falls to 190, and 20 USD are the most to lose
        clock.forward(minutes=1)
        stores.add_bar("AAPL", Decimal(190), clock.now())
        stores.add(a_recommendation(2, reference_price=Decimal(190)))
        (refusal,) = claim(stores, clock, with_limits(EASY, max_daily_loss_usd=Decimal(20))).refused
        # Then 2 × (200.14 - 190) is over it
        assert refusal.reasons == ("daily_loss_usd: 20.28 (limit 20)",)

    def test_an_exit_after_a_loss_beyond_the_limit_and_within_the_cooldown_closes_the_position(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given two shares, and a price that has fallen by half within the minute
        stores.add(a_recommendation(1))
        dispatch(stores, clock, broker)
        clock.forward(minutes=1)
        stores.add_bar("AAPL", Decimal(100), clock.now())
        # When a sale of nine shares is recommended on a day whose orders are used up
        stores.add(a_recommendation(2, side=Side.SELL, quantity=Decimal(9), reference_price=Decimal(100)))
        policy = with_limits(POLICY, max_daily_loss_usd=Decimal(20), max_trades_per_day=1)
        claimed, settled = dispatch(stores, clock, broker, policy)
        # Then both shares are sold and none is left
        assert (settled.ends, claimed.orders[0].quantity) == ({"FILLED": 1}, Decimal(2))
        portfolio = list_positions(store=stores.recommendations, clock=clock, policy=policy)
        (position,) = portfolio.positions
        assert (position.quantity, position.unrealised_usd) == (Decimal(0), Decimal(0))
        # And bought at 200.14, sold at 99.93, 200.42 USD are lost
        assert position.realised_usd == portfolio.gain_today_usd == Decimal("-200.42")
        assert portfolio.cash_usd == POLICY.capital_usd - Decimal("200.42")

    def test_total_exposure_and_cash_count_filled_and_open_orders_of_all_tickers(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given two shares of AAPL held, and an open order for two of MSFT
        stores.add_bar("MSFT", Decimal(200), clock.now())
        stores.add(a_recommendation(1))
        dispatch(stores, clock, broker, EASY)
        stores.add(a_recommendation(2, ticker="MSFT"))
        claim(stores, clock, EASY)
        # When two more shares are recommended
        for number, limits in (
            (3, {"max_total_exposure_usd": Decimal(1200)}),
            (4, {"capital_usd": Decimal(1200)}),
        ):
            stores.add(a_recommendation(number, ticker="MSFT"))
            (refusal,) = claim(stores, clock, with_limits(EASY, **limits)).refused
            # Then exposure is 400 + 400 + 401, and cash is 1200 - 400.28 - 401 - 401
            assert refusal.reasons == (
                ("total_exposure_usd: 1201 (limit 1200)",) if number == 3 else ("cash_usd: -2.28 (limit 0)",)
            )

    def test_another_brokers_positions_are_not_ours(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given shares held in a dry run; When the paper account shall sell them; Then it has none
        stores.add(a_recommendation(1))
        dispatch(stores, clock, broker, EASY)
        stores.add(a_recommendation(2, side=Side.SELL))
        assert len(claim(stores, clock, with_limits(EASY, trading_mode="paper")).refused) == 1

    # --- kill switches

    def test_halted_means_halted_until_resumed(self, stores: DispatchStores, clock: ManualClock) -> None:
        set_dispatch_control(stores.controls, halted=True, actor="me", reason="news are wild")
        stores.add(a_recommendation(1))
        assert claim(stores, clock).refused[0].reasons == (
            "manual_kill_switch: halted by me: news are wild (limit running)",
        )
        state = set_dispatch_control(stores.controls, halted=False, actor="me", reason="calm again")
        assert (state.halted, state.changed, state.open_orders) == (False, True, 0)
        stores.add(a_recommendation(2))
        assert claim(stores, clock).count == 1

    def test_looking_changes_nothing(self, stores: DispatchStores) -> None:
        state = set_dispatch_control(stores.controls, halted=None, actor="", reason="")
        assert (state.halted, state.changed) == (False, False)

    def test_failures_stop_dispatch_by_themselves(self, stores: DispatchStores, clock: ManualClock) -> None:
        # Given a broker that rejects
        stores.add(*(a_recommendation(n, quantity=Decimal("0.1")) for n in range(1, 4)))
        _, settled = dispatch(stores, clock, FakeBroker(answers_with=ExecutionStatus.REJECTED), EASY)
        assert settled.failed == 3
        # When the next one comes; Then it stops there
        stores.add(a_recommendation(9))
        assert claim(stores, clock, EASY).refused[0].reasons == ("3 failures within 3600 s",)
        # And an hour later it goes on
        clock.forward(hours=1, seconds=1)
        stores.add_bar("AAPL", Decimal(200), clock.now())
        stores.add(a_recommendation(10, made_at=clock.now(), expires_at=clock.now() + timedelta(minutes=5)))
        assert claim(stores, clock, EASY).count == 1

    def test_a_bad_order_or_report_costs_no_other_and_is_named(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given three orders; the broker's answer about the first breaks the adapter
        stores.add(*(a_recommendation(n, quantity=Decimal(1)) for n in range(1, 4)))
        claimed = claim(stores, clock, EASY)
        first, second, third = (each.client_order_id for each in claimed.orders)
        find = broker.find

        def broken(client_order_id: str) -> BrokerOrder | None:
            if client_order_id == first:
                raise KeyError("filled_qty")
            return find(client_order_id)

        monkeypatch.setattr(broker, "find", broken)
        reports = execute(claimed, broker, clock)
        # Then its fate is unclear with the reason, and the others are filled
        assert {each.client_order_id: each.status for each in reports} == {
            first: ExecutionStatus.UNCLEAR,
            second: ExecutionStatus.FILLED,
            third: ExecutionStatus.FILLED,
        }
        # And when the database refuses one report, then it is named, and the others are settled
        settle = stores.executions.settle

        def refusing(execution: Execution) -> SettlementAction:
            if execution.client_order_id == second:
                raise InvalidInputError("violates a check constraint")
            return settle(execution)

        monkeypatch.setattr(stores.executions, "settle", refusing)
        settled = settle_executions(reports, store=stores.executions)
        assert (settled.settled, settled.unclear) == (1, 1)
        assert [(each.client_order_id, each.reason) for each in settled.refused] == [
            (second, "violates a check constraint")
        ]

    def test_a_pending_recommendation_with_a_decision_stops_no_other(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given one that is filled, one whose order is open, and one that was refused; all three are put back by hand
        filled, still_open, refused, fresh = (a_recommendation(n, quantity=Decimal(1)) for n in range(1, 5))
        stores.add(filled)
        settle_executions(execute(claim(stores, clock, EASY), broker, clock), store=stores.executions)
        stores.add(still_open)
        (order,) = claim(stores, clock, EASY).orders
        stores.add(refused)
        claim(stores, clock, with_limits(EASY, max_trades_per_day=0))
        for each in (filled, still_open, refused):
            stores.put_back(each)
        stores.add(fresh)
        # When the next run claims, then each gets the status that follows from its decision and is named
        claimed = claim(stores, clock, EASY)
        assert {each.recommendation_id: each.reason.rpartition(" ")[2] for each in claimed.failed} == {
            filled.recommendation_id: "EXECUTED",
            still_open.recommendation_id: "CLAIMED",
            refused.recommendation_id: "REFUSED",
        }
        # And the fresh one is approved
        assert [each.recommendation_id for each in claimed.orders] == [fresh.recommendation_id]
        # And the open order is followed by the next run, under its one decision
        again = claim(stores, clock, EASY)
        assert [each.client_order_id for each in again.orders] == [order.client_order_id]
        assert len(stores.decisions()) == 4

    def test_an_order_with_unreadable_terms_stops_no_other(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given two abandoned orders, one of which can't be read, and a fresh recommendation
        broken, whole, fresh = (a_recommendation(n, quantity=Decimal(1)) for n in range(1, 4))
        stores.add(broken, whole)
        claim(stores, clock, EASY)
        stores.break_terms(broken)
        clock.forward(seconds=EASY.lease_seconds)
        stores.add(fresh)
        # When the next run claims, then it is named, and the others are claimed
        claimed = claim(stores, clock, EASY)
        assert [each.recommendation_id for each in claimed.failed] == [broken.recommendation_id]
        assert "order_terms" in claimed.failed[0].reason
        assert {each.recommendation_id for each in claimed.orders} == {
            whole.recommendation_id,
            fresh.recommendation_id,
        }
        # And it stays open for a person, whom later runs tell again
        assert stores.execution_status(broken) == "APPROVED"
        clock.forward(seconds=EASY.lease_seconds)
        assert broken.recommendation_id in {each.recommendation_id for each in claim(stores, clock, EASY).failed}

    # --- who does not come back

    def test_a_dispatcher_that_died_before_sending_is_followed_by_another(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given a claim whose dispatcher is gone
        stores.add(a_recommendation())
        first = claim(stores, clock)
        # When its lease still runs; Then nobody else gets it
        assert claim(stores, clock).count == 0
        # When it has run out, then the same order is handed out again, without another decision
        clock.forward(seconds=POLICY.lease_seconds)
        again = claim(stores, clock)
        assert [each.client_order_id for each in again.orders] == [each.client_order_id for each in first.orders]
        assert again.reclaimed == 1
        settle_executions(execute(again, broker, clock), store=stores.executions)
        assert stores.status(a_recommendation()) == "EXECUTED"
        assert len(stores.decisions()) == len(broker.placed) == 1

    def test_a_dispatcher_that_died_after_sending_is_reconciled(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        stores.add(a_recommendation())
        execute(claim(stores, clock), broker, clock)  # and never settled
        clock.forward(seconds=POLICY.lease_seconds)
        _, settled = dispatch(stores, clock, broker)
        assert settled.settled == 1
        assert len(broker.placed) == 1

    @pytest.mark.parametrize("spoil", ["time", "halt"])
    def test_what_is_too_late_or_halted_is_asked_for_but_not_sent(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker, spoil: str
    ) -> None:
        # Given an approved order that was not sent
        stores.add(a_recommendation())
        claim(stores, clock)
        # When its terms are old, or somebody halted
        clock.forward(seconds=POLICY.lease_seconds)
        if spoil == "time":
            clock.forward(hours=1)
        else:
            stores.controls.change(halted=True, actor="me", reason="stop")
        _, settled = dispatch(stores, clock, broker)
        # Then it ends unsent
        assert settled.ends == {"UNSENT": 1}
        assert (broker.placed, stores.status(a_recommendation())) == ([], "EXPIRED")
        # And counts against no limit
        stores.controls.change(halted=False, actor="me", reason="go")
        stores.add_bar("AAPL", Decimal(200), clock.now())
        stores.add(a_recommendation(2, made_at=clock.now(), expires_at=clock.now() + timedelta(minutes=5)))
        assert claim(stores, clock, with_limits(POLICY, max_trades_per_day=1)).count == 1

    def test_a_late_report_of_nothing_does_not_undo_anothers_claim(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given a dispatcher that slept through its lease, and another that has the order now
        stores.add(a_recommendation())
        slow = claim(stores, clock)
        clock.forward(seconds=POLICY.lease_seconds)
        quick = claim(stores, clock)
        # When the slow one wakes up, it is too late for it to send, and it has nothing to say
        assert execute(slow, broker, clock) == ()
        # And when it takes the order for one that is not to be sent; Then nobody believes it
        told = slow.model_copy(update={"orders": (slow.orders[0].model_copy(update={"send_before": None}),)})
        (report,) = execute(told, broker, clock)
        assert report.status is ExecutionStatus.UNSENT
        assert settle_executions([report], store=stores.executions).known == 1
        # And the other one's fill stands
        assert settle_executions(execute(quick, broker, clock), store=stores.executions).ends == {"FILLED": 1}
        assert stores.outcomes() == ["filled"]

    def test_a_fill_is_a_fact_whoever_reports_it(
        self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker
    ) -> None:
        # Given an order that was taken for unsent, and yet was filled
        stores.add(a_recommendation())
        slow = claim(stores, clock)
        fills = execute(slow, broker, clock)
        clock.forward(hours=1)
        claimed = claim(stores, clock)
        settle_executions(execute(claimed, FakeBroker(), clock), store=stores.executions)
        assert stores.status(a_recommendation()) == "EXPIRED"
        # When the fill is heard of; Then it stands
        assert settle_executions(fills, store=stores.executions).ends == {"FILLED": 1}
        assert stores.status(a_recommendation()) == "EXECUTED"

    def test_reports_arrive_twice(self, stores: DispatchStores, clock: ManualClock, broker: FakeBroker) -> None:
        stores.add(a_recommendation())
        reports = execute(claim(stores, clock), broker, clock)
        assert settle_executions(reports, store=stores.executions).settled == 1
        assert settle_executions(reports, store=stores.executions).known == 1
        assert stores.outcomes() == ["filled"]

    def test_reports_of_orders_that_nobody_approved_are_counted(
        self, stores: DispatchStores, clock: ManualClock
    ) -> None:
        stores.add(a_recommendation())
        (order,) = claim(stores, clock).orders
        (report,) = execute(Claimed(orders=(order,), refused=(), count=1, reclaimed=0), FakeBroker(), clock)
        stranger = report.model_copy(update={"recommendation_id": uuid4()})
        with pytest.raises(NotFoundError):
            stores.executions.settle(stranger)
        assert settle_executions([stranger, report], store=stores.executions).model_dump() == {
            "settled": 1,
            "failed": 0,
            "followed": 0,
            "unclear": 0,
            "known": 0,
            "unknown": 1,
            "ends": {"FILLED": 1},
            "refused": (),
        }

    # --- brokers in failure

    def test_an_order_that_arrived_though_the_answer_was_lost_is_found(
        self, stores: DispatchStores, clock: ManualClock
    ) -> None:
        broker = FakeBroker(failure=TransientUpstreamError("timed out"), order_arrives=True)
        stores.add(a_recommendation())
        assert dispatch(stores, clock, broker)[1].settled == 1
        assert len(broker.placed) == 1

    def test_an_order_whose_fate_is_unclear_is_asked_for_later(
        self, stores: DispatchStores, clock: ManualClock
    ) -> None:
        # Given a broker that went away
        broker = FakeBroker(failure=TransientUpstreamError("timed out"))
        stores.add(a_recommendation())
        _, settled = dispatch(stores, clock, broker)
        assert (settled.unclear, stores.status(a_recommendation())) == (1, "CLAIMED")
        # When it is back; Then the order gets its fill
        clock.forward(seconds=POLICY.lease_seconds)
        assert dispatch(stores, clock, broker)[1].settled == 1
        assert len(broker.placed) == 1

    def test_an_order_that_the_broker_works_on_is_followed_to_its_end(
        self, stores: DispatchStores, clock: ManualClock
    ) -> None:
        # Given a broker that fills later
        broker = FakeBroker(answers_with=ExecutionStatus.SENT)
        stores.add(a_recommendation())
        assert dispatch(stores, clock, broker)[1].followed == 1
        assert (stores.status(a_recommendation()), stores.execution_status(a_recommendation())) == ("CLAIMED", "SENT")
        # When it still works on it; Then it is asked again and told nothing twice
        clock.forward(minutes=1)
        assert dispatch(stores, clock, broker)[1].followed == 1
        # When it has filled it, however late
        (name,) = broker.placed
        broker.orders[name] = replace(
            broker.orders[name],
            status=ExecutionStatus.FILLED,
            filled_quantity=Decimal(2),
            fill_price=Decimal("200.1"),
        )
        clock.forward(hours=3)
        assert dispatch(stores, clock, broker)[1].ends == {"FILLED": 1}
        assert stores.outcomes() == ["filled", "sent"]

    def test_an_order_of_another_mode_is_left_for_it(self, stores: DispatchStores, clock: ManualClock) -> None:
        # Given an order that the paper account has to answer for; When only the dry run is there
        stores.add(a_recommendation())
        claimed = claim(stores, clock, with_limits(POLICY, trading_mode="paper"))
        (report,) = execute(claimed, FakeBroker(), clock)
        # Then nobody claims to know
        assert report.status is ExecutionStatus.UNCLEAR
        assert settle_executions([report], store=stores.executions).unclear == 1

    def test_one_orders_trouble_leaves_the_others_alone(self, stores: DispatchStores, clock: ManualClock) -> None:
        broker = FakeBroker(failure=UpstreamError("no"))
        stores.add(*(a_recommendation(n, quantity=Decimal("0.1")) for n in (1, 2)))
        _, settled = dispatch(stores, clock, broker, EASY)
        assert (settled.unclear, settled.settled) == (1, 1)

    def test_a_deaf_broker_is_sent_nothing(self, stores: DispatchStores, clock: ManualClock) -> None:
        broker = FakeBroker(unavailable=TransientUpstreamError("away"))
        stores.add(a_recommendation())
        assert dispatch(stores, clock, broker)[1].unclear == 1
        assert broker.placed == []


def a_claimed_order(**changes: Any) -> ClaimedOrder:
    """Two shares of AAPL for the dry run, to be sent within a minute."""
    given: dict[str, Any] = {
        "recommendation_id": a_recommendation().recommendation_id,
        "decision_id": UUID(int=7),
        "client_order_id": f"bw-{UUID(int=7)}",
        "broker": DRY_RUN,
        "ticker": "AAPL",
        "side": Side.BUY,
        "quantity": Decimal(2),
        "limit_price": Decimal("200.50"),
        "expected_price": Decimal("200.14"),
        "expected_fees": Decimal(0),
        "quote_price": Decimal(200),
        "quote_at": NOW - timedelta(minutes=2),
        "valid_until": NOW + timedelta(minutes=13),
        "claim_token": UUID(int=8),
        "send_before": NOW + timedelta(minutes=1),
    }
    return ClaimedOrder(**(given | changes))
