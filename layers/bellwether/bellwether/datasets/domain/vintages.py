"""Vintages: what a series looked like on a day. Kept for good, in one canonical CSV form, named by time and content.

Name: `YYYYMMDDTHHMMSSZ-<first 12 digits of the content's SHA-256>`. The time is when the figures were known: the day
that the pack's folder or ALFRED tells, otherwise the arrival. The text of each figure is kept letter by letter.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from bellwether.datasets.domain.tabular import Observation, SeriesTable
from bellwether.shared.domain.errors import InvalidInputError

_NAME = re.compile(r"(\d{8}T\d{6}Z)-([0-9a-f]{12})", re.ASCII)
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, order=True)
class VintageName:
    """When the figures were known (UTC, whole seconds) and the beginning of their content's SHA-256."""

    known_at: datetime
    content_sha: str

    def __str__(self) -> str:
        return f"{self.known_at.strftime(_TIME_FORMAT)}-{self.content_sha}"

    @classmethod
    def parse(cls, text: str) -> "VintageName":
        """Raises InvalidInputError for anything that `str` of a name does not give."""
        match = _NAME.fullmatch(text)
        try:
            known_at = datetime.strptime(match[1], _TIME_FORMAT).replace(tzinfo=UTC) if match else None
        except ValueError:
            known_at = None
        if match is None or known_at is None:
            raise InvalidInputError("no vintage name", field=text)
        return cls(known_at, match[2])


@dataclass(frozen=True)
class Vintage:
    """One download of one series."""

    series: str
    name: VintageName
    observations: tuple[Observation, ...]

    @property
    def known_at(self) -> datetime:
        """From when on these figures were known."""
        return self.name.known_at

    @cached_property
    def values(self) -> Mapping[date, float | None]:
        """Figures by date; None where the download says that there is none."""
        return {each.day: each.value for each in self.observations}

    @cached_property
    def last_day(self) -> date:
        """The date of the last figure."""
        return max(each.day for each in self.observations if each.value is not None)

    def named(self, name: VintageName) -> "Vintage":
        """The same figures under another name."""
        return Vintage(self.series, name, self.observations)

    @cached_property
    def content(self) -> bytes:
        """The canonical CSV file, header as FRED has it today."""
        return canonical(self.series, self.observations)

    @cached_property
    def sha256(self) -> str:
        """Of `content`."""
        return hashlib.sha256(self.content).hexdigest()


def canonical(series: str, observations: Iterable[Observation]) -> bytes:
    """Two columns, ISO dates ascending, figures as delivered, missing as an empty cell."""
    lines = [f"observation_date,{series}", *(f"{each.day.isoformat()},{each.text}" for each in observations)]
    return ("\n".join(lines) + "\n").encode()


def make_vintage(table: SeriesTable, known_at: datetime) -> Vintage:
    """The vintage of a series as known at that time (aware; cut to the second)."""
    sha = hashlib.sha256(canonical(table.series, table.observations)).hexdigest()
    name = VintageName(known_at.astimezone(UTC).replace(microsecond=0), sha[:12])
    return Vintage(table.series, name, table.observations)


def read_vintage(series: str, name: VintageName, content: bytes) -> Vintage:
    """Read a kept vintage; raises InvalidInputError when its content is not what its name says."""
    if not hashlib.sha256(content).hexdigest().startswith(name.content_sha):
        raise InvalidInputError("the content differs from its hash", field=f"{series}/{name}")
    _, *lines = content.decode().splitlines()
    rows = ((date.fromisoformat(line[:10]), line[11:]) for line in lines)
    return Vintage(series, name, tuple(Observation(day, text, float(text) if text else None) for day, text in rows))


def in_order(vintages: Iterable[Vintage]) -> tuple[Vintage, ...]:
    """Oldest first. Within one second: the one whose figures reach further is the later, then the one with more."""
    return tuple(sorted(vintages, key=lambda each: (each.known_at, each.last_day, len(each.observations), each.sha256)))


def start_of(day: date) -> datetime:
    """Midnight UTC: the time of a vintage that only has a day."""
    return datetime.combine(day, time(), tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a download goes: under which name, whether it tells anything new, and the vintage before it."""

    vintage: Vintage
    new: bool
    before: Vintage | None


def place(
    new: Vintage, kept: Sequence[VintageName], load: Callable[[VintageName], Vintage], *, by_day: bool
) -> Placement:
    """Find a download's place among the kept vintages of its series; `load` reads one of them.

    Nothing new is: the same as the vintage before it; the same as any older vintage while a newer one reaches further
    (a stale file dropped again); with `by_day`, the same as another of that day. Figures that went back to what they
    were are new. With `by_day` (only the day is known) a second, different download of a day comes a second after it.
    """
    twins = [name for name in kept if name.content_sha == new.name.content_sha and name.known_at <= new.known_at]
    if by_day:
        same_day = [name for name in kept if name.known_at.date() == new.known_at.date()]
        twin = next((name for name in same_day if name.content_sha == new.name.content_sha), None)
        if twin:
            return Placement(new.named(twin), new=False, before=None)
        if same_day:
            later = max(name.known_at for name in same_day) + timedelta(seconds=1)
            new = new.named(VintageName(later, new.name.content_sha))
    earlier = [name for name in kept if name.known_at <= new.known_at]
    if not earlier:
        return Placement(new, new=True, before=None)
    latest = max(name.known_at for name in earlier)
    before = in_order(load(name) for name in earlier if name.known_at == latest)[-1]
    known = before.name.content_sha == new.name.content_sha or (twins and before.last_day > new.last_day)
    if known:
        return Placement(new.named(max(twins)), new=False, before=before)
    return Placement(new, new=True, before=before)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a vintage changed against the one before."""

    added: int
    revised: int
    withdrawn: int


def compare(before: Vintage | None, after: Vintage) -> Changes:
    """Count new, changed and withdrawn figures. A figure that `after` has no row for is left alone, not withdrawn."""
    old = before.values if before else {}
    new = after.values
    return Changes(
        added=sum(value is not None and old.get(day) is None for day, value in new.items()),
        revised=sum(value is not None and old.get(day) is not None and value != old[day] for day, value in new.items()),
        withdrawn=sum(value is None and old.get(day) is not None for day, value in new.items()),
    )
