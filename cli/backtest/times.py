"""Dates and times in market files: a bare date is a day, and a time without a zone needs one to be given.

How days are written is decided from all cells of a file (notations.py).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.notations import DateNotation, decide_dates
from cli.problems import CommandError

FIRST_YEAR = 1792  # the first market day in New York; earlier ones are seconds since 1970 read as a date
SATURDAY = 5
_TIME = re.compile(r"(?P<day>.+?)[T ]+(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)(?P<rest>.*)", re.ASCII)
_TWELVE_HOURS = re.compile(r" ?(?P<half>[AP])M", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, or a whole day where `is_date`. `start`: the instant, or midnight UTC of the day; `day`: as written."""

    day: date
    start: datetime
    end: datetime
    is_date: bool


@dataclass(frozen=True)
class Times:
    """Reads dates and times in ISO format. `zone`: of times without one, and of the end of a bare date."""

    zone: ZoneInfo | None = None

    def read(self, text: str, place: str) -> Moment:
        """Read a date or time. Midnight without a zone is a bare date.

        Raises CommandError for a time without a zone when none is given, and InvalidInputError for text that is no date
        and for a time that the zone's clock shows twice or never.
        """
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidInputError(f"no date: {text[:40]}" if text else "no date") from error
        if found.year < FIRST_YEAR:
            raise InvalidInputError(f"no date: {text[:40]}")
        if found.tzinfo is None and found.time() == time():
            return self._day(found.date())
        if found.tzinfo is None:
            found = self._in_zone(found, text, place)
        return Moment(found.date(), found.astimezone(UTC), found.astimezone(UTC), is_date=False)

    def _day(self, day: date) -> Moment:
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=self.zone or UTC)
        return Moment(day, datetime.combine(day, time(), tzinfo=UTC), end.astimezone(UTC), is_date=True)

    def _in_zone(self, local: datetime, text: str, place: str) -> datetime:
        if self.zone is None:
            raise CommandError(
                f"{place}: the time {text} has no zone. Say which it is, for example --timezone America/New_York "
                "or --timezone UTC."
            )
        first, second = (local.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            raise InvalidInputError(f"clocks in {self.zone.key} show {text} twice or never: write it with its offset")
        return first


NO_ZONE = Times()


def decide_days(cells: Sequence[str], *, today: date) -> tuple[DateNotation, Callable[[str], str]]:
    """How the cells of a file write days, and how to write one of them in ISO format; raises AmbiguousError.

    What is written in no such way is left as it is. Where two orders of day and month are possible, that one holds in
    which no market opens on a weekend or in the future.
    """

    def is_market_day(day: date) -> bool:
        return day.weekday() < SATURDAY and day <= today

    notation = decide_dates((_day_of(cell) for cell in cells), plausible=lambda days: all(map(is_market_day, days)))

    def iso(text: str) -> str:
        day = notation.read(_day_of(text))
        if day is None or text.startswith(day.isoformat()):
            return text
        match = _TIME.fullmatch(text)
        if match is None:
            return day.isoformat()
        return f"{day.isoformat()}T{_clock(match['clock'], match['rest'])}"

    return notation, iso


def _day_of(text: str) -> str:
    match = _TIME.fullmatch(text)
    return match["day"] if match else text


def _clock(clock: str, rest: str) -> str:
    """A time of day in ISO format: of 24 hours, two digits each."""
    hours, _, others = clock.partition(":")
    if match := _TWELVE_HOURS.match(rest):
        hours = str(int(hours) % 12 + (12 if match["half"] in "pP" else 0))
        rest = rest[match.end() :]
    return f"{hours:0>2}:{others}{rest.strip()}"


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of this name. Raises CommandError."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CommandError(f"{name} is not a time zone, such as America/New_York or UTC.") from error
