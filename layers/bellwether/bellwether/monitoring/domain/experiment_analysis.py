"""Analysis of a running experiment: compare champion and challenger, and determine the next step."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bellwether.models.domain.capture import Actual, CaptureRecord, Status, Variant
from bellwether.models.domain.deployment import Approval, CurrentVersion
from bellwether.models.domain.experiment import Decider, Experiment, Mode
from bellwether.models.domain.specs import ExperimentPolicy, Loss, ModelSpec
from bellwether.monitoring.domain.evaluated_predictions import EvaluatedPrediction, join_actuals
from bellwether.monitoring.domain.sequential_test import Comparison, Finding, Interval, Pair
from bellwether.monitoring.domain.service_health import Health, Step, health_json, measure_health
from bellwether.shared.domain.decisions import Gate

APPROVAL = "approval"  # name of its gate


def pairs_of(
    experiment: Experiment, policy: ExperimentPolicy, records: Sequence[CaptureRecord], actuals: Mapping[str, Actual]
) -> tuple[Pair, ...]:
    """Pairs of losses of champion and challenger, in the order in which their actuals arrived.

    Each thing that came true counts once, by the first request about it, and of a forecast only the nearest horizon:
    a hundred callers who ask about the same month are one observation, and so are horizons that overlap.
    """
    joined = list(join_actuals(records, actuals, nearest_only=True))
    champion = [each for each in joined if each.record.variant is Variant.CHAMPION]
    challenger = [each for each in joined if each.record.variant is Variant.CHALLENGER]
    if experiment.mode is Mode.SHADOW:
        return tuple(_shadowed(champion, challenger, policy.loss))
    return tuple(_matched(champion, challenger, experiment.share, policy.loss))


def _shadowed(
    champion: Iterable[EvaluatedPrediction], challenger: Iterable[EvaluatedPrediction], loss: Loss
) -> Iterator[Pair]:
    answered = {(each.record.request_id, each.record.instance): each for each in champion}
    both = (each for each in challenger if (each.record.request_id, each.record.instance) in answered)
    for each in _once(both, loss):
        yield Pair(_loss(answered[each.record.request_id, each.record.instance], loss), _loss(each, loss))


def _matched(
    champion: Iterable[EvaluatedPrediction], challenger: Iterable[EvaluatedPrediction], share: float, loss: Loss
) -> Iterator[Pair]:
    """Pair the mean losses of small blocks, whose sizes follow the shares of the entities, in order of arrival."""
    ours = (_loss(each, loss) for each in _once(champion, loss))
    theirs = (_loss(each, loss) for each in _once(challenger, loss))
    of_ours = max(1, round((1 - share) / share))
    of_theirs = max(1, round(share / (1 - share))) if share < 1 else 1
    while len(first := list(islice(ours, of_ours))) == of_ours:
        second = list(islice(theirs, of_theirs))
        if len(second) < of_theirs:
            return
        yield Pair(math.fsum(first) / of_ours, math.fsum(second) / of_theirs)


def _once(joined: Iterable[EvaluatedPrediction], loss: Loss) -> list[EvaluatedPrediction]:
    """The first request for each join key, in the order in which the actuals arrived."""
    first: dict[str, EvaluatedPrediction] = {}
    for each in sorted(joined, key=lambda one: (one.record.received_at, one.record.key)):
        if loss is Loss.ABSOLUTE or each.actual.value != 0:
            first.setdefault(each.point.join_key, each)
    return sorted(first.values(), key=lambda one: (one.actual.observed_at, one.record.received_at, one.point.join_key))


def _loss(joined: EvaluatedPrediction, loss: Loss) -> float:
    return abs(joined.error) if loss is Loss.ABSOLUTE else abs(joined.error / joined.actual.value)


@dataclass(frozen=True)
class ExperimentAnalysis:
    """The state of an experiment and its next step."""

    experiment: Experiment
    comparison: Comparison
    champion: Health
    challenger: Health
    gates: tuple[Gate, ...]
    step: Step
    reason: str

    def as_json(self) -> dict[str, Any]:
        """JSON values for the decision's evidence and the command line, without the confidence sequence's path."""
        finding, pairs = self.comparison.finding
        return {
            "experiment": self.experiment.model_dump(mode="json"),
            "finding": finding.value,
            "found_after_pairs": pairs,
            "pairs": len(self.comparison.pairs),
            "improvement": _rounded(self.comparison.improvement),
            "interval": interval_json(self.comparison.interval),
            "champion": health_json(self.champion),
            "challenger": health_json(self.challenger),
            "step": self.step.value,
            "reason": self.reason,
        }


def analyse_experiment(
    experiment: Experiment,
    *,
    spec: ModelSpec,
    current: CurrentVersion | None,
    approval: str,
    records: Iterable[CaptureRecord],
    actuals: Mapping[str, Actual],
    now: datetime,
) -> ExperimentAnalysis:
    """Analyse an experiment from its capture records; `approval` is the challenger's status in the registry."""
    policy = spec.experiment
    own = [record for record in records if _belongs(record, experiment, spec, current)]
    challenging = [record for record in own if record.variant is Variant.CHALLENGER]
    championing = [record for record in own if record.variant is Variant.CHAMPION]
    answered = frozenset(record.request_id for record in championing if record.status is Status.ANSWERED)
    challenger = measure_health(challenging, policy.guard, answerable=answered)
    champion = measure_health(championing, policy.guard)
    comparison = Comparison(pairs_of(experiment, policy, own, actuals), policy)
    finding, _ = comparison.finding
    guards = challenger.gates(policy.guard, experiment.challenger_version, champion)
    step, reason = _step(experiment, finding, guards, current, approval, now, policy)
    interval = comparison.interval
    return ExperimentAnalysis(
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
                reason=f"{len(comparison.pairs)} pairs of predictions have actuals",
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
        return Step.STOP, f"version {experiment.champion_version} (the champion) is no longer in service"
    if broken:
        return Step.STOP, f"{name} exceeded a limit: {'; '.join(broken)}"
    if approval == Approval.REJECTED:
        return Step.STOP, f"{name} was rejected"
    if finding is Finding.BETTER:
        if approval != Approval.APPROVED:
            return Step.REQUEST_DECISION, f"{name} is better and waits for approval"
        is_auto = experiment.decider is Decider.AUTO
        return (Step.PROMOTE, f"{name} is better") if is_auto else (Step.REQUEST_DECISION, f"{name} is better")
    if finding is Finding.NOT_BETTER:
        reason = f"{name} is not better by {policy.worthwhile:.0%}"
        is_over = experiment.decider is Decider.AUTO or now >= experiment.ends_at
        return (Step.STOP, reason) if is_over else (Step.REQUEST_DECISION, reason)
    if now >= experiment.ends_at:
        return Step.STOP, f"undecided at its end on {experiment.ends_at:%Y-%m-%d %H:%M} UTC"
    return Step.GO_ON, "undecided"


def _champion_serves(experiment: Experiment, current: CurrentVersion | None) -> bool:
    return current is not None and current.version == experiment.champion_version


def _belongs(record: CaptureRecord, experiment: Experiment, spec: ModelSpec, current: CurrentVersion | None) -> bool:
    """Whether a record belongs to this experiment and to the expected version."""
    if record.received_at < experiment.started_at or record.experiment_id not in {None, experiment.experiment_id}:
        return False
    if record.variant is Variant.CHAMPION:
        known = {None} if current is None else {None, spec.model_version(current.bundle_sha256)}
    else:
        known = {None, spec.model_version(experiment.challenger_bundle_sha256)}
    return record.model_version in known


def interval_json(interval: Interval) -> dict[str, Any]:
    """An interval of the confidence sequence as plain JSON values."""
    return {"pairs": interval.pairs, "lower": interval.lower, "upper": interval.upper}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
