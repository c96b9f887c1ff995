"""Dispatch with in-memory stores, and execution alone."""

from datetime import timedelta

import pytest

from bellwether.trading.adapters.broker_dry_run import DryRunBroker
from bellwether.trading.domain.executions import ExecutionStatus
from bellwether.trading.domain.orders import DRY_RUN
from bellwether.trading.usecases.execute_orders import LONGEST_ORDER_SECONDS, execute_orders
from tests.fakes.dispatch import NOW, FakeBroker, InMemoryDispatchStores, ManualClock
from tests.fakes.dispatch_suite import DispatchStores, DispatchSuite, a_claimed_order


class TestInMemoryDispatchStores(DispatchSuite):
    """The fake."""

    @pytest.fixture
    def stores(self) -> DispatchStores:
        return InMemoryDispatchStores()


def test_a_dry_run_repeated_gives_the_same() -> None:
    # Given an order; When it is executed by two dispatchers that know nothing of each other
    first, second = (
        execute_orders(
            [a_claimed_order()], brokers={DRY_RUN: DryRunBroker()}, clock=ManualClock(), seconds_left=lambda: 60
        )
        for _ in range(2)
    )
    # Then both report the same fill, at the price in the order's terms
    assert first == second
    assert [(each.status, each.fill_price) for each in first] == [
        (ExecutionStatus.FILLED, a_claimed_order().expected_price)
    ]


def test_no_order_is_begun_that_there_is_no_time_for() -> None:
    # Given time for one order of three
    left = iter([LONGEST_ORDER_SECONDS + 1, LONGEST_ORDER_SECONDS - 1])
    broker = FakeBroker()
    reports = execute_orders(
        [a_claimed_order()] * 3, brokers={DRY_RUN: broker}, clock=ManualClock(), seconds_left=lambda: next(left)
    )
    assert len(reports) == len(broker.placed) == 1


@pytest.mark.parametrize(
    ("window", "reports"),
    [
        ({"send_before": None}, [ExecutionStatus.UNSENT]),
        ({"send_before": NOW, "valid_until": NOW}, [ExecutionStatus.UNSENT]),
        ({"send_before": NOW}, []),  # the next dispatcher may
        ({"send_before": NOW - timedelta(seconds=1)}, []),
    ],
)
def test_nothing_is_sent_outside_of_its_window(window: dict[str, object], reports: list[ExecutionStatus]) -> None:
    broker = FakeBroker()
    executions = execute_orders(
        [a_claimed_order(**window)], brokers={DRY_RUN: broker}, clock=ManualClock(), seconds_left=lambda: 60
    )
    assert ([each.status for each in executions], broker.placed) == (reports, [])
