"""Analysis of a version on probation: keep it in service or roll it back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bellwether.models.domain.capture import CaptureRecord, Variant
from bellwether.models.domain.deployment import CurrentVersion
from bellwether.models.domain.specs import ModelSpec
from bellwether.monitoring.domain.service_health import Health, Step, health_json, measure_health
from bellwether.shared.domain.decisions import Gate


@dataclass(frozen=True)
class ProbationAnalysis:
    """The state of a recently promoted version and its next step."""

    current: CurrentVersion
    health: Health
    gates: tuple[Gate, ...]
    step: Step
    reason: str

    def as_json(self) -> dict[str, Any]:
        """JSON values for the decision's evidence and the command line."""
        return {
            "version": self.current.version,
            "previous_version": self.current.previous_version,
            "promoted_at": self.current.promoted_at.isoformat(),
            "health": health_json(self.health),
            "step": self.step.value,
            "reason": self.reason,
        }


def is_on_probation(current: CurrentVersion, spec: ModelSpec, now: datetime) -> bool:
    """Whether automatic rollback applies: only to an older version, so that two versions never alternate."""
    is_newer = current.previous_version is not None and current.previous_version < current.version
    return is_newer and now < current.promoted_at + timedelta(hours=spec.probation.hours)


def analyse_probation(
    current: CurrentVersion, *, spec: ModelSpec, records: Iterable[CaptureRecord]
) -> ProbationAnalysis:
    """Analyse the first requests since promotion, compared with the last ones before it."""
    label = spec.model_version(current.bundle_sha256)
    asked = [record for record in records if record.variant is Variant.CHAMPION]
    before = [record for record in asked if record.received_at < current.promoted_at]
    own = [
        record
        for record in asked
        if record.received_at >= current.promoted_at and record.model_version in {None, label}
    ]
    first = sorted(own, key=lambda record: (record.received_at, record.key))[: spec.probation.requests_max]
    seen = measure_health(first, spec.probation.guard)
    gates = seen.gates(spec.probation.guard, current.version, measure_health(before, spec.probation.guard))
    broken = [gate.reason for gate in gates if not gate.passed]
    return ProbationAnalysis(
        current=current,
        health=seen,
        gates=gates,
        step=Step.ROLLBACK if broken else Step.GO_ON,
        reason=f"version {current.version} exceeded a limit: {'; '.join(broken)}" if broken else "no limit is exceeded",
    )
