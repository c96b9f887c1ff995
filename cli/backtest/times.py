"""Dates and times in market files: a bare date is a day, and a time without a zone needs one to be given."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bellwether.shared.domain.errors import InvalidInputError
from cli.problems import CommandError


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


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of this name. Raises CommandError."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CommandError(f"{name} is not a time zone, such as America/New_York or UTC.") from error
