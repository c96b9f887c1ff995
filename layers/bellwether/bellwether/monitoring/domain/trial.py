"""An experiment or a probation as it stands: what was seen, what follows from it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from bellwether.models.domain.capture import LATE, Actual, CaptureRecord, Status, Variant
from bellwether.models.domain.catalogue import ExperimentPolicy, GuardPolicy, Loss, ModelSpec
from bellwether.models.domain.deployment import Approval, CurrentVersion
from bellwether.models.domain.experiment import Decider, Experiment, Mode
from bellwether.monitoring.domain.joined import JoinedPoint, join
from bellwether.monitoring.domain.sequential import Comparison, Finding, Interval, Pair, share_above
from bellwether.shared.domain.decisions import Gate

SLOW_SHARE = 0.05  # of the answers may come later than the limit of the 95th percentile
SHARE_MOST = 0.9
QUANTILE = 0.95
APPROVAL = "approval"  # name of its gate


class Step(StrEnum):
    """What follows from a judgement."""

    GO_ON = "go_on"
    ASK = "ask"
    PROMOTE = "promote"
    STOP = "stop"
    ROLLBACK = "rollback"


# --- health: errors and latency, request by request -------------------------------------------------------------------


@dataclass(frozen=True)
class Health:
    """How one version did: requests that ended, those that failed, those that took too long, and how long."""

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


def health(
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


# --- pairs: both versions on the same thing ---------------------------------------------------------------------------


def pairs_of(
    experiment: Experiment, policy: ExperimentPolicy, records: Sequence[CaptureRecord], actuals: Mapping[str, Actual]
) -> tuple[Pair, ...]:
    """Losses side by side, in the order in which they came to be known.

    Each thing that came true counts once, by the first request about it, and of a forecast only the nearest horizon:
    a hundred callers who ask about the same month are one observation, and so are horizons that overlap.
    """
    joined = list(join(records, actuals, nearest_only=True))
    champion = [each for each in joined if each.record.variant is Variant.CHAMPION]
    challenger = [each for each in joined if each.record.variant is Variant.CHALLENGER]
    if experiment.mode is Mode.SHADOW:
        return tuple(_shadowed(champion, challenger, policy.loss))
    return tuple(_matched(champion, challenger, experiment.share, policy.loss))


def _shadowed(champion: Iterable[JoinedPoint], challenger: Iterable[JoinedPoint], loss: Loss) -> Iterator[Pair]:
    answered = {(each.record.request_id, each.record.instance): each for each in champion}
    both = (each for each in challenger if (each.record.request_id, each.record.instance) in answered)
    for each in _once(both, loss):
        yield Pair(_loss(answered[each.record.request_id, each.record.instance], loss), _loss(each, loss))


def _matched(
    champion: Iterable[JoinedPoint], challenger: Iterable[JoinedPoint], share: float, loss: Loss
) -> Iterator[Pair]:
    """As many of each as their shares of the callers have it, in the order of their arrival: means of small blocks."""
    ours = (_loss(each, loss) for each in _once(champion, loss))
    theirs = (_loss(each, loss) for each in _once(challenger, loss))
    of_ours = max(1, round((1 - share) / share))
    of_theirs = max(1, round(share / (1 - share))) if share < 1 else 1
    while len(first := list(islice(ours, of_ours))) == of_ours:
        second = list(islice(theirs, of_theirs))
        if len(second) < of_theirs:
            return
        yield Pair(math.fsum(first) / of_ours, math.fsum(second) / of_theirs)


def _once(joined: Iterable[JoinedPoint], loss: Loss) -> list[JoinedPoint]:
    """The first request about each thing, in the order in which the truth arrived."""
    first: dict[str, JoinedPoint] = {}
    for each in sorted(joined, key=lambda one: (one.record.received_at, one.record.key)):
        if loss is Loss.ABSOLUTE or each.actual.value != 0:
            first.setdefault(each.point.join_key, each)
    return sorted(first.values(), key=lambda one: (one.actual.observed_at, one.record.received_at, one.point.join_key))


def _loss(joined: JoinedPoint, loss: Loss) -> float:
    return abs(joined.error) if loss is Loss.ABSOLUTE else abs(joined.error / joined.actual.value)


# --- judgements -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """An experiment as it stands."""

    experiment: Experiment
    comparison: Comparison
    champion: Health
    challenger: Health
    gates: tuple[Gate, ...]
    step: Step
    reason: str

    def as_json(self) -> dict[str, Any]:
        """What a decision keeps and a person is shown, but for the confidence sequence's path."""
        finding, pairs = self.comparison.finding
        return {
            "experiment": self.experiment.model_dump(mode="json"),
            "finding": finding.value,
            "found_after_pairs": pairs,
            "pairs": len(self.comparison.pairs),
            "improvement": _rounded(self.comparison.improvement),
            "interval": interval_json(self.comparison.interval),
            "champion": _health_json(self.champion),
            "challenger": _health_json(self.challenger),
            "step": self.step.value,
            "reason": self.reason,
        }


