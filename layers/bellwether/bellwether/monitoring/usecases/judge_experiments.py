"""Judge every running experiment and every version on probation, and start the deployment that follows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StrictBool

from bellwether.models.domain.capture import CaptureRecord
from bellwether.models.domain.catalogue import CATALOGUE, model_spec
from bellwether.models.domain.deployment import Action, CurrentVersion, execution_name, sibling_arn
from bellwether.models.domain.experiment import Experiment
from bellwether.models.domain.specs import ModelSpec
from bellwether.models.ports.actuals import Actuals
from bellwether.models.ports.captures import CaptureLog
from bellwether.models.ports.experiments import Experiments
from bellwether.models.ports.registry import CurrentVersions, RegisteredVersions
from bellwether.monitoring.domain.experiment_analysis import (
    APPROVAL,
    ExperimentAnalysis,
    analyse_experiment,
    interval_json,
)
from bellwether.monitoring.domain.probation import ProbationAnalysis, analyse_probation, is_on_probation
from bellwether.monitoring.domain.sequential_test import Finding
from bellwether.monitoring.domain.service_health import Step
from bellwether.shared.domain.decisions import Decision, Gate, Kind, decide
from bellwether.shared.domain.errors import BellwetherError, NotFoundError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.processes import Processes

ACTOR = "judge_experiments"
BEFORE = timedelta(days=1)  # of what the version before did, a new one is held to as much
UNKNOWN = "unknown"  # approval of a version that is not, or can't be, looked up
PATH_LIMIT = 60  # intervals of a confidence sequence that a picture needs


class JudgementRequest(BaseModel):
    """Which models to look at, all of them when none is named; without `act` nothing is recorded or started."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    models: tuple[str, ...] = ()
    act: StrictBool = True


class Judgement(BaseModel):
    """What was found about one model; `execution_arn` is the process that records it, None when it was known."""

    model_config = ConfigDict(frozen=True)

    model: str
    kind: str
    step: Step
    reason: str
    standing: dict[str, Any]
    path: tuple[dict[str, Any], ...] = ()
    decision_id: UUID
    execution_arn: str | None = None


