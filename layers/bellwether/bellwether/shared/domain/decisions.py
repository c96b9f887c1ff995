"""Decisions: one form for deploying a model, placing a trade, stopping an instance, blocking a deploy."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Verdict(StrEnum):
    """How a decision came out."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class Gate(BaseModel):
    """One check of a decision: what was seen, what was allowed, whether it passed."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=120)]
    observed: float | int | str | bool | None
    limit: float | int | str | bool | None
    passed: bool
    reason: str = ""


class Decision(BaseModel):
    """An immutable record of what was decided, on what evidence, and by whom.

    `decision_id` derives from `key`, so that the same decision made twice is one decision.
    """

    model_config = ConfigDict(frozen=True)

    decision_id: UUID
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", max_length=60)]
    subject: Annotated[str, Field(min_length=1, max_length=400)]
    verdict: Verdict
    actor: Annotated[str, Field(min_length=1, max_length=400)]
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


def decide(
    *,
    kind: str,
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
        kind=kind,
        subject=subject,
        verdict=Verdict.ACCEPTED if all(gate.passed for gate in gates) else Verdict.REFUSED,
        actor=actor,
        made_at=made_at.astimezone(UTC),
        gates=gates,
        evidence=evidence,
    )


def decision_id(kind: str, subject: str, key: str) -> UUID:
    """Derive the stable id of a decision from its natural key."""
    return uuid5(NAMESPACE_URL, f"bellwether:decision:{kind}:{subject}:{key}")


class Outcome(BaseModel):
    """What became of a decision; recorded later, never in place of it."""

    model_config = ConfigDict(frozen=True)

    decision_id: UUID
    status: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$", max_length=60)]
    observed_at: AwareDatetime
    details: dict[str, Any] = Field(default_factory=dict)
