"""Bring claimed orders to the broker, each once, and report what it made of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bellwether.shared.domain.errors import BellwetherError, ConflictError, UpstreamError
from bellwether.shared.ports.clock import Clock
from bellwether.trading.domain.dispatch import ClaimedOrder, Execution, ExecutionStatus, not_sent, observed
from bellwether.trading.ports.dispatch import Broker

LONGEST_ORDER_SECONDS = 25.0
"""What one order may take at worst: asking, sending and asking again, each to the broker's time limit."""


def execute_orders(
    orders: Sequence[ClaimedOrder],
    *,
    brokers: Mapping[str, Broker],
    clock: Clock,
    seconds_left: Callable[[], float],
) -> tuple[Execution, ...]:
    """One report an order; none for those that there was no time for: they are handed out again.

    The broker is asked first whether it has the order, so that repeating this does no harm. An order goes to the broker
    that it was approved for, whatever the mode is by now. One order's trouble leaves the others alone.
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
            reason = f"approved for {order.broker}, which this mode does not reach"
            yield not_sent(order, ExecutionStatus.UNCLEAR, reason, clock.now())
            continue
        try:
            execution = _execute(order, broker, clock)
            if execution is not None:
                yield execution
        except BellwetherError as error:
            yield not_sent(order, ExecutionStatus.UNCLEAR, f"{type(error).__name__}: {error}", clock.now())


def _execute(order: ClaimedOrder, broker: Broker, clock: Clock) -> Execution | None:
    """None when this dispatcher came too late to send, but not the next one."""
    known = broker.find(order.client_order_id)
    if known is not None:
        return observed(order, known, clock.now())
    now = clock.now()
    if order.send_before is None or now >= order.valid_until:
        return not_sent(order, ExecutionStatus.UNSENT, "not to be sent any more, and the broker never got it", now)
    if now >= order.send_before:
        return None
    try:
        return observed(order, broker.place(order), clock.now())
    except ConflictError:
        return _sent_by_another(order, broker, clock)
    except BellwetherError:  # it may have arrived all the same
        known = broker.find(order.client_order_id)
        if known is None:
            raise
        return observed(order, known, clock.now())


def _sent_by_another(order: ClaimedOrder, broker: Broker, clock: Clock) -> Execution:
    known = broker.find(order.client_order_id)
    if known is None:
        raise UpstreamError(f"{broker.name} has an order {order.client_order_id} and does not find it")
    return observed(order, known, clock.now())
