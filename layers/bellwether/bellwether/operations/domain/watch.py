"""The watchdog's judgement: what is stale, behind or broken, and when people are told of it.

Pure. An incident is told once when it opens, once more when it lasts, and once when it is over.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain.book import RUNNING, Control
from bellwether.trading.domain.market_calendar import MarketHours, open_time_between

SUBJECT_LENGTH = 100  # SNS takes no more, and ASCII only

# --- what is looked at ------------------------------------------------------------------------------------------------


class Table(StrEnum):
    """Tables with an expectation of their own."""

    FEEDS = "feed_state"
    STORIES = "inbound_events_raw"
    LABELS = "inbound_events_classified"
    BARS = "lane_telemetry"
    RECOMMENDATIONS = "dispatch_recommendations"
    EXECUTIONS = "dispatch_executions"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the watchdog sees. `newest`: where something has to arrive; `oldest`: where work waits to be done."""

    watched_since: datetime
    newest: Mapping[Table, datetime] = field(default_factory=dict)
    oldest: Mapping[Table, datetime] = field(default_factory=dict)
    waiting: Mapping[Table, int] = field(default_factory=dict)
    feeds: int = 0
    feeds_failing: int = 0
    stories_set_aside: int = 0
    orders_in_trouble: int = 0
    last_trouble: str = ""
    control: Control = RUNNING


@dataclass(frozen=True, slots=True)
class Expectation:
    """How long nothing new, or something waiting, is normal. `trading`: time counts while the market is open only."""

    limit: timedelta
    what: str
    trading: bool = False


