"""Make the FRED packs under samples/fred/ from the nowcasting data that ships inside the statsmodels wheel.

The source is one wide CSV file a vintage, dates as M/D/YY. The packs have one file a series, as FRED's own CSV download
has them: the vintage of June with the older header (`DATE`, missing as `.`), that of July with today's
(`observation_date`, missing as an empty cell). Figures are kept letter by letter. Quarterly series sit on the third
month of their quarter in the source and on the quarter's first day in FRED: they are moved there.

Run: `python samples/make_fred_pack.py [target folder]`; it also writes SOURCES.md there.
"""

import csv
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

SOURCE = "tsa/statespace/tests/results/frbny_nowcast/Nowcasting"
SURVEYS = frozenset({"GACDISA066MSFRBNY", "GACDFSA066MSFRBPHI"})  # not figures of a federal statistical agency
QUARTERLY = frozenset({"GDPC1", "ULCNFB", "A261RX1Q020SBEA"})


@dataclass(frozen=True)
class HeaderStyle:
    """How FRED's CSV download names the date column and writes a missing value."""

    date_column: str
    missing: str


OLDER = HeaderStyle("DATE", ".")
NEWER = HeaderStyle("observation_date", "")
PACKS = {"2016-06-29": OLDER, "2016-07-29": NEWER}

Rows = list[tuple[date, str]]


def source_folder() -> Path:
    """Where statsmodels keeps the data; raises FileNotFoundError when it is not installed."""
    spec = find_spec("statsmodels")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("statsmodels is not installed: it belongs to the dev dependency group")
    return Path(spec.origin).parent / SOURCE


def read_source(path: Path) -> dict[str, Rows]:
    """Read one wide vintage; each series from its first to its last figure, a gap inside as an empty text."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    months = [_first_of_month(line[0]) for line in lines]
    columns = {name: [line[i] for line in lines] for i, name in enumerate(header) if i > 0 and name not in SURVEYS}
    return {name: list(_rows(name, months, cells)) for name, cells in columns.items()}


def _first_of_month(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year + (1900 if year >= 80 else 2000), month, day)


def _rows(series: str, months: list[date], cells: list[str]) -> Iterator[tuple[date, str]]:
    filled = [i for i, cell in enumerate(cells) if cell]
    for i in range(filled[0], filled[-1] + 1):
        month = months[i]
        if series not in QUARTERLY:
            yield month, cells[i]
        elif month.month % 3 == 0:
            yield month.replace(month=month.month - 2), cells[i]


def render(series: str, rows: Rows, style: HeaderStyle) -> str:
    """Write one series as FRED's CSV download does."""
    lines = [f"{style.date_column},{series}", *(f"{day.isoformat()},{value or style.missing}" for day, value in rows)]
    return "\n".join(lines) + "\n"


def make(target: Path) -> int:
    """Write every pack, SOURCES.md and the licence below `target`; returns the number of series files."""
    source = source_folder()
    written = 0
    for vintage, style in PACKS.items():
        folder = target / vintage
        folder.mkdir(parents=True, exist_ok=True)
        for series, rows in read_source(source / "data" / "US" / f"{vintage}.csv").items():
            (folder / f"{series}.csv").write_text(render(series, rows, style), encoding="utf-8", newline="\n")
            written += 1
    shutil.copyfile(source / "LICENSE", target / "LICENSE")
    (target / "SOURCES.md").write_text(describe(), encoding="utf-8", newline="\n")
    return written


# --- SOURCES.md -----------------------------------------------------------------------------------------------------

AGENCIES = {  # who publishes a series, and its unit there and then
    "A261RX1Q020SBEA": ("BEA", "billion chained 2009 USD, annual rate"),
    "BOPTEXP": ("BEA and Census", "million USD"),
    "BOPTIMP": ("BEA and Census", "million USD"),
    "BUSINV": ("Census", "million USD"),
    "CPIAUCSL": ("BLS", "index 1982-84=100"),
    "CPILFESL": ("BLS", "index 1982-84=100"),
    "DGORDER": ("Census", "million USD"),
    "DSPIC96": ("BEA", "billion chained 2009 USD, annual rate"),
    "GDPC1": ("BEA", "billion chained 2009 USD, annual rate"),
    "HOUST": ("Census and HUD", "thousand units, annual rate"),
    "HSN1F": ("Census and HUD", "thousand units, annual rate"),
    "INDPRO": ("Federal Reserve Board", "index 2012=100"),
    "IQ": ("BLS", "index 2000=100"),
    "IR": ("BLS", "index 2000=100"),
    "JTSJOL": ("BLS", "thousands"),
    "PAYEMS": ("BLS", "thousand persons"),
    "PCEC96": ("BEA", "billion chained 2009 USD, annual rate"),
    "PCEPI": ("BEA", "index 2009=100"),
    "PCEPILFE": ("BEA", "index 2009=100"),
    "PERMIT": ("Census and HUD", "thousand units, annual rate"),
    "PPIFIS": ("BLS", "index 2009-11=100"),
    "RSAFS": ("Census", "million USD"),
    "TCU": ("Federal Reserve Board", "percent of capacity"),
    "TTLCONS": ("Census", "million USD, annual rate"),
    "ULCNFB": ("BLS", "index 2009=100"),
    "UNRATE": ("BLS", "percent"),
    "WHLSLRIMSA": ("Census", "million USD"),
}

SOURCES = """\
# FRED packs: where the figures come from

Two vintages of {count} US series, as they stood on {days}. One CSV file a series, in the form
in which FRED ships them: the older vintage with the header `DATE` and missing values as `.`, the newer one with
`observation_date` and empty cells. All of them are figures of federal agencies of the United States (public domain);
the two regional surveys of the source (GACDISA066MSFRBNY, GACDFSA066MSFRBPHI) are left out.

Origin: `statsmodels` on PyPI, `{source}/data/US/<vintage>.csv`,
which took it from the Nowcasting code of the Federal Reserve Bank of New York (commit
19f365cab8269e3aac3faa11ad091d6e913c5c43). Licence of that code and its data files: BSD 3-Clause, in `LICENSE` beside
this file. Neither the Bank nor FRED endorses this project.

Changed against the source: one file a series instead of one wide file; dates as FRED writes them (ISO; quarterly
series on the first day of their quarter instead of the first day of its third month). Figures are unchanged, letter by
letter. Made by `samples/make_fred_pack.py`, which also writes this file; a test holds both against the installed
package.

| series | published by | unit | frequency | rows June / July | range in July |
|---|---|---|---|---|---|
{rows}

IR and IQ were quarterly until 1988: the months between are rows without a value. DSPIC96, PCEC96, PCEPI, PCEPILFE and
ULCNFB did not change between the vintages.
"""


def describe() -> str:
    """The text of SOURCES.md."""
    june, july = (read_source(source_folder() / "data" / "US" / f"{vintage}.csv") for vintage in sorted(PACKS))
    rows = [
        f"| {series} | {agency} | {unit} | {'quarterly' if series in QUARTERLY else 'monthly'} "
        f"| {_count(june[series])} / {_count(july[series])} | {july[series][0][0]} .. {july[series][-1][0]} |"
        for series, (agency, unit) in sorted(AGENCIES.items())
    ]
    return SOURCES.format(count=len(rows), days=" and ".join(sorted(PACKS)), source=SOURCE, rows="\n".join(rows))


def _count(rows: Rows) -> int:
    return sum(value != "" for _, value in rows)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "fred"
    print(f"{make(folder)} series files below {folder}")
