"""Dates of feeds: the right instant, or none; never a guess."""

import re
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import feedparser  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.news.domain.feed_dates import UNKNOWN, read_date
from tests.places import SHARED

FEEDS = SHARED / "feeds"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Mon, 02 Mar 2026 11:00:00 GMT", "2026-03-02 11:00"),
        ("Mon, 2 Mar 26 11:00 UT", "2026-03-02 11:00"),
        ("2 March 2026 11:00:00 EST", "2026-03-02 16:00"),
        ("Mon, 06 Jul 2026 11:00:00 EDT", "2026-07-06 15:00"),
        ("Mon, 02 Mar 2026 11:00:00 CST", "2026-03-02 17:00"),
        ("Mon, 02 Mar 2026 11:00:00 -0500 (EST)", "2026-03-02 16:00"),
        ("Mon, 02 Mar 2026 11:00:00 +01:00", "2026-03-02 10:00"),
        ("Mon, 02 Mar 2026 11:00:00 GMT-5", "2026-03-02 16:00"),
        ("Mon, 02 Mar 2026 11:00:00 UTC+2", "2026-03-02 09:00"),
        ("Mon Mar 02 2026 11:00:00 GMT+0100 (Central European Standard Time)", "2026-03-02 10:00"),
        ("Mon, 02 Mar 2026 11:00:00 CET", "2026-03-02 10:00"),
        ("Thu, 02 Jul 2026 11:00:00 BST", "2026-07-02 10:00"),
        ("Mon, 02 Mar 2026 11:00:00 AEST", "2026-03-02 01:00"),
        ("Mon, 02 Mar 2026 11:00:00 JST", "2026-03-02 02:00"),
        ("Mon, 02 Mar 2026 11:00 AM EST", "2026-03-02 16:00"),
        ("Mon, 02 Mar 2026 12:30 AM EST", "2026-03-02 05:30"),
        ("Mon, 02 Mar 2026 12:30 p.m. EST", "2026-03-02 17:30"),
        ("Mon, 02 Mar 2026 11:00:00 America/New_York", "2026-03-02 16:00"),
        ("Mon, 06 Jul 2026 11:00:00 ET", "2026-07-06 15:00"),
        ("Mon, 02 Mar 2026 11:00:00 PT", "2026-03-02 19:00"),
        ("Mon, 02 Mar 2026 24:00:00 GMT", "2026-03-03 00:00"),
        ("Mon, 02-Mar-2026 11:00:00 GMT", "2026-03-02 11:00"),
        ("Mon,02 Mar 2026 11:00:00GMT", "2026-03-02 11:00"),
        ("03 Apr 02 1500 GMT", "2002-04-03 15:00"),
        ("March 2nd, 2026 11:00 AM EST", "2026-03-02 16:00"),
        ("Mon Mar  2 11:00:00 EST 2026", "2026-03-02 16:00"),
        ("Lun, 02 mar 2026 11:00:00 +0100", "2026-03-02 10:00"),
        ("mar, 03 mar 2026 11:00:00 +0100", "2026-03-03 10:00"),
        ("Mo, 02 Mrz 2026 11:00:00 +0100", "2026-03-02 10:00"),
        ("2. März 2026 um 11:00 Uhr MEZ", "2026-03-02 10:00"),
        ("lundi 2 février 2026 11h00 CET", "2026-02-02 10:00"),
        ("2 de marzo de 2026 11:00 +0100", "2026-03-02 10:00"),
        ("Пн, 02 мар 2026 11:00:00 +0300", "2026-03-02 08:00"),
        ("2 marca 2026 11:00 CET", "2026-03-02 10:00"),
        ("2026-03-02T11:00:00.123456789Z", "2026-03-02 11:00"),
        ("2026-03-02t11:00z", "2026-03-02 11:00"),
        ("2026-03-02T11:00:00+0100", "2026-03-02 10:00"),
        ("2026-03-02 11:00:00 -0500", "2026-03-02 16:00"),
        ("2026-03-02T11:00:00 EST", "2026-03-02 16:00"),
        ("2026-03-02T11:00:00[Europe/Berlin]", "2026-03-02 10:00"),
        ("20260302T110000Z", "2026-03-02 11:00"),
        ("20260302T1100+01", "2026-03-02 10:00"),
        ("2026/3/29 15:07 +0000", "2026-03-29 15:07"),
        ("29/03/2026 15:07 +0100", "2026-03-29 14:07"),
        ("02.03.2026 11:00 CET", "2026-03-02 10:00"),
        ("Monday, 02/03/2026 11:00 GMT", "2026-03-02 11:00"),
        ("Tuesday, 02/03/2026 11:00 GMT", "2026-02-03 11:00"),
        ("2026年3月2日 11:00 JST", "2026-03-02 02:00"),
        ("2026년 3월 2일 11:00 +0900", "2026-03-02 02:00"),
        ("1772449200", "2026-03-02 11:00"),
        ("1772449200000", "2026-03-02 11:00"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01 00:00"),
    ],
)
def test_a_date_that_states_its_zone_is_read_exactly(text: str, instant: str) -> None:
    assert read_date(text).instant == at(instant)