@dataclass(frozen=True)
class ExperimentJudge:
    """What judging reads, and the process that it starts."""

    current_versions: CurrentVersions
    experiments: Experiments
    versions: RegisteredVersions
    captures: CaptureLog
    actuals: Actuals
    processes: Processes
    clock: Clock

    def judge(self, order: JudgementRequest) -> tuple[Judgement, ...]:
        """Judge what is under way, and start one process for each finding that is new.

        A finding is new when it differs from those before it, or a day later; one that asks for an act that has not
        happened is new every hour. One model's trouble does not keep the others from being judged; it is raised at
        the end.
        """
        specs = [model_spec(name) for name in order.models] or list(CATALOGUE.values())
        judgements: list[Judgement] = []
        troubles: list[BellwetherError] = []
        for spec in specs:
            try:
                judgements += self._judgements(spec, act=order.act)
            except BellwetherError as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]
        return tuple(judgements)

    def _judgements(self, spec: ModelSpec, *, act: bool) -> Iterator[Judgement]:
        now = self.clock.now()
        current, experiment = self.current_versions.get(spec.name), self.experiments.get(spec.name)
        if experiment is not None:
            yield self._on_experiment(spec, experiment, current, now, act=act)
        if current is not None and is_on_probation(current, spec, now):
            yield self._on_probation(spec, current, now, act=act)

    def _on_experiment(
        self, spec: ModelSpec, experiment: Experiment, current: CurrentVersion | None, now: datetime, *, act: bool
    ) -> Judgement:
        standing = analyse_experiment(
            experiment,
            spec=spec,
            current=current,
            approval=self._approval(experiment, current),
            records=_bare(self.captures.read(spec.name, since=experiment.started_at, until=now)),
            actuals=self.actuals.read(spec.name, since=experiment.started_at),
            now=now,
        )
        decision = _decision(
            kind=Kind.JUDGE_EXPERIMENT,
            subject=f"{spec.name} version {experiment.challenger_version} beside version {experiment.champion_version}",
            key=experiment.experiment_id,
            step=standing.step,
            gates=standing.gates,
            evidence=standing.as_json(),
            now=now,
        )
        order = _deployment(spec, standing, current, decision)
        mail = None if standing.step is Step.GO_ON else _mail(spec, standing)
        arn = self._start(spec, standing.step, decision, order, mail) if act else None
        path = standing.comparison.path
        stride = max(1, -(-len(path) // PATH_LIMIT))
        return Judgement(
            model=spec.name,
            kind=decision.kind,
            step=standing.step,
            reason=standing.reason,
            standing=standing.as_json() | {"gates": [gate.model_dump(mode="json") for gate in standing.gates]},
            path=tuple(interval_json(each) for each in (*path[:-1:stride], path[-1])),
            decision_id=decision.decision_id,
            execution_arn=arn,
        )

    def _on_probation(self, spec: ModelSpec, current: CurrentVersion, now: datetime, *, act: bool) -> Judgement:
        since = current.promoted_at - BEFORE
        records = _bare(self.captures.read(spec.name, since=since, until=now))
        probation = analyse_probation(current, spec=spec, records=records)
        decision = _decision(
            kind=Kind.JUDGE_PROBATION,
            subject=f"{spec.name} version {current.version}",
            key=current.promoted_at.isoformat(),
            step=probation.step,
            gates=probation.gates,
            evidence=probation.as_json(),
            now=now,
        )
        arn = None
        if act and probation.step is Step.ROLLBACK:
            order = _rollback(spec, current, decision)
            arn = self._start(spec, probation.step, decision, order, _rollback_mail(spec, probation))
        return Judgement(
            model=spec.name,
            kind=decision.kind,
            step=probation.step,
            reason=probation.reason,
            standing=probation.as_json() | {"gates": [gate.model_dump(mode="json") for gate in probation.gates]},
            decision_id=decision.decision_id,
            execution_arn=arn,
        )

    def _approval(self, experiment: Experiment, current: CurrentVersion | None) -> str:
        if current is None:
            return UNKNOWN
        try:
            return self.versions.describe(
                sibling_arn(current.model_package_arn, experiment.challenger_version)
            ).approval
        except NotFoundError:  # deleted by hand: the guards have to go on, and its end has to come
            return UNKNOWN

    def _start(
        self,
        spec: ModelSpec,
        step: Step,
        decision: Decision,
        deployment: Mapping[str, Any] | None,
        mail: Mapping[str, str] | None,
    ) -> str | None:
        """Start the process that records the decision and does what it says; None when it was started before."""
        order = None
        if deployment is not None:
            action = Action(deployment["action"])
            name = execution_name(spec.package_group, deployment["version"], action, str(decision.decision_id))
            order = {"name": name, "input": dict(deployment)}
        payload = {
            "model": spec.name,
            "step": step.value,
            "decision": decision.model_dump(mode="json"),
            "deployment": order,
            "mail": mail,
        }
        return self.processes.start(f"judge-{spec.name}-{step}-{decision.decision_id}", payload)


def _bare(records: Iterable[CaptureRecord]) -> Iterator[CaptureRecord]:
    """Without what was asked and answered, which judging has no use for."""
    return (record.model_copy(update={"input": {}, "output": None}) for record in records)


# --- what is recorded, and what is started ----------------------------------------------------------------------------


def _decision(
    *, kind: Kind, subject: str, key: str, step: Step, gates: tuple[Gate, ...], evidence: dict[str, Any], now: datetime
) -> Decision:
    """One a day while nothing is to be done or a person is asked, one an hour while an act has not happened yet."""
    period = f"{now:%Y-%m-%d}" if step in {Step.GO_ON, Step.REQUEST_DECISION} else f"{now:%Y-%m-%dT%H}"
    return decide(
        kind=kind,
        subject=subject,
        key=f"{key}:{step}:{period}",
        gates=gates,
        evidence=evidence,
        actor=ACTOR,
        made_at=now,
    )


def _deployment(
    spec: ModelSpec, standing: ExperimentAnalysis, current: CurrentVersion | None, decision: Decision
) -> dict[str, Any] | None:
    experiment = standing.experiment
    order = {
        "model": spec.name,
        "version": experiment.challenger_version,
        "experiment_id": experiment.experiment_id,
        "actor": ACTOR,
        "event_id": str(decision.decision_id),
    }
    if standing.step is Step.STOP:
        return order | {"action": Action.STOP_CHALLENGE.value, "reason": standing.reason}
    if standing.step is Step.PROMOTE and current is not None:
        is_newer = experiment.challenger_version > current.version
        return order | {
            "action": (Action.DEPLOY if is_newer else Action.ROLLBACK).value,
            "promote": True,
            "model_package_arn": sibling_arn(current.model_package_arn, experiment.challenger_version),
        }
    return None


def _rollback(spec: ModelSpec, current: CurrentVersion, decision: Decision) -> dict[str, Any] | None:
    if current.previous_version is None:
        return None
    return {
        "model": spec.name,
        "action": Action.ROLLBACK.value,
        "version": current.previous_version,
        "model_package_arn": sibling_arn(current.model_package_arn, current.previous_version),
        "actor": ACTOR,
        "event_id": str(decision.decision_id),
    }


# --- what people are told ---------------------------------------------------------------------------------------------


def _mail(spec: ModelSpec, standing: ExperimentAnalysis) -> dict[str, str]:
    experiment, interval = standing.experiment, standing.comparison.interval
    commands = {
        Step.REQUEST_DECISION: _asked(spec, standing),
        Step.PROMOTE: f"It is being promoted. Roll back with:  bellwether rollback {spec.name}",
        Step.STOP: "It is being taken out of service. The champion stays in service.",
    }
    limits = f"{_percent(interval.lower)} to {_percent(interval.upper)}"
    message = (
        f"{standing.reason[:1].upper()}{standing.reason[1:]}.\n\n"
        f"{spec.name} version {experiment.challenger_version} has been compared with version "
        f"{experiment.champion_version} since {experiment.started_at:%Y-%m-%d %H:%M} UTC "
        f"({experiment.mode}, {experiment.share:.0%} of the entities).\n"
        f"Pairs with actuals: {interval.pairs}. Improvement of the mean loss: {limits}.\n"
        f"Failed requests: {standing.challenger.failed} of {standing.challenger.requests}. "
        f"Latency p95: {standing.challenger.latency_p95_ms} ms.\n\n"
        f"{commands[standing.step]}\n"
        f"Details:  bellwether experiment show {spec.name}\n"
    )
    verbs = {Step.REQUEST_DECISION: "needs a decision", Step.PROMOTE: "is promoted", Step.STOP: "is stopped"}
    return {"subject": f"Bellwether: challenger of {spec.name} {verbs[standing.step]}", "message": message}


def _asked(spec: ModelSpec, standing: ExperimentAnalysis) -> str:
    stop = f"Stop it:  bellwether experiment stop {spec.name}"
    if standing.comparison.finding[0] is not Finding.BETTER:
        return stop
    version = standing.experiment.challenger_version
    is_approved = all(gate.passed for gate in standing.gates if gate.name == APPROVAL)
    promote = f"Promote it:  bellwether experiment promote {spec.name}"
    approve = f"Approve it, which puts it into service:  bellwether approve {spec.name} --version {version}"
    return f"{promote if is_approved else approve}\nOr s{stop[1:]}"


def _rollback_mail(spec: ModelSpec, probation: ProbationAnalysis) -> dict[str, str]:
    current = probation.current
    return {
        "subject": f"Bellwether: {spec.name} is rolled back to version {current.previous_version}",
        "message": (
            f"{probation.reason[:1].upper()}{probation.reason[1:]}.\n\n"
            f"It was promoted at {current.promoted_at:%Y-%m-%d %H:%M} UTC. Version {current.previous_version} is being "
            f"put back into service (RUNBOOK, Rolled back by itself).\n"
        ),
    }


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:+.0%}"
