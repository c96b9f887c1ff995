"""The merged data: merging, revisions, point in time, what is guarded."""

import csv
import io
import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.datasets.domain.dataset import MergedManifest, build_dataset, figure, guard, read_columns
from bellwether.datasets.domain.merged_series import Column, Merged, SeriesMerge, merge_series
from bellwether.datasets.domain.monthly import month_text
from bellwether.datasets.domain.series_descriptions import SeriesDescription
from bellwether.datasets.domain.vintages import Vintage, in_order
from bellwether.models.domain.manifests import DatasetManifest
from bellwether.shared.domain.errors import InvalidInputError
from tests.unit.datasets.builders import JULY, JUNE, a_vintage, month_starts, monthly


def merged_months(*vintages: Vintage, as_of: datetime | None = None, series: str = "UNRATE") -> dict[str, float]:
    column = merge_series(series, vintages, as_of=as_of).column
    return {month_text(month): value for month, value in sorted(column.months.items())} if column else {}


def a_column(values: list[float | None], series: str = "UNRATE", first: str = "2015-01") -> Merged:
    return merge_series(series, [a_vintage(monthly(values, first), series=series)])


def previous(*merged: Merged) -> dict[str, Column]:
    return {each.series: each.column for each in merged if each.column}


# --- merging --------------------------------------------------------------------------------------------------------


def test_the_later_vintage_wins_and_the_earlier_fills_what_it_does_not_speak_of() -> None:
    older = a_vintage(monthly([1.0, 2.0, 3.0]))
    newer = a_vintage(monthly([2.5, 3.5, 4.5], "2015-02"), JULY)
    assert merged_months(older, newer) == {"2015-01": 1.0, "2015-02": 2.5, "2015-03": 3.5, "2015-04": 4.5}


def test_a_figure_that_a_later_vintage_calls_missing_is_withdrawn() -> None:
    older = a_vintage(monthly([1.0, 2.0, 3.0]))
    newer = a_vintage(monthly([1.0, None, 3.0]), JULY)
    assert merged_months(older, newer) == {"2015-01": 1.0, "2015-03": 3.0}


def test_a_rebased_index_is_not_spliced() -> None:
    # Given an index on a new base, which starts a year later than the old one
    old = [50.0 + month for month in range(36)]
    older = a_vintage(monthly(list(old), "2012-01"), series="CPIAUCSL")
    newer = a_vintage(monthly([value * 0.4 for value in old[12:]], "2013-01"), JULY, series="CPIAUCSL")
    merged = merge_series("CPIAUCSL", [older, newer])
    # When they are merged, then nothing of the old base is left, and that is said
    assert merged.column is not None
    assert merged.column.entry.first_month == "2013-01"
    assert [finding.reason for finding in merged.findings] == [
        f"rebased in {newer.name} by a factor of 0.4 over 24 common dates: 12 figures of the old base left out"
    ]


def test_an_ordinary_revision_is_no_change_of_base() -> None:
    older = a_vintage(monthly([50.0 + month for month in range(36)], "2012-01"), series="CPIAUCSL")
    newer = a_vintage(monthly([50.1 + month for month in range(12, 36)], "2013-01"), JULY, series="CPIAUCSL")
    assert len(merged_months(older, newer, series="CPIAUCSL")) == 36


def test_a_daily_series_that_later_comes_as_monthly_means_keeps_its_older_months() -> None:
    # Given a month of weekdays, then the same series by month from March on
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(91)]
    daily = a_vintage({day: 1.0 for day in days if day.weekday() < 5}, series="DFF")
    by_month = a_vintage(dict.fromkeys(month_starts("2020-03", 8), 2.0), JULY, series="DFF")
    assert merged_months(daily, by_month, series="DFF") == {
        "2020-01": 1.0,
        "2020-02": 1.0,
        **{f"2020-{month:02d}": 2.0 for month in range(3, 11)},
    }


def test_an_unknown_series_is_kept_but_left_out_of_training_with_the_way_to_use_it() -> None:
    # Given a trend that the catalogue does not know
    wages: list[float | None] = [10.0 * 1.003**month * (1.001 if month % 7 else 1.0) for month in range(120)]
    # When it is merged
    merged = merge_series("NEWWAGE", [a_vintage(monthly(wages), series="NEWWAGE")])
    # Then its figures are there, training leaves it out, and the reason names a proposal and the file that applies it
    assert merged.column is not None
    assert (merged.column.entry.unit, merged.column.entry.frequency) == ("unknown", "monthly")
    (finding,) = merged.findings
    assert finding.reason == merged.column.entry.left_out
    assert finding.reason.startswith("left out of training: it is not in the catalogue")
    assert "a unit-root test proposes tcode 5 (log difference)" in finding.reason
    assert finding.reason.endswith('add {"NEWWAGE": {"tcode": 5}} to a file series.json in the pack')


