"""Take in what brokers made of orders."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from bellwether.shared.domain.errors import NotFoundError
from bellwether.trading.domain.dispatch import Execution, ExecutionStatus, Step
from bellwether.trading.ports.dispatch import ExecutionStore


class Settled(BaseModel):
    """How many reports settled an order (and how it ended), left it open, or said nothing new."""

    model_config = ConfigDict(frozen=True)

    settled: int
    failed: int
    followed: int
    unclear: int
    known: int
    unknown: int
    ends: dict[str, int]


def settle_executions(executions: Sequence[Execution], *, store: ExecutionStore) -> Settled:
    """Settle each report in a transaction of its own; however often it arrives, it counts once.

    An order that the database does not know is counted and left alone: nothing can be settled about it.
    """
    steps: Counter[Step] = Counter()
    ends: Counter[str] = Counter()
    unknown = 0
    for execution in sorted(executions, key=lambda each: each.recommendation_id):
        try:
            step = store.settle(execution)
        except NotFoundError:
            unknown += 1
            continue
        steps[step] += 1
        if step is Step.SETTLE:
            ends[execution.status.value] += 1
    return Settled(
        settled=steps[Step.SETTLE],
        failed=ends[ExecutionStatus.REJECTED.value],
        followed=steps[Step.FOLLOW],
        unclear=steps[Step.TROUBLE],
        known=steps[Step.NOTHING],
        unknown=unknown,
        ends=dict(sorted(ends.items())),
    )
