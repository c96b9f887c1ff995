"""Dates of feeds: the instant that a text states, or none. Nothing is assumed that the text does not say.

Formats: RFC 822 and its variants (month names in other languages, month first, `asctime`, Java), ISO 8601 with
separators and without, `Y/M/D`, `D.M.Y`, `D/M/Y` where the weekday or a number above 12 decides, Chinese, Japanese and
Korean dates, seconds and milliseconds since 1970. Zones: offsets, IANA names, and abbreviations with one meaning; `IST`
(India, Ireland, Israel) has three. A text without a time or without a zone states no instant, only an interval: its end
tells whether the date is in the past.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


@dataclass(frozen=True, slots=True)
class FeedDate:
    """`instant`: what the text states exactly; `latest`: the end of the interval that it allows."""

    instant: datetime | None = None
    latest: datetime | None = None


UNKNOWN = FeedDate()

_MONTHS_BY_LANGUAGE = """
january february march april may june july august september october november december
jan feb mar apr may jun jul aug sep oct nov dec
- - - - - - - - sept - - -
januar februar märz april mai juni juli august september oktober november dezember
jän feber mrz - - - - - - okt - dez
jänner - maerz - - - - - - - - -
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
janv févr - avr - - juil - - - - déc
- fév - - - - juill aou - - - -
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
ene - - abr - - - ago setiembre - - dic
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
gen - - - mag giu lug - set ott - -
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
- fev - - - - - - - out - dez
januari februari maart april mei juni juli augustus september oktober november december
- - mrt - - - - - - - - -
januari februari mars april maj juni juli augusti september oktober november december
januar februar marts april maj juni juli august september oktober november december
- - - - - - - - - - - des
- - - - - - - - - - - desember
tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta - - - - - -
- - - - - - heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta
stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października - grudnia
sty lut - kwi - cze lip sie wrz paź - gru
ledna února března dubna května června července srpna září října - prosince
január február március április május június július augusztus szeptember október november december
января февраля марта апреля мая июня июля августа сентября октября ноября декабря
янв фев мар апр май июн июл авг сен окт ноя дек
- - - - - - - - сент - нояб -
січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
oca şub - nis - haz tem ağu eyl eki kas ara
ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου
"""
_WEEKDAYS_BY_LANGUAGE = """
monday tuesday wednesday thursday friday saturday sunday
mon tue wed thu fri sat sun
montag dienstag mittwoch donnerstag freitag samstag sonntag
lundi mardi mercredi jeudi vendredi samedi dimanche
lunes martes miércoles jueves viernes sábado domingo
"""

_OFFSET_HOURS = {
    name: hours
    for hours, names in {
        0: "z ut utc gmt wet",
        1: "west bst cet mez",
        2: "cest mesz eet sast",
        3: "eest idt msk trt",
        5: "pkt",
        7: "ict wib",
        8: "hkt sgt awst",
        9: "jst kst",
        9.5: "acst",
        10: "aest",
        10.5: "acdt",
        11: "aedt",
        12: "nzst",
        13: "nzdt",
        -2.5: "ndt",
        -3: "brt art adt",
        -3.5: "nst",
        -4: "edt",
        -5: "est cdt",
        -6: "mdt",
        -7: "mst pdt",
        -8: "pst akdt",
        -9: "akst",
        -10: "hst",
    }.items()
    for name in names.split()
}
_RFC_822_HOURS = {"cst": -6}
"""RFC 822 defines it as US time; elsewhere it is also China's."""
_REGIONS = {"et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver", "pt": "America/Los_Angeles"}
_WESTERNMOST, _LONGEST_DAY = timedelta(hours=12), timedelta(days=1)

_WORD = r"[^\W\d_]+"
_TIME = (
    r"(?P<hour>\d{1,2})[:.h時时](?P<minute>\d{2})(?:[:.分](?P<second>\d{2})(?:[.,]\d{1,12})?)?[分秒]?"
    r"(?:\s*(?P<half>[ap])\.?m\.?(?![^\W\d_]))?"
)
_WEEKDAY = rf"(?:(?P<weekday>{_WORD})(?:\.?,\s*|\.?\s+))?"
_ZONE = r"\s*(?P<zone>\S.*)?"
_TIME_AND_ZONE = rf"(?:(?:[\sT,]+|\s+-\s+){_TIME}{_ZONE}|\s*(?P<bare_zone>[Zz]|[+-]\d\d:?\d\d)?)"
_PATTERNS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"(?P<year>\d{{4}})([-/.])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){_TIME_AND_ZONE}",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
        rf"(?:T(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?P<second>\d{{2}})?(?:[.,]\d{{1,12}})?{_ZONE})?",
        rf"(?P<year>\d{{4}})[年년]\s*(?P<month>\d{{1,2}})[月월]\s*(?P<day>\d{{1,2}})[日일](?:\s*{_TIME}{_ZONE})?",
        rf"{_WEEKDAY}(?P<one>\d{{1,2}})(?P<mark>[/.-])(?P<two>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_TIME_AND_ZONE}",
        # Mon, 02 Mar 2026 11:00:00 GMT
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?[\s-]+(?P<name>{_WORD})\.?,?[\s-]+"
        rf"(?P<year>\d{{4}}|\d{{2}}){_TIME_AND_ZONE}",
        # March 2, 2026 11:00 AM
        rf"{_WEEKDAY}(?P<name>{_WORD})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}}){_TIME_AND_ZONE}",
        # Mon Mar  2 11:00:00 EST 2026
        rf"(?P<weekday>{_WORD})\s+(?P<name>{_WORD})\s+(?P<day>\d{{1,2}})\s+{_TIME}\s+"
        r"(?:(?P<java_zone>[^\s\d]\S*)\s+)?(?P<year>\d{4})",
        # 02 Mar 26 1500 GMT
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})\s+(?P<name>{_WORD})\s+(?P<year>\d{{4}}|\d{{2}})\s+"
        rf"(?P<hour>\d{{2}})(?P<minute>\d{{2}}){_ZONE}",
    )
)
_COMMENT = re.compile(r"\s*\([^()]*\)\s*$")
_FILLER = re.compile(r"\s+(?:de|del|d'|at|um|kl\.?|à|às|alle|a las|г\.?,?)\s+", re.I)
_CLOCK_WORD = re.compile(r"(?<=\d)\s*(?:uhr|hrs|hs)\b\.?", re.I)
_OFFSET = re.compile(r"(?:gmt|utc|z)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?", re.I)
_EPOCH = re.compile(r"\d{10}(?:\d{3})?")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def _table(text: str) -> dict[str, int]:
    """Names to numbers from 1; a name with two meanings is left out."""
    found: dict[str, int] = {}
    twice = set()
    for line in text.split("\n"):
        for number, name in enumerate(line.split(), start=1):
            key = _folded(name)
            if name != "-" and found.setdefault(key, number) != number:
                twice.add(key)
    return {name: number for name, number in found.items() if name not in twice}


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


