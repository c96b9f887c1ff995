"""Write the sample series and sales in other forms, as people's spreadsheets and programs do, under samples/forms/.

Every file but one holds figures of the other samples: ingesting it after them brings nothing new. The other one is a
part of a series on another base and has to be refused. Run: `python samples/make_file_forms.py [target folder]`.
"""

import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

SAMPLES = Path(__file__).parent
PACK = SAMPLES / "fred" / "2016-07-29"
SALES = SAMPLES / "housing" / "ames-2006.csv"
SALES_STEP = 6  # one sale of so many: all months of the year
REBASED, BASE_FACTOR, REBASED_ROWS = "PCEC96", 1.126, 60
PREAMBLE = "Retail and Food Services Sales\nSource: Census\n"

Rows = Sequence[Sequence[str]]

ABOUT = """\
# Samples in other forms

Made by `samples/make_file_forms.py` from `samples/fred/2016-07-29` and `samples/housing/ames-2006.csv`, whose sources
and licences lie there. The figures are the same, so ingesting them after those files brings nothing new. Only
`{rebased}.csv` is changed: its last {rows} figures are multiplied by {factor}, as after a change of base, and have to
be refused.

| file | form |
|---|---|
| `2016-07-29/HOUST.csv` | dates as day/month/year |
| `2016-07-29/UNRATE.csv` | semicolons, decimal comma, dates as day.month.year |
| `2016-07-29/INDPRO.csv` | unnamed column of row numbers, as pandas writes an index |
| `2016-07-29/PAYEMS.csv` | quoted figures with grouped thousands |
| `2016-07-29/RSAFS.csv` | two lines of text before the header |
| `2016-07-29/TCU.csv` | columns `date,value`; the series is named after the file |
| `2016-07-29/all.csv` | one row a figure: `series_id,date,value` of PCEPI and HSN1F |
| `2016-07-29/{rebased}.csv` | another base |
| `sales/ames-2006.csv` | one sale of {sales} with semicolons, decimal commas, dates as day/month/year |
"""


def pack_rows(series: str) -> Rows:
    """Date and figure of a sample series, without the header."""
    with (PACK / f"{series}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def day_first(mark: str) -> Callable[[str], str]:
    """How to write an ISO day with the day first."""
    return lambda text: mark.join(reversed(text.split("-")))


def decimal_comma(text: str) -> str:
    """A number with a decimal comma."""
    return text.replace(".", ",")


def grouped(text: str) -> str:
    """A whole number with grouped thousands, quoted."""
    return f'"{int(text):,}"'


def lines(header: str, rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    """CSV text of cells that are quoted already where they have to be."""
    return "\n".join([header, *(delimiter.join(row) for row in rows)]) + "\n"


def forms() -> dict[str, str]:
    """All files by their paths."""
    dashed, dotted = day_first("/"), day_first(".")
    long = [[series, *row] for series in ("PCEPI", "HSN1F") for row in pack_rows(series)]
    numbered = [[str(number), *row] for number, row in enumerate(pack_rows("INDPRO"))]
    rebased = [(day, f"{float(figure) * BASE_FACTOR:.1f}") for day, figure in pack_rows(REBASED)[-REBASED_ROWS:]]
    return {
        "2016-07-29/HOUST.csv": lines("DATE,HOUST", ([dashed(day), figure] for day, figure in pack_rows("HOUST"))),
        "2016-07-29/UNRATE.csv": lines(
            "date;UNRATE", ([dotted(day), decimal_comma(figure)] for day, figure in pack_rows("UNRATE")), ";"
        ),
        "2016-07-29/INDPRO.csv": lines(",DATE,INDPRO", numbered),
        "2016-07-29/PAYEMS.csv": lines("DATE,PAYEMS", ([day, grouped(figure)] for day, figure in pack_rows("PAYEMS"))),
        "2016-07-29/RSAFS.csv": PREAMBLE + lines("observation_date,RSAFS", pack_rows("RSAFS")),
        "2016-07-29/TCU.csv": lines("date,value", pack_rows("TCU")),
        "2016-07-29/all.csv": lines("series_id,date,value", long),
        f"2016-07-29/{REBASED}.csv": lines(f"DATE,{REBASED}", rebased),
        "sales/ames-2006.csv": sales(),
    }


def sales() -> str:
    """Some sales of a year as a spreadsheet with European settings writes them."""
    with SALES.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    day = header.index("month")
    written = []
    for row in rows[::SALES_STEP]:
        cells = [decimal_comma(cell) for cell in row]
        cells[day] = day_first("/")(f"{row[day]}-01")
        written.append(cells)
    return lines(";".join(header), written, ";")


def make(target: Path) -> None:
    """Write every file and SOURCES.md below `target`."""
    for path, content in forms().items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(content, encoding="utf-8", newline="\n")
    about = ABOUT.format(rebased=REBASED, rows=REBASED_ROWS, factor=BASE_FACTOR, sales=SALES_STEP)
    (target / "SOURCES.md").write_text(about, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES / "forms")
