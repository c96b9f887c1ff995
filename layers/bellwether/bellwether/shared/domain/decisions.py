"""Decisions: one form for deploying a model, placing a trade, stopping an instance, blocking a deploy."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, ValidationInfo, field_validator

from bellwether.shared.domain.field_types import NonEmptyText

# The check in lower snake case, then its scopes, each after a dot: `market_hours`, `rmse_ratio.random_walk.h3`.
GATE_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)*")
ACTOR_LIMIT = 400
CLAIMED = "claimed: "  # begins an actor whose identity nobody has checked
READ_BACK = {"read_back": True}  # context of validation: old entries keep names that are no longer allowed


class Kind(StrEnum):
    """What a decision is about; the ledger also holds kinds that are no longer made."""

    ACCEPT_CANDIDATE = "accept_candidate"
    ARCHIVE_VERSION = "archive_version"
    CONCLUDE_EXPERIMENT = "conclude_experiment"
    DELETE_ENDPOINT = "delete_endpoint"
    DEPLOY_MODEL = "deploy_model"
    JUDGE_EXPERIMENT = "judge_experiment"
    JUDGE_PROBATION = "judge_probation"
    MONITOR_MODEL = "monitor_model"
    PLACE_TRADE = "place_trade"
    PREDICT_BATCH = "predict_batch"
    RESTORE_VERSION = "restore_version"
    RETRAIN_MODEL = "retrain_model"
    START_EXPERIMENT = "start_experiment"
    TRAIN_MODEL = "train_model"


class Verdict(StrEnum):
    """How a decision came out."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class Gate(BaseModel):
    """One check of a decision: what was seen, what was allowed, whether it passed."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=120)]
    observed: float | int | str | bool | None = None  # a missing one is null: processes may drop nulls
    limit: float | int | str | bool | None = None
    passed: StrictBool
    reason: str = ""

    @field_validator("name")
    @classmethod
    def _follows_the_pattern(cls, name: str, info: ValidationInfo) -> str:
        if info.context != READ_BACK and not GATE_NAME.fullmatch(name):
            raise ValueError("use lower snake case, with each scope after a dot: rmse_ratio.random_walk.h3")
        return name


class Decision(BaseModel):
    """An immutable record of what was decided, on what evidence, and by whom.

    `decision_id` derives from `key`, so that the same decision made twice is one decision.
    """

    model_config = ConfigDict(frozen=True)

    decision_id: UUID
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", max_length=60)]
    subject: Annotated[str, Field(min_length=1, max_length=400)]
    verdict: Verdict
    actor: Annotated[str, Field(min_length=1, max_length=ACTOR_LIMIT)]
    made_at: AwareDatetime
    gates: tuple[Gate, ...] = ()
    evidence: dict[str, Any] = Field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why gates failed, in gate order; empty when all passed."""
        return tuple(
            gate.reason or f"{gate.name}: {gate.observed} (limit {gate.limit})"
            for gate in self.gates
            if not gate.passed
        )


class DecisionRequest(BaseModel):
    """What a decision is made of. `key` is the natural key: same kind, subject and key, same decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    subject: str
    key: NonEmptyText
    gates: Annotated[tuple[Gate, ...], Field(min_length=1)]
    evidence: dict[str, Any]
    actor: str
    made_at: AwareDatetime

    def decide(self) -> Decision:
        """Accept when every gate passed, refuse otherwise."""
        return decide(
            kind=self.kind,
            subject=self.subject,
            key=self.key,
            gates=self.gates,
            evidence=self.evidence,
            actor=self.actor,
            made_at=self.made_at,
        )


def decide(
    *,
    kind: Kind,
    subject: str,
    key: str,
    gates: tuple[Gate, ...],
    evidence: dict[str, Any],
    actor: str,
    made_at: datetime,
) -> Decision:
    """Accept when every gate passed, refuse otherwise. `key` is the natural key: same key, same decision id."""
    return Decision(
        decision_id=decision_id(kind, subject, key),
        kind=kind.value,
        subject=subject,
        verdict=Verdict.ACCEPTED if all(gate.passed for gate in gates) else Verdict.REFUSED,
        actor=actor,
        made_at=made_at.astimezone(UTC),
        gates=gates,
        evidence=evidence,
    )


def decision_id(kind: Kind, subject: str, key: str) -> UUID:
    """Derive the stable id of a decision from its natural key."""
    return uuid5(NAMESPACE_URL, f"bellwether:decision:{kind}:{subject}:{key}")


def claimed(actor: str) -> str:
    """An actor whose identity nobody has checked, as text on one line, marked so; an actor is marked once."""
    text = " ".join("".join(each if each.isprintable() else " " for each in actor).split())
    text = text.removeprefix(CLAIMED).removeprefix(CLAIMED.strip()).strip()
    return f"{CLAIMED}{text or 'unknown'}"[:ACTOR_LIMIT]


def scope(label: str) -> str:
    """A free label as a scope of a gate's name."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "unnamed"


class Outcome(BaseModel):
    """What became of a decision; recorded later, never in place of it."""

    model_config = ConfigDict(frozen=True)

    decision_id: UUID
    status: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", max_length=60)]
    observed_at: AwareDatetime
    details: dict[str, Any] = Field(default_factory=dict)
