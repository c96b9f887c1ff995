"""Where macro data lies in the data bucket."""

import hashlib
import re
from datetime import date, datetime
from pathlib import PurePosixPath

from bellwether.domain.errors import InvalidInputError
from bellwether.domain.series import SERIES_PATTERN
from bellwether.domain.vintages import VintageName

INBOX = "fred-data/inbox/"
ORIGINALS = "fred-data/originals/"
VINTAGES = "fred-data/vintages/"
QUARANTINE = "fred-data/quarantine/"
MERGED_CSV = "fred-data/train/fred_merged_data.csv"
MERGED_MANIFEST = "fred-data/train/manifest.json"
AS_OF = "fred-data/as-of/"
CHECKPOINTS = "fred-data/checkpoints/"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_CHARACTERS = 100


def vintage_prefix(series: str) -> str:
    """Where the vintages of one series lie."""
    return f"{VINTAGES}{series}/"


def vintage_key(series: str, name: VintageName) -> str:
    """Where one vintage lies."""
    return f"{vintage_prefix(series)}{name}.csv"


def parse_vintage_key(key: str) -> tuple[str, VintageName]:
    """Series and name of a vintage's key; raises InvalidInputError for another key."""
    series, _, name = key.removeprefix(VINTAGES).partition("/")
    if not (key.startswith(VINTAGES) and SERIES_PATTERN.fullmatch(series) and name.endswith(".csv")):
        raise InvalidInputError("no vintage's key", field=key)
    return series, VintageName.parse(name.removesuffix(".csv"))


def original_key(file: str, content: bytes) -> str:
    """Where a file is kept as it came."""
    return f"{ORIGINALS}{hashlib.sha256(content).hexdigest()}-{_safe_name(file)}"


def quarantine_key(file: str, sha256: str, received_on: date) -> str:
    """Where a file with something wrong in it goes; its reasons lie beside it, at `reason_key`."""
    return f"{QUARANTINE}{received_on.isoformat()}/{sha256[:12]}-{_safe_name(file)}"


def reason_key(quarantined: str) -> str:
    """Where the reasons for a quarantined file lie."""
    return f"{quarantined}.reason.json"


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


def _safe_name(file: str) -> str:
    return _UNSAFE.sub("_", PurePosixPath(file.replace("!", "/")).name)[-_NAME_CHARACTERS:] or "file"
