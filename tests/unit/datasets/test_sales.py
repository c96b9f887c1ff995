"""Reading and merging house sales: known layouts, hostile files, duplicates and corrections."""

import gzip
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.datasets.domain import sales as domain
from bellwether.datasets.domain.sales import (
    SalesReading,
    actuals_of,
    build_sales,
    merge,
    read_kept,
    read_sales,
)
from bellwether.datasets.domain.sales_layouts import (
    AMES,
    CANBERRA,
    HDB,
    KING_COUNTY,
    LAYOUTS,
    SalesLayout,
    parse_schema,
)
from bellwether.shared.domain.errors import InvalidInputError
from tests.places import SAMPLES, SHARED

SAMPLE = SAMPLES / "housing"
FOLDER = SHARED / "housing"
TODAY = date(2026, 3, 1)
HEADER = "datesold,postcode,price,propertyType,bedrooms"
GOOD = "2007-02-07,2607,525000,house,4"
SCHEMA = b"""{"layout": "homes", "columns": [
 {"name": "house", "role": "id", "fill": "unknown"}, {"name": "sold", "role": "date"},
 {"name": "paid", "role": "price", "unit": "EUR"}, {"name": "town", "role": "category"},
 {"name": "size", "role": "number", "unit": "square metres", "minimum": 10, "maximum": 900, "monotone": 1}]}"""
HOMES = parse_schema(SCHEMA, "homes.schema.json")


def read(*rows: str, header: str = HEADER, layouts: Sequence[SalesLayout] = LAYOUTS) -> SalesReading:
    return read_sales("\n".join([header, *rows, ""]).encode(), layouts=layouts, received_on=TODAY)


def homes(*rows: str) -> SalesReading:
    return read(*rows, header="house,sold,paid,town,size", layouts=[HOMES])


def told(reading: SalesReading) -> list[tuple[int | None, str, str]]:
    return [(each.line, each.field, each.reason) for each in reading.rejections]


# --- layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.name)
def test_a_layout_is_known_by_its_header_whatever_the_order_and_the_rest(layout: SalesLayout) -> None:
    names = [column.name for column in reversed(layout.columns)]
    reading = read(",".join(["1"] * (len(names) + 1)), header=",".join([*names, "remarks"]))
    assert reading.layout == layout
    assert reading.unused == ("remarks",)


@pytest.mark.parametrize(
    ("file", "layout", "rows", "days"),
    [
        ("king_county_sales_2014_2015.csv.gz", KING_COUNTY, 21_612, ("2014-05-02", "2015-05-27")),
        ("canberra_sales_2007_2019.csv.gz", CANBERRA, 29_580, ("2007-02-07", "2019-07-27")),
        ("hdb_resale_2015_2016.csv.gz", HDB, 37_153, ("2015-01-01", "2016-12-01")),
    ],
)
def test_files_as_they_are_published_are_read_to_the_last_row(
    file: str, layout: SalesLayout, rows: int, days: tuple[str, str]
) -> None:
    if not (FOLDER / file).exists():
        pytest.skip("the file is not here")
    reading = read_sales(gzip.decompress((FOLDER / file).read_bytes()), layouts=LAYOUTS, received_on=TODAY)
    assert (reading.layout, len(reading.sales), reading.rejections) == (layout, rows, ())
    dataset = build_sales("housing", layout, merge(layout, (), reading.sales).sales, ())
    assert (dataset.manifest.rows, dataset.manifest.first_day, dataset.manifest.last_day) == (rows, *days)


def test_the_sample_is_read_to_the_last_row_and_makes_one_dataset() -> None:
    files = [read_sales(path.read_bytes(), layouts=LAYOUTS, received_on=TODAY) for path in sorted(SAMPLE.glob("*.csv"))]
    assert {(each.layout, each.unused, each.rejections) for each in files} == {(AMES, (), ())}
    sold: tuple[domain.Cells, ...] = ()
    for each in files:
        sold = merge(AMES, sold, each.sales).sales
    manifest = build_sales("housing", AMES, sold, ()).manifest
    assert (manifest.rows, manifest.first_day, manifest.last_day) == (2_930, "2006-01-01", "2010-07-01")


