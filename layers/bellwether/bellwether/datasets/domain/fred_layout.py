"""Where macro data lies in the data bucket."""

from datetime import date, datetime
from pathlib import PurePosixPath

from bellwether.datasets.domain.series import SERIES_PATTERN
from bellwether.datasets.domain.vintages import VintageName
from bellwether.models.domain.catalogue import FRED
from bellwether.shared.domain.errors import InvalidInputError

INBOX = FRED.inbox
ORIGINALS = FRED.originals
QUARANTINE = FRED.quarantine
MERGED_CSV = FRED.data_key
MERGED_MANIFEST = FRED.manifest_key
VINTAGES = f"{FRED.folder}/vintages/"
AS_OF = f"{FRED.folder}/as-of/"
CHECKPOINTS = f"{FRED.folder}/checkpoints/"
DESCRIPTIONS = f"{FRED.folder}/series/"


def vintage_prefix(series: str) -> str:
    """Where the vintages of one series lie."""
    return f"{VINTAGES}{series}/"


def vintage_key(series: str, name: VintageName) -> str:
    """Where one vintage lies."""
    return f"{vintage_prefix(series)}{name}.csv"


def assumptions_key(series: str, name: VintageName) -> str:
    """Where it is noted how the file of a vintage was read, when it could be read in more than one way."""
    return f"{vintage_prefix(series)}{name}.assumptions.json"


def parse_vintage_key(key: str) -> tuple[str, VintageName]:
    """Series and name of a vintage's key; raises InvalidInputError for another key."""
    series, _, name = key.removeprefix(VINTAGES).partition("/")
    if not (key.startswith(VINTAGES) and SERIES_PATTERN.fullmatch(series) and name.endswith(".csv")):
        raise InvalidInputError("no vintage's key", field=key)
    return series, VintageName.parse(name.removesuffix(".csv"))


def description_key(series: str) -> str:
    """Where the description of a series lies that the catalogue lacks."""
    return f"{DESCRIPTIONS}{series}.json"


def as_of_keys(as_of: datetime) -> tuple[str, str]:
    """Where the merged data as known at a time goes: CSV and manifest."""
    folder = f"{AS_OF}{as_of:%Y%m%dT%H%M%SZ}/"
    return f"{folder}{PurePosixPath(MERGED_CSV).name}", f"{folder}{PurePosixPath(MERGED_MANIFEST).name}"


def stated_day(file: str) -> date | None:
    """The day that a folder in the path is named after (`2016-06-29/UNRATE.csv`), the innermost if several are."""
    folders = PurePosixPath(file.replace("!", "/")).parts[:-1]
    return next((day for folder in reversed(folders) if (day := _iso_day(folder))), None)


def _iso_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        return None