def test_a_description_makes_an_unknown_series_an_input_of_training() -> None:
    # Given a description of a series that the catalogue does not know
    fold = SeriesMerge("NEWWAGE")
    fold.add(a_vintage(monthly([1.0, 2.0, 3.0]), series="NEWWAGE"))
    described = SeriesDescription.model_validate({"tcode": 6, "unit": "USD an hour", "publication_lag_months": 0})
    # When it is merged with the description
    merged = fold.merged(described)
    # Then training may use it as described
    assert merged.column is not None
    entry = merged.column.entry
    assert (entry.tcode, entry.unit, entry.publication_lag_months, entry.left_out) == (6, "USD an hour", 0, "")
    assert merged.findings == ()


def test_dates_win_over_a_described_frequency_and_that_is_said() -> None:
    fold = SeriesMerge("NEWTHING")
    fold.add(a_vintage(monthly([1.0] * 12), series="NEWTHING"))
    merged = fold.merged(SeriesDescription.model_validate({"tcode": 1, "frequency": "quarterly"}))
    assert merged.column is not None
    assert merged.column.entry.frequency == "monthly"
    assert [each.reason for each in merged.findings] == [
        "described as quarterly, but its dates are monthly; the dates decide"
    ]


def test_a_described_quarterly_series_without_a_lag_counts_as_late() -> None:
    quarters: dict[date, float | None] = dict.fromkeys(month_starts("2010-01", 48)[::3], 1.0)
    fold = SeriesMerge("NEWQUARTER")
    fold.add(a_vintage(quarters, series="NEWQUARTER"))
    merged = fold.merged(SeriesDescription.model_validate({"tcode": 5}))
    assert merged.column is not None
    assert merged.column.entry.publication_lag_months == 4


def test_the_entry_says_which_series_a_monthly_mean_stands_for() -> None:
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(31)]
    merged = merge_series("DGS10", [a_vintage({day: 2.0 for day in days if day.weekday() < 5}, series="DGS10")])
    assert merged.column is not None
    assert (merged.column.entry.series, merged.column.entry.stands_for) == ("DGS10", "GS10")


def test_the_entry_says_what_the_series_is() -> None:
    vintage = a_vintage(monthly([5.6, None, 5.4]), JULY)
    merged = merge_series("UNRATE", [a_vintage(monthly([5.7])), vintage])
    assert merged.column is not None
    entry = merged.column.entry
    assert (entry.title, entry.unit, entry.tcode, entry.publication_lag_months) == (
        "Unemployment Rate",
        "percent",
        2,
        0,
    )
    assert (entry.first_month, entry.last_month, entry.rows) == ("2015-01", "2015-03", 2)
    assert (entry.vintage, entry.sha256) == (str(vintage.name), vintage.sha256)


# --- point in time --------------------------------------------------------------------------------------------------


VALUES = st.lists(st.floats(0, 50, allow_nan=False) | st.none(), min_size=1, max_size=24).filter(
    lambda values: any(value is not None for value in values)
)
HISTORY = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(["2014-07", "2015-01", "2015-05"]), VALUES), max_size=6
)


@given(HISTORY, st.integers(-1, 401))
def test_nothing_that_was_not_known_then_moves_what_was(
    history: list[tuple[int, str, list[float | None]]], day: int
) -> None:
    """The merge as of a day is the plain merge of that day's vintages, whatever came later."""
    vintages = in_order(a_vintage(monthly(v, first), JUNE + timedelta(days=d)) for d, first, v in history)
    as_of = JUNE + timedelta(days=day)
    known = [vintage for vintage in vintages if vintage.known_at <= as_of]
    assert merged_months(*vintages, as_of=as_of) == merged_months(*known)


@given(HISTORY)
def test_as_of_the_end_of_time_is_the_plain_merge(history: list[tuple[int, str, list[float | None]]]) -> None:
    vintages = in_order(a_vintage(monthly(v, first), JUNE + timedelta(days=d)) for d, first, v in history)
    assert merged_months(*vintages, as_of=datetime(2100, 1, 1, tzinfo=UTC)) == merged_months(*vintages)


@given(HISTORY)
def test_merging_a_vintage_twice_changes_nothing(history: list[tuple[int, str, list[float | None]]]) -> None:
    vintages = in_order(a_vintage(monthly(v, first), JUNE + timedelta(days=d)) for d, first, v in history)
    twice = [vintage for vintage in vintages for _ in range(2)]
    assert merged_months(*vintages) == merged_months(*twice)


@given(HISTORY, st.integers(0, 6))
def test_a_fold_goes_on_where_it_was_left(history: list[tuple[int, str, list[float | None]]], pause: int) -> None:
    vintages = in_order(a_vintage(monthly(v, first), JUNE + timedelta(days=d)) for d, first, v in history)
    whole, part = SeriesMerge("UNRATE"), SeriesMerge("UNRATE")
    for vintage in vintages:
        whole.add(vintage)
    for vintage in vintages[:pause]:
        part.add(vintage)
    part = SeriesMerge.resume("UNRATE", part.state())
    for vintage in vintages[pause:]:
        part.add(vintage)
    assert (part.merged(), part.state()) == (whole.merged(), whole.state())


