"""The training channel of every model: a data file, and `manifest.json` with its SHA-256 and description."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InvalidDatasetError

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True)
class Channel:
    """A data file's text and SHA-256, with its manifest."""

    text: str
    sha256: str
    manifest: Mapping[str, Any]


def read_channel(folder: Path, data_file: str) -> Channel:
    """Read both files; raises InvalidDatasetError where one is missing, or the data differ from the manifest's hash."""
    content, manifest = _read(folder / data_file), _read_json(folder / MANIFEST_FILE)
    observed = hashlib.sha256(content).hexdigest()
    if observed != manifest.get("sha256"):
        raise InvalidDatasetError(f"{data_file} has SHA-256 {observed}, the manifest says {manifest.get('sha256')}")
    return Channel(content.decode("utf-8-sig"), observed, manifest)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidDatasetError(f"the training channel has no readable {path.name}: {error.strerror}") from error


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(_read(path))
    except ValueError as error:
        raise InvalidDatasetError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidDatasetError(f"{path.name} is not a JSON object")
    return content