def test_an_unknown_layout_is_told_what_the_nearest_one_has_more() -> None:
    reading = read("x", header="datesold,postcode,price,propertyType")
    ((line, field, reason),) = told(reading)
    assert (line, field) == (1, "header")
    assert "canberra comes nearest but lacks bedrooms" in reason
    assert "<name>.schema.json" in reason


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ((b'"role": "price", "unit": "EUR"', b'"role": "number"'), "0 columns have the role 'price'"),
        ((b'"role": "id"', b'"role": "date"'), "2 columns have the role 'date'"),
        ((b'"name": "town"', b'"name": "size"'), "column 'size' comes twice"),
        ((b'"role": "category"', b'"role": "latitude"'), "latitude and longitude"),
        ((b'"role": "date"', b'"role": "date", "fill": "unknown"'), "can't be unknown"),
        ((b'"role": "number"', b'"role": "category"'), "no column has the role 'number'"),
        ((b'"layout": "homes"', b'"layout": "../x"'), "homes.schema.json layout"),
        ((b'"monotone": 1', b'"monotone": 2'), "homes.schema.json columns 4 monotone"),
        ((b"{", b""), "homes.schema.json"),
    ],
)
def test_a_description_that_can_t_be_used_names_its_place(change: tuple[bytes, bytes], place: str) -> None:
    with pytest.raises(InvalidInputError, match=place.replace("(", r"\(")):
        parse_schema(SCHEMA.replace(*change, 1), "homes.schema.json")


# --- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20141013T000000", "2014-10-13"),
        ("20141013", "2014-10-13"),
        ("2014-10-13", "2014-10-13"),
        ("2014-10-13 00:00:00", "2014-10-13"),
        ("2014-10-13T11:30:00Z", "2014-10-13"),
        ("2015-01", "2015-01-01"),
        ("2/17/2007", "2007-02-17"),
        ("2/17/2007 0:00", "2007-02-17"),
        ("17/2/2007", "2007-02-17"),
        ("17.02.2007", "2007-02-17"),
        ("2/2/2007", "2007-02-02"),
    ],
)
def test_days_in_their_spellings(text: str, day: str) -> None:
    assert [sale[0] for sale in read(f"{text},2607,525000,house,4").sales] == [day]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2/7/2007", "can be read as month/day/year and as day/month/year"),
        ("2/7/07", "leaves the century open"),
        ("2014-13-01", "is not a date"),
        ("20140230T000000", "is not a date"),
        ("2014", "is not a date"),
        ("41925", "is not a date"),
        ("٢٠١٤-١٠-١٣", "is not a date"),
        ("", "is empty"),
    ],
)
def test_what_is_no_day_or_can_be_two_is_refused(text: str, reason: str) -> None:
    reading = read(f"{text},2607,525000,house,4")
    assert reading.sales == ()
    assert [reason in why for _, _, why in told(reading)] == [True]


def test_all_rows_decide_how_days_and_prices_are_written_and_it_is_said() -> None:
    # Given a file as European spreadsheets write it: days first, decimal commas, semicolons
    rows = ["03/02/2007;2607;525.000,50;house;4", "17/02/2007;2607;1.210.000,00;house;3"]
    reading = read(*rows, header=HEADER.replace(",", ";"))
    # Then days and prices are right, and both decisions are named
    assert [(sale[0], sale[1]) for sale in reading.sales] == [("2007-02-03", "525000.5"), ("2007-02-17", "1210000")]
    assert reading.rejections == ()
    assert [note.partition(":")[0] for note in reading.assumptions] == ["datesold", "price"]


def test_groups_of_thousands_are_told_by_what_a_price_can_be() -> None:
    reading = read('2007-02-07,2607,"525,000",house,4', '2007-02-08,2607,"610,500",house,4')
    assert [sale[1] for sale in reading.sales] == ["525000", "610500"]


