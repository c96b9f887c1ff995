"""Incidents of the watchdog: from a finding to its alerts. Pure.

An incident sends one alert when it opens, one when it lasts, and one when it is over.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.shared.domain.probes import Finding, duration_text

SUBJECT_LENGTH = 100  # SNS takes no more, and ASCII only


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPolicy:
    """When an incident escalates and when it closes."""

    escalate_after: timedelta = timedelta(hours=2)
    clear_after: timedelta = timedelta(minutes=9)  # two runs without it, so that a flickering finding is one incident
    failure_window: timedelta = timedelta(hours=1)


class Stage(StrEnum):
    """Stage of an incident; each stage sends one alert."""

    OPENED = "opened"
    ESCALATED = "escalated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Incident:
    """A finding from its first detection to the all-clear."""

    incident_key: str
    opened_at: datetime
    last_seen_at: datetime
    subject: str
    message: str
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    notified_stage: Stage | None = None

    @property
    def stage(self) -> Stage:
        if self.closed_at is not None:
            return Stage.CLOSED
        return Stage.ESCALATED if self.escalated_at is not None else Stage.OPENED


class SentAlert(BaseModel):
    """An alert that was sent: stage and incident."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Stage
    incident_key: Annotated[str, Field(min_length=1, max_length=200)]
    opened_at: AwareDatetime


class Alert(SentAlert):
    """One mail."""

    subject: Annotated[str, Field(max_length=SUBJECT_LENGTH, pattern=r"^[ -~]+$")]
    message: str


def probe_failure(key: str, error: Exception) -> Finding:
    """The finding for a probe that could not be run."""
    return Finding(
        f"probe:{key}",
        f"Probe {key} of the watchdog fails",
        f"The watchdog could not run its probe {key}: {type(error).__name__}: {error}\n"
        "What it checks is unknown until the probe works again.",
    )


def follow(
    findings: Iterable[Finding],
    incidents: Iterable[Incident],
    policy: WatchPolicy,
    now: datetime,
    *,
    unknown: Collection[str] = (),
) -> tuple[Incident, ...]:
    """The incidents after this run, new ones included.

    Incidents of a probe whose key is in `unknown` stay as they are; their key is the probe's, or begins with `<key>:`.
    """
    found = {finding.incident_key: finding for finding in findings}
    known = tuple(incidents)
    standing = {each.incident_key for each in known if each.closed_at is None}
    return (
        *(
            each if _is_unknown(each.incident_key, unknown) else _seen(each, found.get(each.incident_key), policy, now)
            for each in known
        ),
        *(
            Incident(key, opened_at=now, last_seen_at=now, subject=finding.subject, message=finding.message)
            for key, finding in found.items()
            if key not in standing
        ),
    )


def _is_unknown(incident_key: str, unknown: Collection[str]) -> bool:
    return any(incident_key == key or incident_key.startswith(f"{key}:") for key in unknown)


def _seen(incident: Incident, finding: Finding | None, policy: WatchPolicy, now: datetime) -> Incident:
    if incident.closed_at is not None:
        return incident
    if finding is None:
        return replace(incident, closed_at=now) if now - incident.last_seen_at >= policy.clear_after else incident
    lasts = now - incident.opened_at >= policy.escalate_after
    return replace(
        incident,
        last_seen_at=now,
        subject=finding.subject,
        message=finding.message,
        escalated_at=incident.escalated_at or (now if lasts else None),
    )


def alerts(incidents: Iterable[Incident]) -> tuple[Alert, ...]:
    """Alerts that are not confirmed yet, ordered by the time their incident opened."""
    pending = (each for each in incidents if each.notified_stage is not each.stage)
    return tuple(_alert(each) for each in sorted(pending, key=lambda each: (each.opened_at, each.incident_key)))


_LEADS = {Stage.OPENED: "Bellwether: ", Stage.ESCALATED: "Bellwether, still: ", Stage.CLOSED: "Bellwether, all clear: "}


def _alert(incident: Incident) -> Alert:
    lasted = (incident.closed_at or incident.last_seen_at) - incident.opened_at
    subject = (_LEADS[incident.stage] + incident.subject).encode("ascii", "replace").decode()
    state = "Over" if incident.stage is Stage.CLOSED else "Open"
    return Alert(
        kind=incident.stage,
        incident_key=incident.incident_key,
        opened_at=incident.opened_at,
        subject=subject[:SUBJECT_LENGTH],
        message=f"{incident.message}\n\nIncident {incident.incident_key}, since "
        f"{incident.opened_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC. {state} after {duration_text(lasted)}.\n"
        "What to do: RUNBOOK, Alerts of the watchdog.",
    )


def confirm(incidents: Iterable[Incident], sent: Iterable[SentAlert]) -> tuple[Incident, ...]:
    """The incidents whose alert was sent, with the stage recorded."""
    stages = {(each.incident_key, each.opened_at): each.kind for each in sent}
    return tuple(
        replace(each, notified_stage=stages[each.incident_key, each.opened_at])
        for each in incidents
        if (each.incident_key, each.opened_at) in stages
    )
