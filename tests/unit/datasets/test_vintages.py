"""Vintages: names, order, what counts as new."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.datasets.domain.drop_layout import original_key, quarantine_key
from bellwether.datasets.domain.fred_layout import ORIGINALS, QUARANTINE, parse_vintage_key, stated_day, vintage_key
from bellwether.datasets.domain.vintages import (
    Changes,
    Placement,
    Vintage,
    VintageName,
    compare,
    in_order,
    place,
    read_vintage,
)
from bellwether.shared.domain.errors import InvalidInputError
from tests.unit.datasets.builders import JULY, JUNE, a_vintage, monthly

SECOND = timedelta(seconds=1)


def placed(new: Vintage, *kept: Vintage, by_day: bool = False) -> Placement:
    by_name = {vintage.name: vintage for vintage in kept}
    return place(new, sorted(by_name), by_name.__getitem__, by_day=by_day)


# --- names ----------------------------------------------------------------------------------------------------------


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_a_name_reads_back_and_sorts_by_time(known_at: datetime) -> None:
    name = a_vintage(monthly([1.0, 2.0]), known_at).name
    assert VintageName.parse(str(name)) == name
    assert parse_vintage_key(vintage_key("UNRATE", name)) == ("UNRATE", name)
    later = a_vintage(monthly([1.0, 2.0]), known_at + SECOND).name
    assert str(name) < str(later)


@pytest.mark.parametrize(
    "text",
    ["", "20160629T000000Z", "20160629T000000Z-XYZ", "20161329T000000Z-0123456789ab", "x20160629T000000Z-0123456789ab"],
)
def test_other_text_is_no_name(text: str) -> None:
    with pytest.raises(InvalidInputError):
        VintageName.parse(text)


@pytest.mark.parametrize(
    "key", ["fred-data/vintages/UNRATE/x.csv", "fred-data/vintages/../20160629T000000Z-0123456789ab.csv", "other"]
)
def test_other_keys_are_no_vintages(key: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_vintage_key(key)


def test_a_kept_vintage_reads_back_the_same_and_a_changed_one_is_refused() -> None:
    vintage = a_vintage(monthly([3.5, None, 4.4]))
    assert read_vintage("UNRATE", vintage.name, vintage.content) == vintage
    with pytest.raises(InvalidInputError, match="hash"):
        read_vintage("UNRATE", vintage.name, vintage.content.replace(b"3.5", b"3.6"))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("UNRATE.csv", None),
        ("2016-06-29/UNRATE.csv", date(2016, 6, 29)),
        ("pack/2016-06-29/us/UNRATE.csv", date(2016, 6, 29)),
        ("2016-06-29/2016-07-29/UNRATE.csv", date(2016, 7, 29)),
        ("2016-06-29.csv", None),
        ("2016-13-29/UNRATE.csv", None),
        ("20160629/UNRATE.csv", None),
        ("pack.zip!2016-06-29/UNRATE.csv", date(2016, 6, 29)),
    ],
)
def test_a_folder_may_say_the_day(file: str, expected: date | None) -> None:
    assert stated_day(file) == expected


def test_keys_of_strange_file_names_stay_where_they_belong() -> None:
    key = quarantine_key(QUARANTINE, "a/../..\\ü b?.csv", "0" * 64, date(2024, 3, 1))
    assert key == "fred-data/quarantine/2024-03-01/000000000000-.._b_.csv"
    assert "/" not in original_key(ORIGINALS, "x" * 500 + "/", b"").removeprefix("fred-data/originals/")


# --- order ----------------------------------------------------------------------------------------------------------


def test_within_a_second_the_vintage_that_reaches_further_is_the_later() -> None:
    # Given three downloads of one second, in any order of arrival
    shorter = a_vintage(monthly([1.0, 2.0]))
    longer = a_vintage(monthly([1.5, 2.5, 3.5]))
    fuller = a_vintage({**monthly([1.5, 2.5, 3.5]), **monthly([9.0], "2014-12")})
    for arrival in ([shorter, longer, fuller], [fuller, longer, shorter], [longer, fuller, shorter]):
        assert in_order(arrival) == (shorter, longer, fuller)


@given(st.permutations([JUNE + n * SECOND for n in range(6)]))
def test_order_is_that_of_time_whatever_the_arrival(times: list[datetime]) -> None:
    vintages = [a_vintage(monthly([float(n), 2.0]), time) for n, time in enumerate(times)]
    assert [vintage.known_at for vintage in in_order(vintages)] == sorted(times)


# --- new or not -----------------------------------------------------------------------------------------------------


def test_the_first_vintage_is_new() -> None:
    vintage = a_vintage(monthly([3.5, 3.6]))
    assert placed(vintage) == Placement(vintage, new=True, before=None)


def test_the_same_content_again_is_known_under_its_first_name() -> None:
    first = a_vintage(monthly([3.5, 3.6]))
    again = placed(a_vintage(monthly([3.5, 3.6]), JULY), first)
    assert (again.new, again.vintage.name) == (False, first.name)


def test_figures_that_went_back_to_what_they_were_are_new() -> None:
    # Given a revision that was taken back
    first, revised = a_vintage(monthly([3.5, 3.6])), a_vintage(monthly([3.5, 3.7]), JULY)
    back = a_vintage(monthly([3.5, 3.6]), JULY + SECOND)
    # When the old figures come again, then they are a vintage of their own
    assert placed(back, first, revised) == Placement(back, new=True, before=revised)


def test_a_stale_file_dropped_again_is_not_new() -> None:
    # Given a newer vintage that reaches further
    first, longer = a_vintage(monthly([3.5, 3.6])), a_vintage(monthly([3.5, 3.6, 3.7]), JULY)
    # When the first file is dropped again, then it changes nothing
    again = placed(a_vintage(monthly([3.5, 3.6]), JULY + SECOND), first, longer)
    assert (again.new, again.vintage.name) == (False, first.name)


def test_an_older_vintage_that_arrives_late_finds_its_place() -> None:
    newer = a_vintage(monthly([3.5, 3.7, 3.8]), JULY)
    late = a_vintage(monthly([3.5, 3.6]), JUNE)
    assert placed(late, newer) == Placement(late, new=True, before=None)


def test_the_same_day_and_content_is_known_and_a_correction_of_that_day_comes_after() -> None:
    first = a_vintage(monthly([3.5, 3.6]))
    corrected = a_vintage(monthly([3.5, 9.9]))
    assert not placed(a_vintage(monthly([3.5, 3.6])), first, by_day=True).new
    second = placed(corrected, first, by_day=True)
    assert second.new
    assert second.vintage.known_at == JUNE + SECOND
    assert in_order([second.vintage, first]) == (first, second.vintage)
    # and both again, after it all
    assert not placed(a_vintage(monthly([3.5, 3.6])), first, second.vintage, by_day=True).new
    assert not placed(corrected, first, second.vintage, by_day=True).new


def test_changes_between_vintages() -> None:
    before = a_vintage(monthly([1.0, 2.0, 3.0, None, 5.0]))
    after = a_vintage(monthly([1.0, 2.5, None, 4.0, 5.0, 6.0]), JULY)
    assert compare(before, after) == Changes(added=2, revised=1, withdrawn=1)
    assert compare(None, before) == Changes(added=4, revised=0, withdrawn=0)
    assert compare(before, before) == Changes(added=0, revised=0, withdrawn=0)
