"""Error rate and latency of one model version, and the guard rails that limit them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bellwether.models.domain.capture import LATE, CaptureRecord, Status
from bellwether.models.domain.specs import GuardPolicy
from bellwether.monitoring.domain.sequential_test import share_above
from bellwether.shared.domain.decisions import Gate

SLOW_SHARE = 0.05  # of the answers may come later than the limit of the 95th percentile
SHARE_MOST = 0.9
QUANTILE = 0.95


class Step(StrEnum):
    """Next step after an analysis."""

    GO_ON = "go_on"
    REQUEST_DECISION = "request_decision"
    PROMOTE = "promote"
    STOP = "stop"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Health:
    """Requests of one version: total, failed, slow, and the 95th percentile of latency."""

    requests: int
    failed: int
    slow: int
    latency_p95_ms: float | None

    @property
    def answered(self) -> int:
        """Requests that did not fail."""
        return self.requests - self.failed

    def gates(self, policy: GuardPolicy, version: int, beside: "Health") -> tuple[Gate, Gate]:
        """Whether it is sure enough that a limit is broken: by a test that may be looked at all the time.

        Nobody is held to more than the version `beside` keeps itself: where requests are rare, every one of them waits
        for a cold start, and where the network fails, it fails for both.
        """
        failed_limit = max(policy.error_share_max, _share(beside.failed, beside.requests, policy))
        slow_limit = max(SLOW_SHARE, _share(beside.slow, beside.answered, policy))
        return (
            Gate(
                name=f"failed_request_share.v{version}",
                observed=round(self.failed / self.requests, 4) if self.requests else None,
                limit=round(failed_limit, 4),
                passed=not _breaks(self.failed, self.requests, failed_limit, policy),
                reason=f"{self.failed} of {self.requests} requests failed",
            ),
            Gate(
                name=f"late_answer_share.v{version}",
                observed=round(self.slow / self.answered, 4) if self.answered else None,
                limit=round(slow_limit, 4),
                passed=not _breaks(self.slow, self.answered, slow_limit, policy),
                reason=f"{self.slow} of {self.answered} answers took longer than {policy.latency_p95_ms_max:g} ms",
            ),
        )


def measure_health(
    records: Iterable[CaptureRecord], policy: GuardPolicy, *, answerable: frozenset[str] = frozenset()
) -> Health:
    """Count requests, not rows; a refusal is the caller's fault unless the other version answered (`answerable`).

    A shadow whose answer nobody waited for is late, which is not the same as failed.
    """
    failed: dict[str, bool] = {}
    latencies: dict[str, float] = {}
    late: set[str] = set()
    for record in records:
        if record.status is Status.REFUSED and record.request_id not in answerable:
            continue
        is_late = not record.returned and LATE in (record.error or "")
        is_failure = record.status is not Status.ANSWERED and not is_late
        failed[record.request_id] = failed.get(record.request_id, False) or is_failure
        latencies[record.request_id] = max(latencies.get(record.request_id, 0.0), record.latency_ms)
        if is_late:
            late.add(record.request_id)
    answered = {request: latency for request, latency in latencies.items() if not failed[request]}
    slow = {request for request, latency in answered.items() if latency > policy.latency_p95_ms_max or request in late}
    ranked = sorted(answered.values())
    return Health(
        requests=len(failed),
        failed=sum(failed.values()),
        slow=len(slow),
        latency_p95_ms=round(ranked[math.ceil(QUANTILE * len(ranked)) - 1], 1) if ranked else None,
    )


def _share(count: int, total: int, policy: GuardPolicy) -> float:
    """The other version's share, once it is known; never so much that nothing could break it."""
    return min(count / total, SHARE_MOST) if total >= policy.requests_min else 0.0


def _breaks(count: int, total: int, limit: float, policy: GuardPolicy) -> bool:
    return total >= policy.requests_min and share_above(count, total, limit) >= -math.log(policy.alpha)


def health_json(seen: Health) -> dict[str, Any]:
    """Health as plain JSON values."""
    return {
        "requests": seen.requests,
        "failed": seen.failed,
        "slow": seen.slow,
        "latency_p95_ms": seen.latency_p95_ms,
    }
