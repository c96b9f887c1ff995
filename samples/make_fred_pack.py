"""Make the FRED packs under samples/fred/ from the nowcasting data that ships inside the statsmodels wheel.

The source is one wide CSV file a vintage, dates as M/D/YY. The packs have one file a series, as FRED's own CSV download
has them: the vintage of June with the older header (`DATE`, missing as `.`), that of July with today's
(`observation_date`, missing as an empty cell). Figures are kept letter by letter. Quarterly series sit on the third
month of their quarter in the source and on the quarter's first day in FRED: they are moved there.

Run: `python samples/make_fred_pack.py [target folder]`
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
    """Write every pack and the licence below `target`; returns the number of series files."""
    source = source_folder()
    written = 0
    for vintage, style in PACKS.items():
        folder = target / vintage
        folder.mkdir(parents=True, exist_ok=True)
        for series, rows in read_source(source / "data" / "US" / f"{vintage}.csv").items():
            (folder / f"{series}.csv").write_text(render(series, rows, style), encoding="utf-8", newline="\n")
            written += 1
    shutil.copyfile(source / "LICENSE", target / "LICENSE")
    return written


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "fred"
    print(f"{make(folder)} series files below {folder}")
