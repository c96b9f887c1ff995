"""Decide whether a training that no person ordered may begin."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bellwether.models.domain.catalogue import trained_spec
from bellwether.models.domain.report_schema import Sha256
from bellwether.models.domain.retraining import (
    MachineTime,
    RetrainingCase,
    Trigger,
    cost_usd,
    month_of,
    refusal_message,
    refusal_subject,
    retraining_gates,
)
from bellwether.models.domain.training import job_prefix, merged_hyperparameters
from bellwether.models.ports.jobs import JobCode, TrainingHistory
from bellwether.shared.domain.decisions import Decision, Gate, Kind, Verdict, decide
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.domain.json_documents import parse_document
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore

ACTOR = "bellwether:request_retraining"
NO_DATA = Gate(
    name="training_data",
    observed=None,
    limit="a dataset",
    passed=False,
    reason="no dataset has been ingested for this model",
)


class RetrainingRequest(BaseModel):
    """Which model, why, and whose request it is; the same `request_id` is the same request."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    trigger: Trigger
    request_id: Annotated[str, Field(min_length=1, max_length=200)]
    requested_by: Annotated[str, Field(max_length=400)] = "unknown"
    hyperparameters: dict[str, str | int | float | bool] = Field(default_factory=dict)


class PublishedData(BaseModel):
    """What a manifest says of the data that a training would freeze now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: Sha256


class Retraining(BaseModel):
    """Whether the training may begin; `tell` when people should hear that it may not, and that none is under way."""

    model_config = ConfigDict(frozen=True)

    model: str
    accepted: bool
    tell: bool
    decision: Decision
    subject_line: str
    message: str


def request_retraining(
    request: RetrainingRequest,
    *,
    instance_type: str,
    time_limit_seconds: int,
    cooldown_days_max: float,
    objects: ObjectStore,
    history: TrainingHistory,
    code: JobCode,
    clock: Clock,
) -> Retraining:
    """Hold the request against the model's policy for trainings by itself; no model rests past `cooldown_days_max`.

    Two requests in the same second may both pass: their jobs have the same name, and SageMaker takes one of them.
    A model that nobody has given data yet is refused, and nobody is told. Raises NotFoundError for an unknown model,
    InvalidInputError for hyperparameters that can't be used.
    """
    spec = trained_spec(request.model)
    now = clock.now()
    dataset_sha256 = _published_sha256(objects, spec.dataset.manifest_key)
    if dataset_sha256 is None:
        return _without_data(request, now)
    code_sha256 = sha256(code.pack()).hexdigest()
    hyperparameters = merged_hyperparameters(spec, request.hyperparameters)
    past = history.of(spec.name)
    month = [job for job in past if job.created_at >= month_of(now)]
    case = RetrainingCase(
        trigger=request.trigger,
        policy=replace(spec.retrain, cooldown_days=min(spec.retrain.cooldown_days, cooldown_days_max)),
        now=now,
        recipe=job_prefix(spec.name, dataset_sha256, hyperparameters, code_sha256),
        machine=MachineTime(instance_type, 1, time_limit_seconds),
        past=past,
        spent=tuple(history.machine_time(job.name, now) for job in month),
    )
    decision = _decision(request, case, dataset_sha256, code_sha256, now)
    accepted = decision.verdict is Verdict.ACCEPTED
    return Retraining(
        model=spec.name,
        accepted=accepted,
        tell=not accepted and request.trigger.is_cry_for_help and not any(job.running for job in past),
        decision=decision,
        subject_line=refusal_subject(spec.name),
        message=refusal_message(spec.name, request.trigger, decision),
    )


def _published_sha256(objects: ObjectStore, manifest_key: str) -> str | None:
    try:
        manifest = objects.get(manifest_key).content
    except NotFoundError:
        return None
    return parse_document(PublishedData, manifest, manifest_key).sha256


def _without_data(request: RetrainingRequest, now: datetime) -> Retraining:
    decision = decide(
        kind=Kind.RETRAIN_MODEL,
        subject=request.model,
        key=request.request_id,
        gates=(NO_DATA,),
        evidence={"trigger": request.trigger.value, "requested_by": request.requested_by},
        actor=ACTOR,
        made_at=now,
    )
    return Retraining(
        model=request.model,
        accepted=False,
        tell=False,
        decision=decision,
        subject_line=refusal_subject(request.model),
        message=refusal_message(request.model, request.trigger, decision),
    )


def _decision(
    request: RetrainingRequest, case: RetrainingCase, dataset_sha256: str, code_sha256: str, now: datetime
) -> Decision:
    spent = cost_usd(case.spent)
    return decide(
        kind=Kind.RETRAIN_MODEL,
        subject=request.model,
        key=request.request_id,
        gates=retraining_gates(case),
        evidence={
            "trigger": request.trigger.value,
            "requested_by": request.requested_by,
            "dataset_sha256": dataset_sha256,
            "code_sha256": code_sha256,
            "jobs_this_month": len(case.spent),
            "spent_this_month_usd": None if spent is None else float(spent),
            "instance_type": case.machine.instance_type,
        },
        actor=ACTOR,
        made_at=now,
    )
