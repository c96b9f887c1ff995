"""Make trading/domain/market_sessions.py: when the New York Stock Exchange was and will be open.

The library `exchange_calendars` (in the group `dev`) knows it, but brings pandas along, which is too heavy for a
function; what it says fits into some fifty lines. Run once a year, and after an unplanned closing:

    uv run python samples/make_market_calendar.py
"""

import warnings
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars  # type: ignore[import-untyped]

EXCHANGE = "XNYS"
FIRST_YEAR, LAST_YEAR = 2000, 2032
NEW_YORK = ZoneInfo("America/New_York")
STANDARD_OFFSET = timedelta(hours=-5)
REGULAR_OPEN = time(9, 30)
TARGET = Path(__file__).parents[1] / "layers/bellwether/bellwether/trading/domain/market_sessions.py"


def main() -> None:
    """Write the module."""
    TARGET.write_text(module_text(), encoding="utf-8")
    print(f"{TARGET}: {FIRST_YEAR} to {LAST_YEAR}")


def module_text() -> str:
    """The whole module; raises ValueError when the calendar has something that its form can't say."""
    first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
    opened = library_sessions(first, last)
    days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    closed = [day for day in days if day.weekday() < 5 and day not in opened]
    if any(day.weekday() >= 5 for day in opened):
        raise ValueError("there is a session at a weekend")
    return "\n".join(
        [
            '"""Made by samples/make_market_calendar.py from exchange_calendars '
            f'{exchange_calendars.__version__}: sessions of {EXCHANGE}. Not to be edited."""',
            "",
            f'EXCHANGE = "{EXCHANGE}"',
            f'FIRST_DAY, LAST_DAY = "{first}", "{last}"',
            "",
            "# weekdays without a session",
            *_block("CLOSED", closed),
            "",
            "# sessions that end at 13:00 in New York",
            *_block("EARLY_CLOSES", _early_closes(opened)),
            "",
            "# first and last day of daylight saving time",
            *_block("DAYLIGHT_SAVING", _daylight_saving(days)),
            "",
        ]
    )


@cache
def library_sessions(first: date, last: date) -> Mapping[date, tuple[datetime, datetime]]:
    """Open and close of each session, by its day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library asks of pandas in a way that pandas is giving up
        calendar = exchange_calendars.get_calendar(EXCHANGE, start=first.isoformat(), end=last.isoformat())
        rows = calendar.schedule.itertuples()
        return {row.Index.date(): (row.open.to_pydatetime(), row.close.to_pydatetime()) for row in rows}


def _block(name: str, days: Iterable[date]) -> Iterable[str]:
    yield f'{name} = """'
    for _, of_year in groupby(days, key=lambda day: day.year):
        line = "   "
        for day in of_year:
            if len(line) > 105:
                yield line
                line = "   "
            line += f" {day}"
        yield line
    yield '"""'


def _early_closes(opened: Mapping[date, tuple[datetime, datetime]]) -> Iterable[date]:
    for day, instants in opened.items():
        opens, closes = (instant.astimezone(NEW_YORK).time() for instant in instants)
        if opens != REGULAR_OPEN or closes.hour not in (13, 16) or closes.minute:
            raise ValueError(f"a session of another form on {day}: {opens} to {closes}")
        if closes.hour == 13:
            yield day


def _daylight_saving(days: Iterable[date]) -> Iterable[date]:
    """By the offset at noon; clocks change in the night to a Sunday."""
    noons = ((day, datetime(day.year, day.month, day.day, 12, tzinfo=NEW_YORK).utcoffset()) for day in days)
    for (yesterday, before), (today, after) in pairwise(noons):
        if before == after:
            continue
        yield today if before == STANDARD_OFFSET else yesterday


if __name__ == "__main__":
    main()
