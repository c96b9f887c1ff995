"""Settle orders from reports about them."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from bellwether.shared.domain.errors import BellwetherError, NotFoundError, TransientUpstreamError
from bellwether.trading.domain.executions import Execution, ExecutionStatus, SettlementAction
from bellwether.trading.ports.dispatch import ExecutionStore


class RefusedReport(BaseModel):
    """A report that could not be applied; its order stays open until another report settles it."""

    model_config = ConfigDict(frozen=True)

    client_order_id: str
    reason: str


class Settled(BaseModel):
    """Number of reports by effect, and of settled orders by final status."""

    model_config = ConfigDict(frozen=True)

    settled: int
    failed: int
    followed: int
    unclear: int
    known: int
    unknown: int
    ends: dict[str, int]
    refused: tuple[RefusedReport, ...] = ()


def settle_executions(executions: Sequence[Execution], *, store: ExecutionStore) -> Settled:
    """Apply each report in its own transaction; a repeated report has no effect.

    A report of an order that is not in the database is counted as unknown and skipped; one that the database refuses
    is returned with the reason. Raises TransientUpstreamError.
    """
    actions: Counter[SettlementAction] = Counter()
    ends: Counter[str] = Counter()
    unknown = 0
    refused: list[RefusedReport] = []
    for execution in sorted(executions, key=lambda each: each.recommendation_id):
        try:
            action = store.settle(execution)
        except NotFoundError:
            unknown += 1
            continue
        except TransientUpstreamError:
            raise
        except BellwetherError as error:
            refused.append(RefusedReport(client_order_id=execution.client_order_id, reason=str(error)[:500]))
            continue
        actions[action] += 1
        if action is SettlementAction.SETTLE:
            ends[execution.status.value] += 1
    return Settled(
        settled=actions[SettlementAction.SETTLE],
        failed=ends[ExecutionStatus.REJECTED.value],
        followed=actions[SettlementAction.POLL],
        unclear=actions[SettlementAction.RETRY],
        known=actions[SettlementAction.IGNORE],
        unknown=unknown,
        ends=dict(sorted(ends.items())),
        refused=tuple(refused),
    )
