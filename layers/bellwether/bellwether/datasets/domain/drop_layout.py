"""Where dropped files are stored, and where quarantined files go with the reasons."""

import hashlib
import re
from datetime import date
from pathlib import PurePosixPath

from pydantic import AwareDatetime, BaseModel, ConfigDict

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_CHARACTERS = 100
REASON_SUFFIX = ".reason.json"


class QuarantineReason(BaseModel):
    """The report beside a quarantined file. Line, field and reason are those of the first finding."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int | None
    field: str
    reason: str
    received_at: AwareDatetime
    sha256: str
    findings: tuple[tuple[int | None, str, str], ...]
    left_out: int


def original_key(folder: str, file: str, content: bytes) -> str:
    """Where a file is kept as it came."""
    return f"{folder}{hashlib.sha256(content).hexdigest()}-{_safe_name(file)}"


def quarantine_key(folder: str, file: str, sha256: str, received_on: date) -> str:
    """Where a file with something wrong in it goes; its reasons lie beside it, at `reason_key`."""
    return f"{folder}{received_on.isoformat()}/{sha256[:12]}-{_safe_name(file)}"


def reason_key(quarantined: str) -> str:
    """Where the reasons for a quarantined file lie."""
    return f"{quarantined}{REASON_SUFFIX}"


def _safe_name(file: str) -> str:
    return _UNSAFE.sub("_", PurePosixPath(file.replace("!", "/")).name)[-_NAME_CHARACTERS:] or "file"
