"""Run the probes of every context, update incidents, and return the alerts to send."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from bellwether.operations.domain.incidents import Alert, SentAlert, WatchPolicy, alerts, confirm, follow, probe_failure
from bellwether.operations.ports.incidents import IncidentStore
from bellwether.shared.domain.probes import Check, Finding, Probe
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
    """Run each probe and update the incidents. A probe that fails is a finding itself and does not stop the others."""
    now = clock.now()
    since = now - policy.failure_window
    with store.transaction():
        check = Check(now, watched_since=store.watched_since(), failures_since=since)
        findings: list[Finding] = []
        failed: set[str] = set()
        for probe in probes:
            try:
                findings += [*probe.find(store.rows(probe, failures_since=since), check)]
            except Exception as error:  # noqa: BLE001 - a defect of one probe must not hide the findings of others
                findings.append(probe_failure(probe.key, error))
                failed.add(probe.key)
        incidents = follow(findings, store.incidents(), policy, now, unknown=failed)
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
    """Record which alerts were sent, so that they are not repeated; returns the number of incidents."""
    with store.transaction():
        confirmed = confirm(store.incidents(), sent)
        store.save(confirmed)
    return len(confirmed)
