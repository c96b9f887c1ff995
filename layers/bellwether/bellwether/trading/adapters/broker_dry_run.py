"""A broker that costs nothing: every order fills at what its terms expect."""

from bellwether.trading.domain.dispatch import DRY_RUN, BrokerOrder, ExecutionStatus, Order


class DryRunBroker:
    """Broker without a memory, and without a need of one: the fill is in the order's terms, the same whenever asked."""

    name = DRY_RUN

    def find(self, client_order_id: str) -> BrokerOrder | None:  # noqa: ARG002 - it remembers nothing
        """None: what was lost on the way left nothing behind and may be done again."""
        return None

    def place(self, order: Order) -> BrokerOrder:
        """Fill it whole, at the quote worsened by spread and slippage."""
        return BrokerOrder(
            broker_order_id=f"dry-run-{order.client_order_id}",
            status=ExecutionStatus.FILLED,
            filled_quantity=order.quantity,
            fill_price=order.expected_price,
            fees=order.expected_fees,
        )
