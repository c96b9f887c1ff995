"""Every form of a file gives exactly the right series or a refusal with its reason, never other figures."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.datasets.domain.tabular import TableReading, read_table

RECEIVED = date(2026, 11, 30)
MONTHS = [date(2008 + n // 12, n % 12 + 1, 1) for n in range(60)]
RATES = [3.4 + n % 17 / 10 for n in range(60)]
JOBS = [130_000 + 137 * n for n in range(60)]

Figures = Sequence[tuple[date, float]]
UNRATE = list(zip(MONTHS, [round(rate, 1) for rate in RATES], strict=True))
PAYEMS = list(zip(MONTHS, map(float, JOBS), strict=True))


def read(content: str, name: str = "UNRATE.csv") -> TableReading:
    return read_table(content.encode(), file_name=name, received_on=RECEIVED)


def figures(reading: TableReading) -> dict[str, list[tuple[date, float | None]]]:
    return {table.series: [(each.day, each.value) for each in table.observations] for table in reading.tables}


def a_file(
    rows: Figures,
    day: Callable[[date], str] = date.isoformat,
    value: Callable[[float], str] = str,
    header: str = "DATE,UNRATE",
    delimiter: str = ",",
) -> str:
    lines = [header.replace(",", delimiter), *(f"{day(at)}{delimiter}{value(figure)}" for at, figure in rows)]
    return "\n".join(lines) + "\n"


def us(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


def british(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def comma(figure: float) -> str:
    return str(figure).replace(".", ",")


READ: dict[str, tuple[str, str, str]] = {  # form: content, name of the file, assumption
    "ISO": (a_file(UNRATE), "UNRATE.csv", ""),
    "newest first": (a_file(UNRATE[::-1]), "UNRATE.csv", ""),
    "month/day/year": (a_file(UNRATE, us), "UNRATE.csv", ""),
    "day/month/year": (a_file(UNRATE, british), "UNRATE.csv", "dates are read as D/M/YYYY"),
    "day.month.year": (a_file(UNRATE, lambda day: f"{day:%d.%m.%Y}"), "UNRATE.csv", "dates are read as D/M/YYYY"),
    "day-month-year": (a_file(UNRATE, lambda day: f"{day:%d-%m-%Y}"), "UNRATE.csv", "dates are read as D/M/YYYY"),
    "year/month/day": (a_file(UNRATE, lambda day: f"{day:%Y/%m/%d}"), "UNRATE.csv", ""),
    "compact": (a_file(UNRATE, lambda day: f"{day:%Y%m%d}"), "UNRATE.csv", ""),
    "year and month": (a_file(UNRATE, lambda day: f"{day:%Y-%m}"), "UNRATE.csv", ""),
    "named month": (a_file(UNRATE, lambda day: f"{day:%d-%b-%Y}"), "UNRATE.csv", ""),
    "month name and year": (a_file(UNRATE, lambda day: f"{day:%B %Y}"), "UNRATE.csv", ""),
    "month name, day, year": (a_file(UNRATE, lambda day: f'"{day:%B %d, %Y}"'), "UNRATE.csv", ""),
    "year and month name": (a_file(UNRATE, lambda day: f"{day:%Y %b}".upper()), "UNRATE.csv", ""),
    "statistical month": (a_file(UNRATE, lambda day: f"{day:%YM%m}"), "UNRATE.csv", ""),
    "midnight": (a_file(UNRATE, lambda day: f"{day} 00:00:00"), "UNRATE.csv", ""),
    "midnight UTC": (a_file(UNRATE, lambda day: f"{day}T00:00:00Z"), "UNRATE.csv", ""),
    "semicolons, decimal comma": (a_file(UNRATE, value=comma, delimiter=";"), "UNRATE.csv", "decimal mark"),
    "semicolons, decimal point": (a_file(UNRATE, delimiter=";"), "UNRATE.csv", ""),
    "tabs": (a_file(UNRATE, delimiter="\t"), "UNRATE.csv", ""),
    "quoted decimal comma": (a_file(UNRATE, value=lambda figure: f'"{comma(figure)}"'), "UNRATE.csv", "decimal mark"),
    "three decimals": (a_file(UNRATE, value=lambda figure: f"{figure:.3f}"), "UNRATE.csv", ""),
    "semicolons, three decimals": (
        a_file(UNRATE, value=lambda figure: f"{figure:.3f}", delimiter=";"),
        "UNRATE.csv",
        "the point is read as the decimal mark (3.400)",
    ),
    "all cells quoted": (
        '"DATE","UNRATE"\n' + "".join(f'"{day}","{rate}"\n' for day, rate in UNRATE),
        "UNRATE.csv",
        "",
    ),
    "percent signs": (a_file(UNRATE, value=lambda figure: f"{figure}%"), "UNRATE.csv", "percent signs are left out"),
    "description first": (
        "Source: BLS\nUnits: Percent\n\n" + a_file(UNRATE),
        "UNRATE.csv",
        "2 lines before the header",
    ),
    "spreadsheet separator line": ("sep=;\n" + a_file(UNRATE, delimiter=";"), "UNRATE.csv", "1 lines before"),
    "row numbers": (
        ",DATE,UNRATE\n" + "".join(f"{n},{day},{rate}\n" for n, (day, rate) in enumerate(UNRATE)),
        "UNRATE.csv",
        "row numbers",
    ),
    "unnamed date column": (a_file(UNRATE, header=",UNRATE"), "UNRATE.csv", "unnamed first column"),
    "named after its file": (a_file(UNRATE, header="date,value"), "unrate (2).csv", "named after the file"),
    "one row a figure": (
        "date,series_id,value\n" + "".join(f"{day},UNRATE,{rate}\n" for day, rate in UNRATE),
        "all.csv",
        "one row a figure",
    ),
    "one row a figure, day first, other order": (
        "series;value;date\n" + "".join(f"UNRATE;{comma(rate)};{british(day)}\n" for day, rate in UNRATE),
        "all.csv",
        "dates are read as D/M/YYYY",
    ),
}


@pytest.mark.parametrize("form", READ)
def test_a_form_that_can_be_read_gives_exactly_the_figures_and_says_what_was_assumed(form: str) -> None:
    # Given the same sixty figures in another form
    content, name, assumption = READ[form]
    # When the file is read
    reading = read(content, name)
    # Then the figures are the same, and only an assumption that was needed is named
    assert figures(reading) == {"UNRATE": UNRATE}
    assert reading.rejections == ()
    assumptions = "; ".join(reading.tables[0].assumptions)
    assert assumption in assumptions
    assert bool(assumption) == bool(assumptions)


REFUSED: dict[str, tuple[str, str, str]] = {  # form: content, name of the file, part of the reason
    "two-digit years": (a_file(UNRATE, lambda day: f"{day:%m/%d/%y}"), "UNRATE.csv", "leaves the century open"),
    "month and two-digit year": (a_file(UNRATE, lambda day: f"{day:%b-%y}"), "UNRATE.csv", "leaves the century open"),
    "day and month exchanged": (a_file(UNRATE, lambda day: f"{day:%Y-%d-%m}"), "UNRATE.csv", "by its dates"),
    "both orders in one file": (
        a_file(
            [(date(2020, 1, 1) + timedelta(n), 3.5) for n in range(300)], lambda day: (us, british)[day.day % 2](day)
        ),
        "DGS10.csv",
        "written in two ways",
    ),
    "unknown series of twelve days or months": (
        a_file([(day, 7.5) for day in MONTHS[:12]], british, header="DATE,OTHER"),
        "OTHER.csv",
        "can be read as month/day/year and as day/month/year",
    ),
    "fractions instead of percent": (a_file([(day, rate / 100) for day, rate in UNRATE]), "UNRATE.csv", "another unit"),
    "persons instead of thousands": (
        a_file([(day, jobs * 1000) for day, jobs in PAYEMS], header="DATE,PAYEMS"),
        "PAYEMS.csv",
        "not plausible",
    ),
    "millions instead of thousands": (
        a_file([(day, jobs / 1000) for day, jobs in PAYEMS], header="DATE,PAYEMS"),
        "PAYEMS.csv",
        "another unit",
    ),
    "only some percent signs": (
        a_file(UNRATE, value=lambda figure: f"{figure}%" if figure > 4 else str(figure)),
        "UNRATE.csv",
        "some cells have a percent sign",
    ),
    "percent signs on persons": (
        a_file(PAYEMS, value=lambda figure: f"{figure}%", header="DATE,PAYEMS"),
        "PAYEMS.csv",
        "its unit is thousand persons",
    ),
    "groups or decimals of an unknown series": (
        a_file([(day, 1.0) for day in MONTHS], value=lambda _: '"1,234"', header="DATE,OTHER"),
        "OTHER.csv",
        "can be read as 1234 and as 1.234",
    ),
    "day and month exchanged, an unknown series": (
        a_file([(day, 7.5) for day in MONTHS], lambda day: f"{day:%Y-%d-%m}", header="DATE,OTHER"),
        "OTHER.csv",
        "writes year, day, month",
    ),
    "rounded by a spreadsheet": (
        a_file(PAYEMS, value=lambda figure: f"{figure:.2E}", header="DATE,PAYEMS"),
        "PAYEMS.csv",
        "is rounded, as spreadsheets write numbers",
    ),
    "a decimal point lost at the end": (
        a_file([*PAYEMS[:-3], *((day, jobs * 10) for day, jobs in PAYEMS[-3:])], header="DATE,OTHER"),
        "OTHER.csv",
        "change by a factor of 10 at 2012-10-01",
    ),
    "another unit in one row": (
        a_file([*PAYEMS[:30], (PAYEMS[30][0], PAYEMS[30][1] / 1000), *PAYEMS[31:]], header="DATE,OTHER"),
        "OTHER.csv",
        "change by a factor of 0.001 at 2010-07-01",
    ),
    "market prices": (
        "Date,Open,High,Low,Close,Volume\n" + "".join(f"{day},1,2,0.5,1.5,100\n" for day in MONTHS),
        "DAX.csv",
        "names a market price",
    ),
    "a market price alone": (a_file(UNRATE, header="date,close"), "XLB.csv", "names a market price"),
    "annual figures under a preamble": (
        "Title,Vacancies\nUnit,thousands\n2024,40\n2025,35\n",
        "ons.csv",
        "is expected",
    ),
    "footnote marks on every figure": (
        a_file(UNRATE, value=lambda figure: f"{figure} (p)"),
        "UNRATE.csv",
        "is not a number",
    ),
    "unquoted decimal comma": (a_file(UNRATE, value=comma), "UNRATE.csv", "cells where the header has"),
    "several series in one column": (
        "date,country,rate\n" + "".join(f"{day},{name},{rate}\n" for day, rate in UNRATE for name in ("A", "B")),
        "data.csv",
        "is not a number",
    ),
    "series named, no value": ("date,series_id,price\n2020-01-01,UNRATE,3.5\n", "data.csv", "not one column"),
    "an unnamed column before the dates": (",DATE,UNRATE\nx,2020-01-01,3.5\n", "UNRATE.csv", "does not number"),
    "JSON": ('{"observations": []}', "UNRATE.json", "JSON; CSV is expected"),
    "annual": (a_file([(date(1970 + n, 1, 1), 3.5) for n in range(50)], header="DATE,YEARLY"), "YEARLY.csv", "neither"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_a_form_that_cannot_be_read_for_certain_is_refused_with_the_reason(form: str) -> None:
    content, name, reason = REFUSED[form]
    reading = read(content, name)
    wrong = {series: rows for series, rows in figures(reading).items() if rows != UNRATE}
    assert wrong == {}
    assert any(reason in each.reason for each in reading.rejections)


def test_groups_are_told_from_decimals_by_the_usual_size_of_a_series() -> None:
    # Given employment in thousands with groups, and consumer prices with three decimals between semicolons
    jobs = read(a_file(PAYEMS, value=lambda figure: f'"{figure:,.0f}"', header="DATE,PAYEMS"), "PAYEMS.csv")
    european = read(
        a_file(PAYEMS, value=lambda figure: f"{figure:,.0f}".replace(",", "."), header="DATE,PAYEMS", delimiter=";")
    )
    prices = read(a_file([(day, 200.125 + n) for n, day in enumerate(MONTHS)], header="DATE;CPIAUCSL", delimiter=";"))
    # Then each has the figures of its kind
    assert figures(jobs) == figures(european) == {"PAYEMS": PAYEMS}
    assert figures(prices)["CPIAUCSL"][0] == (date(2008, 1, 1), 200.125)


@pytest.mark.parametrize("mark", ["..", ":", "?", "ND", "n.a.", "#N/A", "."])
def test_marks_of_missing_figures_are_missing(mark: str) -> None:
    lines = a_file(UNRATE).splitlines()
    lines[10] = f"{UNRATE[9][0]},{mark}"
    reading = read("\n".join(lines))
    assert reading.rejections == ()
    assert figures(reading)["UNRATE"] == [*UNRATE[:9], (UNRATE[9][0], None), *UNRATE[10:]]


@pytest.mark.parametrize("mark", ["{} (p)", "{}p", "{}e", "{}(1)", "{}*", "({})", "-", "x", "{}¹"])
def test_a_figure_with_a_footnote_is_rejected_and_the_others_are_read(mark: str) -> None:
    lines = a_file(UNRATE).splitlines()
    lines[60] = f"{UNRATE[59][0]},{mark.format(UNRATE[59][1])}"
    reading = read("\n".join(lines))
    assert figures(reading) == {"UNRATE": UNRATE[:-1]}
    assert [each.line for each in reading.rejections] == [61]


def test_rows_of_totals_and_a_header_in_the_middle_are_rejected_alone() -> None:
    lines = a_file(UNRATE).splitlines()
    reading = read("\n".join([*lines[:20], lines[0], *lines[20:], "Total,308.5", "Source: BLS"]))
    assert figures(reading) == {"UNRATE": UNRATE}
    assert [each.line for each in reading.rejections] == [21, 63, 64]


def test_a_crisis_is_no_change_of_unit() -> None:
    # Given initial claims that rise tenfold in a month, and go on to change much
    claims = [(day, 210_000.0 + 3_000 * (n % 3)) for n, day in enumerate(MONTHS)]
    claims[50:54] = [(day, figure) for (day, _), figure in zip(claims[50:54], (2.2e6, 4.4e6, 3.1e6, 9e5), strict=True)]
    assert figures(read(a_file(claims, header="DATE,ICSA"))) == {"ICSA": claims}


def test_daily_dates_are_read_day_first_when_one_of_them_can_only_be_read_so() -> None:
    days = [(date(2020, 1, 1) + timedelta(n), 1 + n % 5 / 10) for n in range(200)]
    reading = read(a_file(days, british, header="DATE,DFF"))
    assert figures(reading) == {"DFF": days}


def test_two_series_of_a_long_file_are_two_series() -> None:
    content = "date,series_id,value\n" + "".join(
        f"{day},UNRATE,{rate}\n{day},GS10,{rate + 1}\n" for day, rate in UNRATE
    )
    reading = read(content, "all.csv")
    assert figures(reading) == {"UNRATE": UNRATE, "GS10": [(day, rate + 1) for day, rate in UNRATE]}


# --- generated forms ------------------------------------------------------------------------------------------------

DAY_FORMS: dict[str, Callable[[date], str]] = {
    "iso": date.isoformat,
    "us": us,
    "us padded": lambda day: f"{day:%m/%d/%Y}",
    "british": british,
    "british short": lambda day: f"{day.day}/{day.month}/{day.year}",
    "dotted": lambda day: f"{day.day}.{day.month}.{day.year}",
    "dashed us": lambda day: f"{day:%m-%d-%Y}",
    "compact": lambda day: f"{day:%Y%m%d}",
    "month name": lambda day: f"{day:%d %b %Y}",
    "two digits": lambda day: f"{day:%d/%m/%y}",
    "exchanged": lambda day: f"{day:%Y-%d-%m}",
    "midnight": lambda day: f"{day}T00:00:00+00:00",
}
VALUE_FORMS: dict[str, Callable[[float], str]] = {
    "plain": repr,
    "comma": lambda figure: repr(figure).replace(".", ","),
    "grouped": lambda figure: f"{figure:,}",
    "grouped by points": lambda figure: f"{figure:,}".translate(str.maketrans(",.", ".,")),
    "grouped by spaces": lambda figure: f"{figure:,}".replace(",", "\u202f"),
    "grouped by apostrophes": lambda figure: f"{figure:,}".replace(",", "'"),
    "percent": lambda figure: f"{figure!r} %",
}
SERIES = {
    "UNRATE": (3.0, 12.0, 1),
    "PAYEMS": (60_000.0, 150_000.0, 30),
    "CPIAUCSL": (80.0, 300.0, 30),
    "GS10": (1.5, 9.0, 1),
}


@st.composite
def a_form(draw: st.DrawFn) -> tuple[str, str, list[tuple[date, float]]]:
    series = draw(st.sampled_from([*SERIES, "OTHER", "DFF"]))
    low, high, _ = SERIES.get(series, (0.5, 5_000.0 if series == "OTHER" else 9.0, 1))
    count = draw(st.integers(1, 40))
    first = draw(st.dates(date(1950, 1, 1), date(2015, 1, 1))).replace(day=1)
    decimals = draw(st.integers(0, 4))
    step = draw(
        st.sampled_from(["month", "quarter", "day", "week"]) if series in {"OTHER", "DFF"} else st.just("month")
    )
    if step in {"month", "quarter"}:
        month = first.year * 12 + first.month - 1
        stride = 1 if step == "month" else 3
        days = [date((month + n * stride) // 12, (month + n * stride) % 12 + 1, 1) for n in range(count)]
    else:
        days = [first + timedelta(n * (1 if step == "day" else 7)) for n in range(count)]
    values = draw(st.lists(st.floats(low, high), min_size=count, max_size=count))
    rows = [(day, round(value, decimals)) for day, value in zip(days, values, strict=True)]
    forms = sorted(DAY_FORMS if series in SERIES else DAY_FORMS.keys() - {"exchanged"})
    day_form = DAY_FORMS[draw(st.sampled_from(forms))]
    value_form = VALUE_FORMS[draw(st.sampled_from(sorted(VALUE_FORMS)))]
    delimiter = draw(st.sampled_from(",;\t"))
    quote = '"' if delimiter == "," or draw(st.booleans()) else ""
    layout = draw(st.sampled_from(["plain", "long", "row numbers", "preamble"]))
    cells = [(day_form(day), f"{quote}{value_form(value)}{quote}") for day, value in rows]
    if layout == "long":
        table = [("date", "series_id", "value"), *((day, series, value) for day, value in cells)]
    elif layout == "row numbers":
        table = [("", "DATE", series), *((str(n), day, value) for n, (day, value) in enumerate(cells))]
    else:
        table = [("DATE", series), *cells]  # type: ignore[list-item]
    text = "\n".join(delimiter.join(row) for row in table)
    return series, ("Some title\n" if layout == "preamble" else "") + text, rows


@given(a_form())
def test_whatever_the_form_the_figures_are_right_or_refused(form: tuple[str, str, list[tuple[date, float]]]) -> None:
    # Given a file of a random form
    series, content, rows = form
    # When it is read
    reading = read(content, f"{series}.csv")
    # Then every figure that is kept is one of the file, under its series and day; the others are refused
    kept = figures(reading)
    assert set(kept) <= {series}
    assert set(kept.get(series, [])) <= set(rows)
    assert len(kept.get(series, [])) == len(rows) or reading.rejections
