"""Send claimed orders to the broker, each once, and report the results."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bellwether.shared.domain.errors import BellwetherError, ConflictError, UpstreamError
from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.executions import (
    Execution,
    ExecutionStatus,
    execution_at_broker,
    execution_not_at_broker,
)
from bellwether.trading.domain.orders import ClaimedOrder
from bellwether.trading.ports.dispatch import Broker

LONGEST_ORDER_SECONDS = 25.0
"""Worst case of one order: query, send and query again, each up to the timeout of the broker."""


def execute_orders(
    orders: Sequence[ClaimedOrder],
    *,
    brokers: Mapping[str, Broker],
    clock: Clock,
    seconds_left: Callable[[], float],
) -> tuple[Execution, ...]:
    """Return a report of each order; orders without time left have none and are claimed again later.

    The broker is queried for the order before it is sent, so a repetition is safe. An order goes to the broker that it
    was approved for, even if the trading mode has changed. A failure of one order does not affect the others.
    """
    return tuple(_executions(orders, brokers, clock, seconds_left))


def _executions(
    orders: Sequence[ClaimedOrder], brokers: Mapping[str, Broker], clock: Clock, seconds_left: Callable[[], float]
) -> Iterator[Execution]:
    for order in orders:
        if seconds_left() < LONGEST_ORDER_SECONDS:
            return
        broker = brokers.get(order.broker)
        if broker is None:
            reason = f"approved for {order.broker}, which is not available in this trading mode"
            yield execution_not_at_broker(order, ExecutionStatus.UNCLEAR, reason, clock.now())
            continue
        try:
            execution = _execute(order, broker, clock)
            if execution is not None:
                yield execution
        except Exception as error:  # noqa: BLE001 - whatever one order meets, the others are sent
            yield execution_not_at_broker(
                order, ExecutionStatus.UNCLEAR, f"{type(error).__name__}: {error}", clock.now()
            )


def _execute(order: ClaimedOrder, broker: Broker, clock: Clock) -> Execution | None:
    """Return None when this dispatcher is too late to send the order and another one may still do it."""
    known = broker.find(order.client_order_id)
    if known is not None:
        return execution_at_broker(order, known, clock.now())
    now = clock.now()
    if order.send_before is None or now >= order.valid_until:
        return execution_not_at_broker(
            order, ExecutionStatus.UNSENT, "no longer valid, and never received by the broker", now
        )
    if now >= order.send_before:
        return None
    try:
        return execution_at_broker(order, broker.place(order), clock.now())
    except ConflictError:
        return _sent_by_another(order, broker, clock)
    except BellwetherError:  # the broker may have received it
        known = broker.find(order.client_order_id)
        if known is None:
            raise
        return execution_at_broker(order, known, clock.now())


def _sent_by_another(order: ClaimedOrder, broker: Broker, clock: Clock) -> Execution:
    known = broker.find(order.client_order_id)
    if known is None:
        raise UpstreamError(f"{broker.name} refuses {order.client_order_id} as a duplicate but does not find it")
    return execution_at_broker(order, known, clock.now())