def stand(
    experiment: Experiment,
    *,
    spec: ModelSpec,
    current: CurrentVersion | None,
    approval: str,
    records: Iterable[CaptureRecord],
    actuals: Mapping[str, Actual],
    now: datetime,
) -> Standing:
    """Judge an experiment by all that was captured since it started; `approval` is the challenger's in the registry."""
    policy = spec.experiment
    own = [record for record in records if _belongs(record, experiment, spec, current)]
    challenging = [record for record in own if record.variant is Variant.CHALLENGER]
    championing = [record for record in own if record.variant is Variant.CHAMPION]
    answered = frozenset(record.request_id for record in championing if record.status is Status.ANSWERED)
    challenger = health(challenging, policy.guard, answerable=answered)
    champion = health(championing, policy.guard)
    comparison = Comparison(pairs_of(experiment, policy, own, actuals), policy)
    finding, _ = comparison.finding
    guards = challenger.gates(policy.guard, experiment.challenger_version, champion)
    step, reason = _step(experiment, finding, guards, current, approval, now, policy)
    interval = comparison.interval
    return Standing(
        experiment=experiment,
        comparison=comparison,
        champion=champion,
        challenger=challenger,
        gates=(
            Gate(
                name="champion_serves",
                observed=current.version if current else None,
                limit=experiment.champion_version,
                passed=_champion_serves(experiment, current),
            ),
            *guards,
            Gate(
                name="pairs",
                observed=len(comparison.pairs),
                limit=policy.points_min,
                passed=len(comparison.pairs) >= policy.points_min,
                reason=f"{len(comparison.pairs)} things came true that both were asked about",
            ),
            Gate(
                name="improvement_lower_limit",
                observed=interval.lower,
                limit=0.0,
                passed=finding is Finding.BETTER,
                reason=f"found {finding.value.replace('_', ' ')}",
            ),
            Gate(name=APPROVAL, observed=approval, limit=Approval.APPROVED.value, passed=approval == Approval.APPROVED),
        ),
        step=step,
        reason=reason,
    )