_MONTHS = _table(_MONTHS_BY_LANGUAGE)
_WEEKDAYS = _table(_WEEKDAYS_BY_LANGUAGE)


def read_date(text: str) -> FeedDate:
    """Read a date as a feed writes it."""
    text = " ".join(unicodedata.normalize("NFKC", _INVISIBLE.sub("", text[:200])).split())
    text = _FILLER.sub(" ", _CLOCK_WORD.sub("", _COMMENT.sub("", text)))
    if _EPOCH.fullmatch(text):
        seconds = int(text) / (1000 if len(text) == 13 else 1)
        instant = datetime.fromtimestamp(seconds, UTC)
        return FeedDate(instant, instant)
    for pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            parts = {name: value for name, value in match.groupdict().items() if value is not None}
            with suppress(ValueError, OverflowError):
                return _read(parts)
    return UNKNOWN


def _read(parts: dict[str, str]) -> FeedDate:
    """Raises ValueError for what is not a date or no time."""
    days = list(_days(parts))
    if not days:
        raise ValueError("no such day")
    if "hour" not in parts:
        return FeedDate(latest=_end(max(days)))
    clock, next_day = _clock(parts)
    local = [datetime.combine(day, clock) + timedelta(days=next_day) for day in days]
    zone = _zone(parts)
    latest = (max(local) + _WESTERNMOST).replace(tzinfo=UTC)
    if len(local) > 1 or zone is None:
        return FeedDate(latest=latest)
    (moment,) = local
    early, late = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():  # the hour of a change of the clock: twice, or never
        return FeedDate(latest=latest)
    instant = early.astimezone(UTC)
    return FeedDate(instant, instant)


def _end(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + _LONGEST_DAY + _WESTERNMOST


def _days(parts: dict[str, str]) -> Iterator[date]:
    """The days that the text can mean. A number above 12, a full stop or the weekday decides which is the month."""
    year = int(parts["year"])
    if len(parts["year"]) == 2:  # RFC 2822, 4.3
        year += 2000 if year < 50 else 1900
    if "name" in parts:
        month = _MONTHS.get(_folded(parts["name"]))
        if month is None:
            raise ValueError("no such month")
        yield date(year, month, int(parts["day"]))
    elif "one" not in parts:
        yield date(year, int(parts["month"]), int(parts["day"]))
    else:
        one, two = int(parts["one"]), int(parts["two"])
        orders = {(one, two)} if parts["mark"] == "." else {(one, two), (two, one)}
        found = {date(year, month, day) for day, month in orders if month <= 12}
        weekday = _WEEKDAYS.get(_folded(parts.get("weekday", "")))
        right = {day for day in found if day.isoweekday() == weekday}
        yield from sorted(right or found)


def _clock(parts: dict[str, str]) -> tuple[time, int]:
    """The time of day, and 1 for midnight at the end of the day."""
    hour, minute, second = int(parts["hour"]), int(parts["minute"]), int(parts.get("second", 0))
    if half := parts.get("half"):
        if hour > 12 or hour == 0:
            half = ""  # 13:02 PM: the hour is already of 24
        elif half.lower() == "p":
            hour = hour % 12 + 12
        else:
            hour %= 12
    second = 59 if second == 60 else second  # a leap second
    if (hour, minute, second) == (24, 0, 0):
        return time(), 1
    return time(hour, minute, second), 0


def _zone(parts: dict[str, str]) -> tzinfo | None:
    """The zone, None when the text names none or one with several meanings."""
    text = (parts.get("java_zone") or parts.get("zone") or "").strip()
    if match := _OFFSET.fullmatch(text):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if int(match[3] or 0) > 59 or minutes > 14 * 60:
            return None
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    name = text.casefold()
    hours = _OFFSET_HOURS.get(name)
    if hours is None and "java_zone" not in parts:
        hours = _RFC_822_HOURS.get(name)
    if hours is not None:
        return timezone(timedelta(hours=hours))
    region = _REGIONS.get(name) or _regions().get(name.strip("[]"))
    with suppress(ZoneInfoNotFoundError):
        return ZoneInfo(region) if region else None
    return None


@lru_cache(maxsize=1)
def _regions() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if "/" in name}