def test_the_first_of_each_month_is_told_from_the_first_days_of_january() -> None:
    rows = [f"01/{month:02d}/2015,2607,525000,house,4" for month in range(1, 13)]
    assert [sale[0][:7] for sale in read(*rows).sales] == [f"2015-{month:02d}" for month in range(1, 13)]


TWELVE = [f"2007-{month:02d}-07,{2600 + month},{500_000 + 1_000 * month},house,4" for month in range(1, 13)]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (lambda price: price / 1_000, "price", "most figures are like 501, not 1000 to 1e+08 AUD: another unit?"),
        (lambda price: price / 400, "price", "prices are around 1266.25 AUD"),
        (lambda price: price * 100, "price", "prices are around 5.065e+07 AUD"),
        (lambda price: f"{price:.2E}", "price", "'5.01E+05' is rounded, as spreadsheets write numbers"),
    ],
)
def test_prices_in_another_unit_refuse_the_file_and_not_only_some_rows(
    change: Callable[[float], object], field: str, reason: str
) -> None:
    rows = [row.split(",") for row in TWELVE]
    reading = read(*(",".join([row[0], row[1], str(change(float(row[2]))), *row[3:]]) for row in rows))
    assert reading.sales == ()
    ((line, observed, why),) = told(reading)
    assert (line, observed) == (1, field)
    assert reason in why


def test_prices_under_the_header_of_another_column_refuse_the_file() -> None:
    reading = read(*TWELVE, header="datesold,price,postcode,propertyType,bedrooms")
    assert reading.sales == ()
    assert "thousands, cents or another column?" in told(reading)[0][2]


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ([f"2007-{day}-06" for day in range(1, 29)], "writes year, day, month ('2007-13-06')"),
        ([f"{year}-01-{month:02d}" for year in (2006, 2007) for month in range(1, 13)], "writes year, day, month"),
    ],
)
def test_day_and_month_exchanged_refuse_the_file(days: Sequence[str], reason: str) -> None:
    reading = read(*(f"{day},2607,525000,house,4" for day in days))
    assert reading.sales == ()
    assert reason in told(reading)[0][2]


def test_numbers_of_places_that_pandas_wrote_with_a_fraction_are_the_same_places() -> None:
    reading = read("2007-02-07,2607.0,525000.0,house,4.0", "2007-02-08,2602.0,290000.0,unit,2.0")
    assert [sale[2] for sale in reading.sales] == ["2607", "2602"]
    assert reading.assumptions == ("postcode: whole numbers are read without their fraction (.0)",)


def test_a_sale_is_kept_in_one_form() -> None:
    reading = read('"2/17/2007 0:00", 2607 ,"525000.00",  town   house ,4.0')
    assert reading.sales == (("2007-02-17", "525000", "2607", "town house", "4"),)
    assert reading.rejections == ()


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("2007-02-30,2607,525000,house,4", "datesold", "'2007-02-30' is not a date"),
        ("2026-03-02,2607,525000,house,4", "datesold", "2026-03-02 lies in the future"),
        ("1700-01-01,2607,525000,house,4", "datesold", "1700-01-01 is before 1800"),
        ("2007-02-07,2607,,house,4", "price", "is empty"),
        ("2007-02-07,2607,$525000,house,4", "price", "'$525000' is not a number"),
        ("2007-02-07,2607,-1,house,4", "price", "'-1' is not a price"),
        ("2007-02-07,2607,0,house,4", "price", "'0' is not a price"),
        ("2007-02-07,2607,525,house,4", "price", "not plausible: 1000 to 1e+08 AUD"),
        ("2007-02-07,2607,1e999,house,4", "price", "out of range"),
        ("2007-02-07,2607,inf,house,4", "price", "'inf' is not a number"),
        ("2007-02-07,2607,525000,house,400", "bedrooms", "not plausible: 0 to 60 rooms"),
        ("2007-02-07,2607,525000,house,NaN", "bedrooms", "is empty"),
        (f"2007-02-07,2607,525000,{'x' * 101},4", "propertyType", "longer than 100 characters"),
        ("2007-02-07,2607,525000,house", "row", "4 cells where the header has 5"),
        ("2007-02-07,2607,525000,house,4,surplus", "row", "6 cells where the header has 5"),
        ('2007-02-07,2607,525000,"house,4', "row", "quotes don't match"),
    ],
)
def test_a_bad_row_is_told_by_line_and_field_and_the_rest_goes_on(row: str, field: str, reason: str) -> None:
    reading = read(GOOD, row, GOOD.replace("4", "3"))
    assert [sale[-1] for sale in reading.sales] == ["4", "3"]
    ((line, observed, why),) = told(reading)
    assert (line, observed) == (3, field)
    assert reason in why