@pytest.mark.parametrize(
    ("text", "latest"),
    [
        ("2026-03-02", "2026-03-03 12:00"),  # the day's end in the westernmost zone
        ("20260302", "2026-03-03 12:00"),
        ("lundi 2 mars 2026", "2026-03-03 12:00"),
        ("2026年3月2日", "2026-03-03 12:00"),
        ("Mon, 02 Mar 2026 11:00:00", "2026-03-02 23:00"),
        ("2026-03-02T11:00:00", "2026-03-02 23:00"),
        ("2026/3/29 15:07", "2026-03-30 03:07"),
        ("March 2, 2026 11:00 AM", "2026-03-02 23:00"),
        ("02/03/2026 11:00 GMT", "2026-03-02 23:00"),  # the second of March or the third of February
        ("Mon, 02 Mar 2026 11:00:00 IST", "2026-03-02 23:00"),  # India, Ireland or Israel
        ("Mon Mar  2 11:00:00 CST 2026", "2026-03-02 23:00"),  # the United States or China
        ("Mon, 02 Mar 2026 11:00:00 A", "2026-03-02 23:00"),  # RFC 2822: without a meaning
        ("Mon, 02 Mar 2026 11:00:00 XYZ", "2026-03-02 23:00"),
        ("Mon, 02 Mar 2026 11:00:00 +9900", "2026-03-02 23:00"),
        ("Sun, 25 Oct 2026 02:30:00 Europe/Berlin", "2026-10-25 14:30"),  # twice
        ("Sun, 29 Mar 2026 02:30:00 Europe/Berlin", "2026-03-29 14:30"),  # never
    ],
)
def test_an_inexact_date_gives_no_instant_but_the_end_of_what_it_allows(text: str, latest: str) -> None:
    assert read_date(text).instant is None
    assert read_date(text).latest == at(latest)


@pytest.mark.parametrize(
    "text",
    ["", "-", "soon", "2026", "2026-03", "15:07", "Mon, 02 Mar 2026 25:61:00 GMT", "Mon, 31 Feb 2026 11:00:00 GMT",
     "2026-13-01T00:00:00Z", "13/13/2026 11:00", "2 listopad 2026 11:00 CET", "9999-12-31T23:59:59-14:00", "٢ مارس"],
)  # fmt: skip
def test_what_is_no_date_is_unknown(text: str) -> None:
    assert read_date(text) == UNKNOWN


instants = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda instant: instant.replace(microsecond=0)
)


@given(instants, st.integers(-14 * 60, 14 * 60))
def test_any_instant_in_the_standard_formats_is_read_back(instant: datetime, offset_minutes: int) -> None:
    local = instant.astimezone(timezone(timedelta(minutes=offset_minutes)))
    for text in (local.isoformat(), local.isoformat(" "), format_datetime(local), local.strftime("%Y%m%dT%H%M%S%z")):
        assert read_date(text).instant == instant


@given(st.text(max_size=60) | st.from_regex(r"[0-9A-Za-z/:+ ,.年-]{0,40}", fullmatch=True))
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_date(text)


@pytest.mark.skipif(not FEEDS.is_dir(), reason="the shared data are not part of this repository")
def test_no_date_of_the_corpora_is_read_as_another_instant_than_by_feedparser() -> None:
    # Given every date in the recorded feeds
    texts = {text for content in _documents() for text in _DATE.findall(content)}
    read = {text: read_date(text.strip()).instant for text in texts}
    # When feedparser reads it as well
    others = {text: feedparser.datetimes._parse_date(text.strip()) for text in texts}
    both = [text for text in texts if read[text] and others[text]]
    # Then both agree, and of those that feedparser reads only dates without a zone are missing
    assert [text for text in both if read[text].timetuple()[:6] != others[text][:6]] == []  # type: ignore[union-attr]
    missing = {text for text in texts if others[text] and not read[text]}
    assert len(both) > 400
    assert len(missing) <= 3


_DATE = re.compile(r"<(?:\w+:)?(?:pubDate|published|updated|date|issued|modified|created)\b[^>]*>\s*([^<\]]{1,200})")


def _documents() -> Iterator[str]:
    for path in sorted(FEEDS.rglob("*")):
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and (file := archive.extractfile(member)):
                        yield file.read().decode("utf-8", "replace")
        elif path.is_file():
            yield path.read_bytes().decode("utf-8", "replace")
