"""Dry-run broker: fills every order at its expected price."""

from bellwether.trading.domain.executions import BrokerOrder, ExecutionStatus
from bellwether.trading.domain.orders import DRY_RUN, Order


class DryRunBroker:
    """Stateless broker. The fill follows from the terms of the order, so a repetition gives the same fill."""

    name = DRY_RUN

    def find(self, client_order_id: str) -> BrokerOrder | None:  # noqa: ARG002 - no state
        """Return None: a lost order left no trace and may be sent again."""
        return None

    def place(self, order: Order) -> BrokerOrder:
        """Fill the whole order at its expected price."""
        return BrokerOrder(
            broker_order_id=f"dry-run-{order.client_order_id}",
            status=ExecutionStatus.FILLED,
            filled_quantity=order.quantity,
            fill_price=order.expected_price,
            fees=order.expected_fees,
        )