def test_an_id_that_a_spreadsheet_has_rounded_names_no_house() -> None:
    reading = homes("7.1293E+09,2014-10-13,221900,A,110", ",2014-10-13,221900,A,110")
    assert [(each[0], each[1]) for each in told(reading)] == [(2, "house")]
    assert reading.sales == (("", "2014-10-13", "221900", "A", "110"),)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"\xff\xfeh\x00", "UTF-16"),
        (b"PK\x03\x04\x00", "binary"),
        (b"caf\xe9,x\n", "not UTF-8 at byte 3"),
        (b"<html><body>Forbidden</body></html>", "a web page"),
        (b",,,\n,,\n", "nothing but commas"),
        (f"{GOOD}\n{GOOD}\n".encode(), "no header row"),
        (f"{HEADER},price\n{GOOD},1\n".encode(), "column 'price' comes twice"),
        (f"{HEADER}\n".encode(), "no sales"),
        (f"{HEADER}\n2/17/2007,2607,525000,house,4\n13/2/2007,2607,525000,house,4\n".encode(), "written in two ways"),
    ],
)
def test_a_bad_file_is_refused_whole(content: bytes, reason: str) -> None:
    reading = read_sales(content, layouts=LAYOUTS, received_on=TODAY)
    assert reading.sales == ()
    ((_, _, why),) = told(reading)
    assert reason in why


def test_windows_and_old_macs_end_lines_otherwise() -> None:
    for end in ("\r\n", "\r"):
        content = f"\ufeff{HEADER}{end}{GOOD}{end}".encode()
        assert len(read_sales(content, layouts=LAYOUTS, received_on=TODAY).sales) == 1


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "MAX_SALES", 2)
    reading = read(*[GOOD] * 4)
    assert len(reading.sales) == 2
    assert told(reading) == [(4, "file", "more than 2 rows; those from here on are left out")]
    with pytest.raises(InvalidInputError, match="3 sales"):
        build_sales("housing", CANBERRA, read(GOOD).sales * 3, ())


@given(st.binary(max_size=400))
def test_no_bytes_whatever_make_it_fail(content: bytes) -> None:
    reading = read_sales(content, layouts=LAYOUTS, received_on=TODAY)
    assert reading.sales or reading.rejections


@given(st.text(max_size=300))
def test_no_text_under_a_good_header_makes_it_fail(text: str) -> None:
    reading = read_sales(f"{HEADER}\n{text}".encode(errors="replace"), layouts=LAYOUTS, received_on=TODAY)
    assert reading.sales or reading.rejections


# --- merging ---------------------------------------------------------------------------------------------------------

FIRST = homes("1,2014-10-13,221900,A,110", "1,2015-02-25,538000,A,110", "2,2014-10-13,180000,B,80")


def test_the_same_file_twice_changes_nothing() -> None:
    once = merge(HOMES, (), FIRST.sales)
    twice = merge(HOMES, once.sales, FIRST.sales)
    assert twice.sales == once.sales
    assert (len(once.added), twice.added, twice.corrected, twice.repeated) == (3, (), (), 3)


