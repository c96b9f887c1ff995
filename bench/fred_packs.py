"""Packs of single-series CSV files cut from a FRED-MD vintage, as a user would download them from FRED today.

    python -m bench.fred_packs FOLDER [--data FILE]

writes FOLDER/pack-7, pack-25 and pack-49, from 1980 to the end of the vintage. The larger ones have series under names
that the catalogue does not know, a wage trend among them; Treasury yields go by their daily names.
"""

import argparse
import csv
import gzip
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FIRST_YEAR = 1980
USREC = Path("series/USREC.csv")
SMALL = ("UNRATE", "PAYEMS", "INDPRO", "CPIAUCSL", "FEDFUNDS", "GS10", "HOUST")
MIDDLE = (
    *SMALL,
    *("CLAIMSx", "PERMIT", "AWHMAN", "AWOTMAN", "TB3MS", "GS1", "GS5", "M2SL", "UMCSENTx", "DPCERA3M086SBEA"),
    *("RETAILx", "W875RX1", "CUMFNS", "MANEMP", "UEMPMEAN", "BUSLOANS", "CES0600000008"),
)
LARGE = (
    *MIDDLE,
    *("USGOOD", "DMANEMP", "SRVPRD", "USTPU", "USGOVT", "UEMPLT5", "UEMP15OV", "IPCONGD", "IPBUSEQ", "IPMANSICS"),
    *("CES2000000008", "CES3000000008", "CPIULFSL", "CUSR0000SAS", "DSERRG3M086SBEA", "OILPRICEx", "WPSFD49207"),
    *("AMDMNOx", "BUSINVx", "ISRATIOx", "REALLN", "NONREVSL", "EXJPUSx", "HWI"),
)
RENAMED: Mapping[str, str] = {  # what users call them; the last ones are in no catalogue
    "GS10": "DGS10",
    "GS5": "DGS5",
    "CLAIMSx": "ICSA",
    "UMCSENTx": "UMCSENT",
    "RETAILx": "RSAFS",
    "CES0600000008": "WAGES_GOODS",
    "CES2000000008": "WAGES_BUILDING",
    "CPIULFSL": "PRICES_LESS_FOOD",
    "REALLN": "ESTATE_LOANS",
    "AMDMNOx": "DGORDER",
    "BUSINVx": "BUSINV",
    "ISRATIOx": "ISRATIO",
    "OILPRICEx": "MCOILWTICO",
    "EXJPUSx": "EXJPUS",
}
PACKS: Mapping[str, tuple[str, ...]] = {"pack-7": SMALL, "pack-25": MIDDLE, "pack-49": LARGE}


def write_packs(data: Path, folder: Path) -> dict[str, Path]:
    """Write each pack; returns the folders by name. USREC comes from its own file, where that lies beside the data."""
    with gzip.open(data, "rt", encoding="utf-8") as file:
        header, _tcodes, *rows = list(csv.reader(file))
    rows = [row for row in rows if row[0] and int(row[0].rsplit("/", 1)[1]) >= FIRST_YEAR]
    packs = {}
    for name, series in PACKS.items():
        packs[name] = folder / name
        packs[name].mkdir(parents=True, exist_ok=True)
        for each in series:
            column = header.index(each)
            lines = [f"{_iso(row[0])},{row[column]}" for row in rows]
            _write(packs[name], RENAMED.get(each, each), lines)
        if name != "pack-7" and (data.parent / USREC).is_file():
            _write(packs[name], "USREC", _recessions(data.parent / USREC))
    return packs


def _write(folder: Path, series: str, lines: Sequence[str]) -> None:
    (folder / f"{series}.csv").write_text("\n".join([f"observation_date,{series}", *lines, ""]), encoding="utf-8")


def _recessions(path: Path) -> list[str]:
    """The copy ends with a recession whose end had not been announced; later copies have 0 after 2020-04."""
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row and row[0][:4].isdecimal() and int(row[0][:4]) >= FIRST_YEAR]
    return [f"{day},{0 if day > '2020-04-30' else value}" for day, value in rows]


def _iso(text: str) -> str:
    month, day, year = text.split("/")
    return f"{year}-{int(month):02d}-{int(day):02d}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the packs into a folder."""
    parser = argparse.ArgumentParser(prog="bench.fred_packs", description="FRED-MD as packs of single-series files")
    shared = Path(os.environ.get("BELLWETHER_BENCH_DATA") or Path("../shared/data"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=shared / "fred" / "fredmd_vintage_2024-01.csv.gz")
    options = parser.parse_args(arguments)
    for name, folder in write_packs(options.data, options.folder).items():
        print(f"{name}: {len(list(folder.glob('*.csv')))} files in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