def test_before_the_first_vintage_nothing_was_known() -> None:
    merged = merge_series("UNRATE", [a_vintage(monthly([1.0]))], as_of=JUNE - timedelta(seconds=1))
    assert merged.column is None
    assert [finding.reason for finding in merged.findings] == ["no vintage was known then"]


# --- files ----------------------------------------------------------------------------------------------------------


def test_the_files_are_those_of_the_contract() -> None:
    # Given two series of different length
    dataset = build_dataset([a_column([3.5, None, 4.4]), a_column([1.0], "PAYEMS", "2015-02")], inputs_sha256="0" * 64)
    # Then the table has month ends, columns by name, empty cells where there is nothing
    assert dataset.csv.decode() == "month,PAYEMS,UNRATE\n2015-01-31,,3.5\n2015-02-28,1,\n2015-03-31,,4.4\n"
    # And the manifest is what the other side reads
    manifest = DatasetManifest.model_validate_json(dataset.manifest_json)
    assert (manifest.rows, manifest.first_month, manifest.last_month) == (3, "2015-01", "2015-03")
    assert [entry.series for entry in manifest.series] == ["PAYEMS", "UNRATE"]
    assert MergedManifest.model_validate_json(dataset.manifest_json) == dataset.manifest


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_numbers_read_back_as_they_were(values: list[float]) -> None:
    assert [float(figure(value)) for value in values] == values
    merged = merge_series("NEWTHING", [a_vintage(monthly(list(values)), series="NEWTHING")])
    dataset = build_dataset([merged], inputs_sha256="")
    assert merged.column is not None
    assert read_columns(dataset.csv, dataset.manifest)["NEWTHING"].months == merged.column.months


def test_the_same_input_gives_the_same_bytes_in_any_order() -> None:
    columns = [a_column([1 / 3, 2 / 3], series) for series in ("UNRATE", "PAYEMS", "HOUST")]
    one, other = (build_dataset(each, inputs_sha256="x") for each in (columns, columns[::-1]))
    assert (one.csv, one.manifest_json) == (other.csv, other.manifest_json)


def test_every_month_has_a_row() -> None:
    dataset = build_dataset([a_column([1.0]), a_column([2.0], "PAYEMS", "2016-03")], inputs_sha256="")
    rows = list(csv.DictReader(io.StringIO(dataset.csv.decode())))
    assert len(rows) == dataset.manifest.rows == 15
    assert rows[13] == {"month": "2016-02-29", "PAYEMS": "", "UNRATE": ""}


def test_no_series_is_no_data() -> None:
    with pytest.raises(InvalidInputError):
        build_dataset([Merged("UNRATE", None)], inputs_sha256="")


def test_data_that_differs_from_its_manifest_is_refused() -> None:
    dataset = build_dataset([a_column([3.5])], inputs_sha256="")
    with pytest.raises(InvalidInputError, match="manifest"):
        read_columns(dataset.csv.replace(b"3.5", b"3.6"), dataset.manifest)


# --- guard ----------------------------------------------------------------------------------------------------------


LONG: list[float | None] = [float(n % 7) for n in range(100)]


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (None, "vanished"),
        (LONG[:50], "shrank from 100 to 50 months"),
        (LONG[:98], "ends in 2023-02, ended in 2023-04"),
    ],
)
def test_a_series_that_vanishes_or_shrinks_keeps_its_column(now: list[float | None] | None, reason: str) -> None:
    # Given good data of two series
    before = previous(a_column(LONG), a_column(LONG, "HOUST"))
    fresh = [a_column([9.0] * 101, "HOUST"), *([a_column(now)] if now else [])]
    # When one of them shrinks
    guarded = {each.series: each for each in guard(before, fresh)}
    # Then its old column is kept, with a finding, and the other goes on
    assert guarded["UNRATE"].column == before["UNRATE"]
    assert [f.reason for f in guarded["UNRATE"].findings] == [f"{reason}; the column before is kept"]
    assert guarded["HOUST"] == fresh[0]


@pytest.mark.parametrize("now", [LONG, LONG[:99], [*LONG, 5.0], [None, *LONG[1:]]])
def test_ordinary_changes_pass(now: list[float | None]) -> None:
    fresh = a_column(now)
    assert guard(previous(a_column(LONG)), [fresh]) == [fresh]


def test_a_person_may_accept_a_shrunken_series() -> None:
    fresh = a_column(LONG[:10])
    assert guard(previous(a_column(LONG)), [fresh], accept=["UNRATE"]) == [fresh]


def test_figures_are_written_short() -> None:
    assert [figure(value) for value in (3.0, 0.1, 1e22, -0.5, 143856.0)] == ["3", "0.1", "1e+22", "-0.5", "143856"]
    assert float(figure(math.nextafter(0.1, 1))) == math.nextafter(0.1, 1)