def test_files_that_overlap_add_what_is_new() -> None:
    second = homes("2,2014-10-13,180000,B,80", "3,2015-03-01,200000,B,85")
    merged = merge(HOMES, FIRST.sales, second.sales)
    assert (len(merged.sales), len(merged.added), merged.repeated) == (4, 1, 1)
    assert [sale[1] for sale in merged.sales] == sorted(sale[1] for sale in merged.sales)


def test_a_corrected_price_replaces_the_first_and_is_noted() -> None:
    merged = merge(HOMES, FIRST.sales, homes("2,2014-10-13,185000,B,80").sales)
    assert len(merged.sales) == 3
    (correction,) = merged.corrections
    assert (correction.house, correction.before, correction.after) == ("2", "180000", "185000")
    assert merged.corrected == (("2", "2014-10-13", "185000", "B", "80"),)


def test_within_a_file_the_later_line_stands_and_the_earlier_is_told() -> None:
    reading = homes("2,2014-10-13,180000,B,80", "2,2014-10-13,185000,B,80", "2,2014-10-13,185000,B,80")
    assert reading.sales == (("2", "2014-10-13", "185000", "B", "80"),)
    assert told(reading) == [(2, "row", "2 on 2014-10-13 comes again on line 3, which stands")]


def test_without_an_id_equal_sales_are_as_many_as_the_file_has_that_has_most() -> None:
    # Given two flats that differ in nothing that the file tells
    pair = read(GOOD, GOOD).sales
    # Then both are kept, however often files that overlap bring them
    merged = merge(CANBERRA, pair, read(GOOD).sales)
    assert (len(merged.sales), merged.repeated) == (2, 1)
    assert len(merge(CANBERRA, merged.sales, read(GOOD, GOOD, GOOD).sales).sales) == 3


rows = st.tuples(st.sampled_from(["", "1", "2"]), st.sampled_from(["2014-10-13", "2015-01-01"]), st.integers(1, 3))
files = st.lists(rows, max_size=8).map(lambda sold: homes(*(f"{h},{d},{p}000,A,50" for h, d, p in sold)).sales)


@given(files, files)
def test_merging_again_changes_nothing_and_loses_nothing(
    first: Sequence[domain.Cells], second: list[domain.Cells]
) -> None:
    both = merge(HOMES, merge(HOMES, (), first).sales, second).sales
    assert merge(HOMES, both, second).sales == both
    assert {(sale[0], sale[1]) for sale in (*first, *second)} == {(sale[0], sale[1]) for sale in both}
    assert set(second) <= set(both)


@given(files.filter(bool))
def test_the_dataset_is_read_back_as_it_was_written(sold: list[domain.Cells]) -> None:
    merged = merge(HOMES, (), sold).sales
    dataset = build_sales("housing", HOMES, merged, ())
    assert read_kept(dataset.csv, dataset.manifest.sales_layout) == merged


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"house,sold,paid,town,size\n1,2\n", b'house,"', b"\xff"])
def test_data_that_were_not_written_here_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read_kept(content, HOMES)


# --- what came true --------------------------------------------------------------------------------------------------


def test_a_sale_with_an_id_is_what_came_true_for_its_house() -> None:
    sold = homes("1,2014-10-13,221900,A,110", ",2014-10-14,180000,B,80").sales
    received = datetime(2014, 10, 20, tzinfo=UTC)
    (actual,) = actuals_of(HOMES, sold, model="housing", received_at=received, source="x.csv")
    assert (actual.join_key, actual.value, actual.observed_at.date()) == ("1", 221900.0, date(2014, 10, 13))


def test_a_correction_is_observed_after_what_it_corrects_and_before_the_next_sale() -> None:
    first, later = datetime(2014, 10, 20, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    sold = homes("1,2014-10-13,221900,A,110").sales
    (known,) = actuals_of(HOMES, sold, model="housing", received_at=first, source="z.csv")
    (corrected,) = actuals_of(HOMES, sold, model="housing", received_at=later, source="a.csv")
    assert known.observed_at < corrected.observed_at < datetime(2014, 10, 14, tzinfo=UTC)
