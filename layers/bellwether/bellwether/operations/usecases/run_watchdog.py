"""Run every context's probes, follow incidents, and say which alerts are to be sent."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from bellwether.operations.domain.incidents import Alert, SentAlert, WatchPolicy, alerts, confirm, follow
from bellwether.operations.ports.incidents import IncidentStore
from bellwether.shared.domain.probes import Check, Probe
from bellwether.shared.ports.clock import Clock


class Confirmation(BaseModel):
    """Alerts that were sent."""

    model_config = ConfigDict(frozen=True)

    confirmed: tuple[SentAlert, ...]


class WatchdogReport(BaseModel):
    """The result of a run. The caller sends `alerts`, then passes `confirmation` back; until then they are repeated."""

    model_config = ConfigDict(frozen=True)

    alerts: tuple[Alert, ...]
    confirmation: Confirmation
    count: int
    open: int
    heartbeat: int = 1


def run_watchdog(probes: Iterable[Probe], *, store: IncidentStore, clock: Clock, policy: WatchPolicy) -> WatchdogReport:
    """Find what is wrong, and follow each finding until it is over."""
    now = clock.now()
    since = now - policy.failure_window
    with store.transaction():
        check = Check(now, watched_since=store.watched_since(), failures_since=since)
        findings = [
            finding for probe in probes for finding in probe.find(store.rows(probe, failures_since=since), check)
        ]
        incidents = follow(findings, store.incidents(), policy, now)
        store.save(incidents)
    unsent = alerts(incidents)
    return WatchdogReport(
        alerts=unsent,
        confirmation=Confirmation(
            confirmed=tuple(SentAlert(**each.model_dump(include=set(SentAlert.model_fields))) for each in unsent)
        ),
        count=len(unsent),
        open=sum(each.closed_at is None for each in incidents),
    )


def confirm_alerts(sent: Sequence[SentAlert], *, store: IncidentStore) -> int:
    """Note which alerts were sent, so that they are not repeated; returns the number of incidents."""
    with store.transaction():
        confirmed = confirm(store.incidents(), sent)
        store.save(confirmed)
    return len(confirmed)