ARRIVES: Mapping[Table, Expectation] = {
    Table.FEEDS: Expectation(timedelta(minutes=20), "no feed was read"),
    Table.STORIES: Expectation(timedelta(hours=12), "no story came in"),
    Table.BARS: Expectation(timedelta(minutes=25), "no bar came in, in trading time", trading=True),
}
IS_DONE: Mapping[Table, Expectation] = {
    Table.LABELS: Expectation(timedelta(minutes=45), "the oldest story waits to be classified"),
    Table.RECOMMENDATIONS: Expectation(timedelta(minutes=10), "the oldest recommendation waits for the gates"),
    Table.EXECUTIONS: Expectation(timedelta(minutes=20), "the oldest approved order has no end"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPolicy:
    """When a finding becomes an alert again, and when it is over."""

    escalate_after: timedelta = timedelta(hours=2)
    clear_after: timedelta = timedelta(minutes=9)  # two looks without it: what flickers is one incident
    trouble_window: timedelta = timedelta(hours=1)
    market_hours: MarketHours = MarketHours.NYSE
    arrives: Mapping[Table, Expectation] = field(default_factory=lambda: ARRIVES)
    is_done: Mapping[Table, Expectation] = field(default_factory=lambda: IS_DONE)


# --- findings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. Findings of one key belong to one incident."""

    incident_key: str
    subject: str
    message: str


def find(sighting: Sighting, policy: WatchPolicy, now: datetime) -> tuple[Finding, ...]:
    """Everything that is wrong at this instant."""
    return (
        *_stale(sighting, policy, now),
        *_behind(sighting, policy, now),
        *_broken(sighting, policy),
        *_halted(sighting),
    )


def _stale(sighting: Sighting, policy: WatchPolicy, now: datetime) -> Iterator[Finding]:
    for table, expected in policy.arrives.items():
        if table in (Table.FEEDS, Table.STORIES) and not sighting.feeds:
            continue  # nothing is configured that could arrive
        newest = sighting.newest.get(table)
        trading = expected.trading and policy.market_hours is MarketHours.NYSE
        age = _age(newest or sighting.watched_since, now, trading=trading)
        if age > expected.limit:
            yield Finding(
                f"stale:{table}",
                f"{table} is stale: {expected.what} for {_told(age)}",
                f"In {table} {expected.what} for {_told(age)}; {_told(expected.limit)} is normal. "
                f"The newest is of {newest.isoformat() if newest else 'never'}.",
            )


def _behind(sighting: Sighting, policy: WatchPolicy, now: datetime) -> Iterator[Finding]:
    for table, expected in policy.is_done.items():
        oldest = sighting.oldest.get(table)
        age = now - oldest if oldest else timedelta(0)
        if age > expected.limit:
            yield Finding(
                f"backlog:{table}",
                f"Backlog: {expected.what}, for {_told(age)}",
                f"{sighting.waiting.get(table, 1)} wait before {table}: {expected.what}, for {_told(age)}; "
                f"{_told(expected.limit)} is normal.",
            )


def _broken(sighting: Sighting, policy: WatchPolicy) -> Iterator[Finding]:
    if sighting.orders_in_trouble:
        yield Finding(
            "failed:dispatch_executions",
            f"{sighting.orders_in_trouble} order(s) failed or stayed unclear",
            f"{sighting.orders_in_trouble} order(s) failed or stayed unclear within {_told(policy.trouble_window)}. "
            f"The latest: {sighting.last_trouble or 'no reason was given'}",
        )
    if sighting.feeds_failing and sighting.feeds_failing * 2 >= sighting.feeds:
        yield Finding(
            "failed:feed_state",
            f"{sighting.feeds_failing} of {sighting.feeds} feeds fail",
            f"{sighting.feeds_failing} of {sighting.feeds} feeds have failed several times in a row; "
            "feed_state.last_error says why.",
        )
    if sighting.stories_set_aside:
        yield Finding(
            "failed:inbound_events_classified",
            f"{sighting.stories_set_aside} story(s) set aside",
            f"{sighting.stories_set_aside} story(s) could not be classified within {_told(policy.trouble_window)} and "
            "were set aside; inbound_events_raw.set_aside_reason says why.",
        )


def _halted(sighting: Sighting) -> Iterator[Finding]:
    control = sighting.control
    if control.halted:
        yield Finding(
            "kill_switch:manual",
            "Dispatching is halted",
            f"{control.actor} halted dispatching at {control.changed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: "
            f"{control.reason}",
        )


def _age(since: datetime, now: datetime, *, trading: bool) -> timedelta:
    if not trading:
        return now - since
    try:
        return open_time_between(since, now)
    except InvalidInputError:  # beyond the calendar: time is time
        return now - since


def _told(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


# --- incidents -------------------------------------------------------------------------------------------------------


class Stage(StrEnum):
    """How far an incident got, and what people were told of it."""

    OPENED = "opened"
    ESCALATED = "escalated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Incident:
    """A finding from its first sight to the all-clear."""

    incident_key: str
    opened_at: datetime
    last_seen_at: datetime
    subject: str
    message: str
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    told: Stage | None = None

    @property
    def stage(self) -> Stage:
        if self.closed_at is not None:
            return Stage.CLOSED
        return Stage.ESCALATED if self.escalated_at is not None else Stage.OPENED


class Told(BaseModel):
    """That people were told of an incident's stage."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Stage
    incident_key: Annotated[str, Field(min_length=1, max_length=200)]
    opened_at: AwareDatetime


class Alert(Told):
    """What people are told: one mail each."""

    subject: Annotated[str, Field(max_length=SUBJECT_LENGTH, pattern=r"^[ -~]+$")]
    message: str


def follow(
    findings: Iterable[Finding], incidents: Iterable[Incident], policy: WatchPolicy, now: datetime
) -> tuple[Incident, ...]:
    """The incidents as they are after this look, new ones included."""
    found = {finding.incident_key: finding for finding in findings}
    known = tuple(incidents)
    standing = {each.incident_key for each in known if each.closed_at is None}
    return (
        *(_seen(each, found.get(each.incident_key), policy, now) for each in known),
        *(
            Incident(key, opened_at=now, last_seen_at=now, subject=finding.subject, message=finding.message)
            for key, finding in found.items()
            if key not in standing
        ),
    )


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
    """What is still to be told, in the order in which it opened."""
    untold = (each for each in incidents if each.told is not each.stage)
    return tuple(_alert(each) for each in sorted(untold, key=lambda each: (each.opened_at, each.incident_key)))


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
        f"{incident.opened_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC. {state} after {_told(lasted)}.\n"
        "What to do: RUNBOOK, Alerts of the watchdog.",
    )


def confirm(incidents: Iterable[Incident], told: Iterable[Told]) -> tuple[Incident, ...]:
    """The incidents of which people were told something, with that noted."""
    stages = {(each.incident_key, each.opened_at): each.kind for each in told}
    return tuple(
        replace(each, told=stages[each.incident_key, each.opened_at])
        for each in incidents
        if (each.incident_key, each.opened_at) in stages
    )
