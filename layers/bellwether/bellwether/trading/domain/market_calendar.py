"""When the New York Stock Exchange is open, from the table in `market_sessions.py`; UTC, and without pandas.

A closing that was announced after the table was made is not in it: then the market counts as open, no bar comes, and
what is stale stops every recommendation. Outside the table's years every question raises InvalidInputError.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from itertools import batched

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.trading.domain import market_sessions

OPENS = time(9, 30)  # in New York
CLOSES = time(16)
CLOSES_EARLY = time(13)
_STANDARD, _DAYLIGHT = timedelta(hours=5), timedelta(hours=4)  # New York behind UTC
_ONE_DAY = timedelta(days=1)


def _days(text: str) -> tuple[date, ...]:
    return tuple(date.fromisoformat(word) for word in text.split())


FIRST_DAY = date.fromisoformat(market_sessions.FIRST_DAY)
LAST_DAY = date.fromisoformat(market_sessions.LAST_DAY)
_CLOSED = frozenset(_days(market_sessions.CLOSED))
_EARLY = frozenset(_days(market_sessions.EARLY_CLOSES))
_DAYLIGHT_SAVING = tuple(batched(_days(market_sessions.DAYLIGHT_SAVING), 2, strict=True))


@dataclass(frozen=True, slots=True)
class Session:
    """One day's trading: [opens_at, closes_at)."""

    day: date
    opens_at: datetime
    closes_at: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.opens_at <= instant < self.closes_at


@cache
def session_on(day: date) -> Session | None:
    """The session of a day; None on weekends and holidays. Raises InvalidInputError outside the table's years."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise InvalidInputError(
            f"the market calendar goes from {FIRST_DAY} to {LAST_DAY}; samples/make_market_calendar.py makes a new one",
            field=day.isoformat(),
        )
    if day.weekday() >= 5 or day in _CLOSED:
        return None
    behind = _behind_utc(day)
    closes = CLOSES_EARLY if day in _EARLY else CLOSES
    return Session(
        day, datetime.combine(day, OPENS, tzinfo=UTC) + behind, datetime.combine(day, closes, tzinfo=UTC) + behind
    )


def _behind_utc(day: date) -> timedelta:
    place = bisect_right(_DAYLIGHT_SAVING, day, key=lambda span: span[0]) - 1
    return _DAYLIGHT if place >= 0 and day <= _DAYLIGHT_SAVING[place][1] else _STANDARD


class MarketHours(StrEnum):
    """Whose hours of trading hold. ALWAYS is for replays, which run at any hour: each day of UTC is a session."""

    NYSE = "nyse"
    ALWAYS = "always"

    def session_at(self, instant: datetime) -> Session | None:
        """The session that is going on; None while the market is closed."""
        return session_at(instant) if self is MarketHours.NYSE else _whole_day(instant)

    def last_sessions(self, instant: datetime, count: int) -> tuple[Session, ...]:
        """The `count` newest sessions that have opened by this instant, oldest first."""
        if self is MarketHours.NYSE:
            return last_sessions(instant, count)
        return tuple(_whole_day(instant - back * _ONE_DAY) for back in reversed(range(count)))


def _whole_day(instant: datetime) -> Session:
    day = instant.astimezone(UTC).date()
    midnight = datetime.combine(day, time(0), tzinfo=UTC)
    return Session(day, midnight, midnight + _ONE_DAY)


def session_at(instant: datetime) -> Session | None:
    """The session that is going on; None while the market is closed."""
    session = session_on(instant.astimezone(UTC).date())  # a session lies within one day of UTC
    return session if session and instant in session else None


def is_open(instant: datetime) -> bool:
    """Whether there is trading at this instant."""
    return session_at(instant) is not None


def sessions_between(first: date, last: date) -> Iterator[Session]:
    """Sessions of these days, both included, oldest first."""
    day = first
    while day <= last:
        if session := session_on(day):
            yield session
        day += _ONE_DAY


def last_sessions(instant: datetime, count: int) -> tuple[Session, ...]:
    """The `count` newest sessions that have opened by this instant, oldest first."""
    found: list[Session] = []
    day = instant.astimezone(UTC).date()
    while len(found) < count:
        session = session_on(day)
        if session and session.opens_at <= instant:
            found.append(session)
        day -= _ONE_DAY
    return tuple(reversed(found))


def open_time_between(start: datetime, end: datetime) -> timedelta:
    """How much trading time lies between two instants; zero when `end` is not later."""
    if end <= start:
        return timedelta(0)
    sessions = sessions_between(start.astimezone(UTC).date(), end.astimezone(UTC).date())
    spans = (min(end, each.closes_at) - max(start, each.opens_at) for each in sessions)
    return sum((span for span in spans if span > timedelta(0)), timedelta(0))
