"""Reading FRED's CSV files, good and bad."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.datasets.domain import tabular
from bellwether.datasets.domain.tabular import SeriesTable, TableReading, read_table
from bellwether.shared.domain import delimited
from bellwether.shared.domain.delimited import Rejection

RECEIVED = date(2024, 3, 1)


def read(content: str | bytes, file_name: str = "UNRATE.csv") -> TableReading:
    data = content.encode() if isinstance(content, str) else content
    return read_table(data, file_name=file_name, received_on=RECEIVED)


def values(table: SeriesTable) -> dict[str, float | None]:
    return {each.day.isoformat(): each.value for each in table.observations}


JANUARY_AND_MARCH = {"2020-01-01": 3.5, "2020-02-01": None, "2020-03-01": 4.4}


@pytest.mark.parametrize(
    "content",
    [
        "DATE,UNRATE\n2020-01-01,3.5\n2020-02-01,.\n2020-03-01,4.4\n",
        "observation_date,UNRATE\n2020-01-01,3.5\n2020-02-01,\n2020-03-01,4.4\n",
        "DATE,UNRATE\r\n2020-01-01,3.5\r\n2020-02-01,NaN\r\n2020-03-01,4.4",
        "\ufeffDATE,UNRATE\n2020-01-01,3.5\n2020-02-01,#N/A\n2020-03-01,4.4\n",
        '"DATE","UNRATE"\n"2020-01-01","3.5"\n"2020-02-01","."\n"2020-03-01","4.4"\n',
        "\n\nDATE,UNRATE\n\n2020-01-01,3.5\n2020-02-01,\n,,\n2020-03-01,4.4\n\n",
        "DATE,UNRATE,\n2020-01-01,3.5,\n2020-02-01,.,\n2020-03-01,4.4,,\n",
        "date,unrate\n1/1/2020,3.5\n2/1/2020,null\n03/01/2020,4.4\n",
        " DATE , UNRATE \n 2020-01-01 , 3.5 \n 2020-02-01 , . \n 2020-03-01 , 4.4 \n",
        "DATE,VALUE\n2020-01-01,3.5\n2020-02-01,.\n2020-03-01,4.4\n",
        "DATE,UNRATE\n2020-03-01,4.4\n2020-01-01,3.5\n2020-02-01,.\n",
        "DATE,UNRATE\r2020-01-01,+3.5\r2020-02-01,n/a\r2020-03-01,4.4e0\r",
    ],
    ids=[
        "older header",
        "newer header",
        "CRLF, no last line end",
        "BOM",
        "quotes",
        "blank lines",
        "trailing commas",
        "US dates, lower case",
        "spaces",
        "value column named by its file",
        "out of order",
        "CR only, signs, exponents",
    ],
)
def test_each_accepted_form_gives_the_same_figures(content: str) -> None:
    reading = read(content)
    assert [table.series for table in reading.tables] == ["UNRATE"]
    assert values(reading.tables[0]) == JANUARY_AND_MARCH
    assert reading.rejections == ()


def test_the_text_of_a_figure_is_kept_letter_by_letter() -> None:
    table = read("DATE,DFF\n1954-07-01,0.79935483870967741935\n1954-08-01,1.20\n").tables[0]
    assert [each.text for each in table.observations] == ["0.79935483870967741935", "1.20"]


def test_wide_files_hold_many_series_and_a_blank_in_them_says_nothing() -> None:
    # Given a wide file with a quarterly series among monthly ones
    reading = read("observation_date,UNRATE,GDPC1\n2020-01-01,3.5,19000\n2020-02-01,3.5,\n2020-03-01,4.4,\n")
    # When it is read, then each series has its own dates
    assert {table.series: len(table.observations) for table in reading.tables} == {"UNRATE": 3, "GDPC1": 1}
    assert reading.rejections == ()


def test_fred_md_files_are_read_without_their_transformation_row() -> None:
    reading = read("sasdate,RPI,S&P 500,CLAIMSx\nTransform:,5,5,5\n1/1/1959,2583.56,55.6,291425\n2/1/1959,2593.6,,\n")
    assert [table.series for table in reading.tables] == ["RPI", "CLAIMSx"]
    assert reading.rejections == (Rejection(1, "'S&P 500'", "no series identifier (letters, digits, underscore)"),)


def test_vintage_columns_of_alfred_say_when_they_were_known() -> None:
    reading = read("observation_date,UNRATE_20160603,UNRATE_20160708\n2016-04-01,5.0,5.0\n2016-05-01,4.7,4.7\n")
    assert [(table.series, table.known_on) for table in reading.tables] == [
        ("UNRATE", date(2016, 6, 3)),
        ("UNRATE", date(2016, 7, 8)),
    ]


# --- rows that can't be used ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("2020-02-30,3.5", "DATE", "'2020-02-30' is not a date (YYYY-MM-DD is expected)"),
        ("1/1/85,7.3", "DATE", "'1/1/85' is not a date (YYYY-MM-DD is expected)"),
        ("13/1/2020,3.5", "DATE", "'13/1/2020' is not a date (YYYY-MM-DD is expected)"),
        (",3.5", "DATE", "'' is not a date (YYYY-MM-DD is expected)"),
        ("Total,3.5", "DATE", "'Total' is not a date (YYYY-MM-DD is expected)"),
        ("0001-01-01,3.5", "DATE", "'0001-01-01' is not a date (YYYY-MM-DD is expected)"),
        ("2031-01-01,3.5", "UNRATE", "2031-01-01 lies in the future"),
        ("2020-02-01,three", "UNRATE", "'three' is not a number"),
        ("2020-02-01,inf", "UNRATE", "'inf' is not a number"),
        ("2020-02-01,1e999", "UNRATE", "'1e999' is out of range"),
        ("2020-02-01,1_0", "UNRATE", "'1_0' is not a number"),
        ("2020-02-01,0x1p3", "UNRATE", "'0x1p3' is not a number"),
        ("2020-02-01,٣", "UNRATE", "'٣' is not a number"),
        ('2020-02-01,"3,5"', "UNRATE", "'3,5' is not a number"),
        ("2020-02-01,-3.5", "UNRATE", "'-3.5' is not plausible: 0 to 50 percent is expected"),
        ("2020-02-01,350", "UNRATE", "'350' is not plausible: 0 to 50 percent is expected"),
        ("2020-02-01,3.5,9", "row", "3 cells where the header has 2"),
        ("2020-02-01", "row", "1 cells where the header has 2"),
        ('2020-02-01,"3.5', "row", "quotes don't match"),
        ("2020-02-01," + "9" * 200_000, "row", "a line of more than 100000 characters"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_rest_goes_on(row: str, field: str, reason: str) -> None:
    # Given a file with one bad row between good ones, after a blank line
    reading = read(f"DATE,UNRATE\n\n2020-01-01,3.5\n{row}\n2020-03-01,4.4\n")
    # When it is read, then the bad row is named by its line in the file, and the good ones are there
    assert reading.rejections == (Rejection(4, field, reason),)
    assert values(reading.tables[0]) == {"2020-01-01": 3.5, "2020-03-01": 4.4}


def test_a_bad_cell_of_a_wide_file_leaves_the_other_series_alone() -> None:
    reading = read("DATE,UNRATE,PAYEMS\n2020-01-01,3.5,152000\n2020-02-01,bad,152300\n2020-03-01,4.4,150900\n")
    assert {table.series: len(table.observations) for table in reading.tables} == {"UNRATE": 2, "PAYEMS": 3}
    assert reading.rejections == (Rejection(3, "UNRATE", "'bad' is not a number"),)


def test_the_same_row_twice_counts_once() -> None:
    reading = read("DATE,UNRATE\n2020-01-01,3.5\n2020-01-01,3.50\n2020-01-01,.\n")
    assert values(reading.tables[0]) == {"2020-01-01": 3.5}
    assert (reading.rejections, reading.duplicates) == ((), 2)


def test_of_two_values_for_one_date_the_later_line_stands() -> None:
    # Given a correction appended to a file
    reading = read("DATE,UNRATE\n2020-01-01,3.5\n2020-02-01,3.5\n2020-01-01,3.6\n")
    # When it is read, then it stands, and the earlier line is named
    assert values(reading.tables[0]) == {"2020-01-01": 3.6, "2020-02-01": 3.5}
    assert reading.rejections == (
        Rejection(2, "UNRATE", "2020-01-01 has '3.5' here and '3.6' on line 4, which stands"),
    )


def test_an_unknown_series_may_reach_some_years_ahead_but_not_to_the_end_of_time() -> None:
    reading = read("DATE,GDPPOT\n2030-01-01,24800\n2030-04-01,25000\n2030-07-01,25200\n9999-01-01,1\n")
    assert values(reading.tables[0]) == {"2030-01-01": 24800, "2030-04-01": 25000, "2030-07-01": 25200}
    assert [each.line for each in reading.rejections] == [5]


# --- files that can't be used ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "rejection"),
    [
        (b"", Rejection(None, "file", "an empty file")),
        (b"\xef\xbb\xbf \r\n\n", Rejection(None, "file", "an empty file")),
        (b",,,\n,,,\n", Rejection(None, "file", "nothing but commas")),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", Rejection(None, "file", "a binary file; CSV text is expected")),
        ("DATE,UNRATE\n".encode("utf-16"), Rejection(None, "file", "encoded as UTF-16; UTF-8 is expected")),
        (b"DATE,UNRATE\n2020-01-01,3.5\n2020-02-01,3\xb75\n", Rejection(3, "file", "not UTF-8 at byte 39")),
        (b"<!DOCTYPE html>\n<html>", Rejection(1, "file", "a web page or XML; CSV is expected")),
        (b"2020-01-01,3.5\n2020-02-01,3.5\n", Rejection(1, "header", "no header row: the first line is a data row")),
        (
            b"Series;Wert\n1;2\n",
            Rejection(1, "header", "the first column is 'Series'; DATE or observation_date is expected"),
        ),
        (b"DATE\n2020-01-01\n", Rejection(1, "header", "no series column beside the date")),
        (b"DATE,UNRATE\n", Rejection(None, "UNRATE", "no values")),
        (b"DATE,UNRATE\n2020-01-01,.\n2020-02-01,\n", Rejection(None, "UNRATE", "no values")),
        (b'"DATE,UNRATE\n2020-01-01,1\n', Rejection(1, "row", "quotes don't match")),
        (
            b"DATE,ANNUAL\n2019-01-01,1\n2020-01-01,2\n2021-01-01,3\n",
            Rejection(None, "ANNUAL", "neither daily, weekly, monthly nor quarterly, by its dates"),
        ),
        (
            b"DATE,../../x\n2020-01-01,1\n",
            Rejection(1, "'../../x'", "no series identifier (letters, digits, underscore)"),
        ),
    ],
)
def test_an_unusable_file_is_named_with_the_reason(content: bytes, rejection: Rejection) -> None:
    reading = read(content)
    assert reading.tables == ()
    assert reading.rejections == (rejection,)


def test_a_column_that_comes_twice_counts_once() -> None:
    reading = read("DATE,UNRATE,unrate\n2020-01-01,3.5,9.9\n")
    assert values(reading.tables[0]) == {"2020-01-01": 3.5}
    assert reading.rejections == (Rejection(1, "UNRATE", "the column comes twice; the first one counts"),)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given low limits
    monkeypatch.setattr(tabular, "MAX_ROWS", 3)
    monkeypatch.setattr(delimited, "MAX_REJECTIONS", 2)
    monkeypatch.setattr(tabular, "MAX_COLUMNS", 3)
    days = [date(2020, month, 1).isoformat() for month in range(1, 6)]
    # When a file has more rows than allowed, the first ones count
    reading = read("DATE,UNRATE\n" + "".join(f"{day},3.5\n" for day in days))
    assert len(reading.tables[0].observations) == 3
    assert reading.rejections == (Rejection(5, "file", "more than 3 rows; those from here on are left out"),)
    # And of many bad rows the first ones are told, the others counted
    reading = read("DATE,UNRATE\n" + "".join(f"{day},x\n" for day in days[:3]))
    assert ([each.line for each in reading.rejections], reading.left_out) == ([2, 3], 2)
    # And too many columns or bytes are refused
    assert "columns" in read("DATE,A,B,C\n").rejections[0].reason
    monkeypatch.setattr(delimited, "MAX_FILE_BYTES", 10)
    assert read("DATE,UNRATE\n").rejections == (Rejection(None, "file", "larger than 10 bytes"),)


@pytest.mark.parametrize("blank", ["\x0b,", '"",""', "\u00a0;\u00a0", ' "" '])
def test_lines_of_blanks_are_no_header(blank: str) -> None:
    assert read(blank).rejections
    assert read(f"{blank}\nDATE,UNRATE\n2020-01-01,3.5\n").tables


@given(st.binary(max_size=400))
def test_no_bytes_whatever_make_it_fail(content: bytes) -> None:
    reading = read(content)
    assert reading.tables or reading.rejections


CELLS = st.sampled_from(
    ["2020-01-01", "1/1/2020", "3.5", ".", "", '"', '""', "nan", "-0", "x,y", "1e400", "\n", "\r\n", "é", "DATE", ","]
)


@given(st.lists(CELLS, max_size=40))
def test_no_arrangement_of_cells_makes_it_fail(cells: list[str]) -> None:
    reading = read("DATE,UNRATE\n" + ",".join(cells))
    assert reading.tables or reading.rejections


@given(
    st.dictionaries(
        st.dates(date(1900, 1, 1), RECEIVED).map(lambda day: day.replace(day=1)),
        st.floats(min_value=0, max_value=50, allow_nan=False),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_order_and_repetition_of_rows_change_nothing(figures: dict[date, float], random: object) -> None:
    rows = [f"{day.isoformat()},{value!r}" for day, value in figures.items()] * 2
    random.shuffle(rows)  # type: ignore[attr-defined]
    reading = read("\n".join(["DATE,UNRATE", *rows]))
    assert reading.rejections == ()
    assert {each.day: each.value for each in reading.tables[0].observations} == figures


def test_thousands_of_rows_are_read_in_no_time() -> None:
    start = date(1980, 1, 1)
    rows = "".join(f"{(start + timedelta(days=n)).isoformat()},{n % 7}.25\n" for n in range(16_000))
    reading = read(f"DATE,DFF\n{rows}")
    assert len(reading.tables[0].observations) == 16_000
    assert reading.rejections == ()
