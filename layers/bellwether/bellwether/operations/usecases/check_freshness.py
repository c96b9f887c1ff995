"""Look whether everything is as fresh as it should be, and whom to tell what."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from bellwether.operations.domain.watch import Alert, Told, WatchPolicy, alerts, confirm, find, follow
from bellwether.operations.ports.watch import Watchtower
from bellwether.shared.ports.clock import Clock


class Confirmation(BaseModel):
    """Alerts that people were told."""

    model_config = ConfigDict(frozen=True)

    confirmed: tuple[Told, ...]


class Watched(BaseModel):
    """What a look came to. Whoever asked tells `alerts` and sends `confirmation`; until then they come again."""

    model_config = ConfigDict(frozen=True)

    alerts: tuple[Alert, ...]
    confirmation: Confirmation
    count: int
    open: int
    heartbeat: int = 1


def check_freshness(*, tower: Watchtower, clock: Clock, policy: WatchPolicy) -> Watched:
    """Find what is wrong, and follow it from its first sight to the all-clear."""
    now = clock.now()
    with tower.transaction():
        findings = find(tower.look(failures_since=now - policy.trouble_window), policy, now)
        incidents = follow(findings, tower.incidents(), policy, now)
        tower.save(incidents)
    untold = alerts(incidents)
    standing = sum(each.closed_at is None for each in incidents)
    return Watched(
        alerts=untold,
        confirmation=Confirmation(
            confirmed=tuple(Told(**each.model_dump(include=set(Told.model_fields))) for each in untold)
        ),
        count=len(untold),
        open=standing,
    )


def confirm_alerts(told: Sequence[Told], *, tower: Watchtower) -> int:
    """Note what people were told, so that it is not told again; returns of how many incidents."""
    with tower.transaction():
        confirmed = confirm(tower.incidents(), told)
        tower.save(confirmed)
    return len(confirmed)