def _step(
    experiment: Experiment,
    finding: Finding,
    guards: Iterable[Gate],
    current: CurrentVersion | None,
    approval: str,
    now: datetime,
    policy: ExperimentPolicy,
) -> tuple[Step, str]:
    name = f"version {experiment.challenger_version}"
    broken = [gate.reason for gate in guards if not gate.passed]
    if not _champion_serves(experiment, current):
        return Step.STOP, f"version {experiment.champion_version}, which it was compared with, serves no longer"
    if broken:
        return Step.STOP, f"{name} broke a limit: {'; '.join(broken)}"
    if approval == Approval.REJECTED:
        return Step.STOP, f"{name} was rejected"
    if finding is Finding.BETTER:
        if approval != Approval.APPROVED:
            return Step.ASK, f"{name} is better, and waits for approval"
        is_auto = experiment.decider is Decider.AUTO
        return (Step.PROMOTE, f"{name} is better") if is_auto else (Step.ASK, f"{name} is better")
    if finding is Finding.NOT_BETTER:
        reason = f"{name} is not better by {policy.worthwhile:.0%}"
        is_over = experiment.decider is Decider.AUTO or now >= experiment.ends_at
        return (Step.STOP, reason) if is_over else (Step.ASK, reason)
    if now >= experiment.ends_at:
        return Step.STOP, f"no verdict by {experiment.ends_at:%Y-%m-%d %H:%M} UTC"
    return Step.GO_ON, "undecided"


def _champion_serves(experiment: Experiment, current: CurrentVersion | None) -> bool:
    return current is not None and current.version == experiment.champion_version


def _belongs(record: CaptureRecord, experiment: Experiment, spec: ModelSpec, current: CurrentVersion | None) -> bool:
    """Whether a record is of this experiment, and of the version that it is meant to be of."""
    if record.received_at < experiment.started_at or record.experiment_id not in {None, experiment.experiment_id}:
        return False
    if record.variant is Variant.CHAMPION:
        known = {None} if current is None else {None, spec.model_version(current.bundle_sha256)}
    else:
        known = {None, spec.model_version(experiment.challenger_bundle_sha256)}
    return record.model_version in known


@dataclass(frozen=True)
class Probation:
    """A version that went into service lately, as it stands."""

    current: CurrentVersion
    health: Health
    gates: tuple[Gate, ...]
    step: Step
    reason: str

    def as_json(self) -> dict[str, Any]:
        """What a decision keeps and a person is shown."""
        return {
            "version": self.current.version,
            "previous_version": self.current.previous_version,
            "promoted_at": self.current.promoted_at.isoformat(),
            "health": _health_json(self.health),
            "step": self.step.value,
            "reason": self.reason,
        }


def is_on_probation(current: CurrentVersion, spec: ModelSpec, now: datetime) -> bool:
    """Whether there is a version to go back to by itself: an older one, so that two versions never take turns."""
    is_newer = current.previous_version is not None and current.previous_version < current.version
    return is_newer and now < current.promoted_at + timedelta(hours=spec.probation.hours)


def on_probation(current: CurrentVersion, *, spec: ModelSpec, records: Iterable[CaptureRecord]) -> Probation:
    """Judge a version by the first requests since it was promoted, beside the last ones before."""
    label = spec.model_version(current.bundle_sha256)
    asked = [record for record in records if record.variant is Variant.CHAMPION]
    before = [record for record in asked if record.received_at < current.promoted_at]
    own = [
        record
        for record in asked
        if record.received_at >= current.promoted_at and record.model_version in {None, label}
    ]
    first = sorted(own, key=lambda record: (record.received_at, record.key))[: spec.probation.requests_max]
    seen = health(first, spec.probation.guard)
    gates = seen.gates(spec.probation.guard, current.version, health(before, spec.probation.guard))
    broken = [gate.reason for gate in gates if not gate.passed]
    return Probation(
        current=current,
        health=seen,
        gates=gates,
        step=Step.ROLLBACK if broken else Step.GO_ON,
        reason=f"version {current.version} broke a limit: {'; '.join(broken)}" if broken else "no limit is broken",
    )


def interval_json(interval: Interval) -> dict[str, Any]:
    """An interval of the confidence sequence as plain JSON values."""
    return {"pairs": interval.pairs, "lower": interval.lower, "upper": interval.upper}


def _health_json(seen: Health) -> dict[str, Any]:
    return {
        "requests": seen.requests,
        "failed": seen.failed,
        "slow": seen.slow,
        "latency_p95_ms": seen.latency_p95_ms,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
