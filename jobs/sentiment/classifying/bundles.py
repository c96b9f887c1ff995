"""Bundles on disk: written so that the same content gives the same bytes, read only when every part is untouched."""

import gzip
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from .errors import BundleTamperedError

MANIFEST_FILE = "bundle.json"
EXPECTED_SHA256 = "BELLWETHER_BUNDLE_SHA256"  # the registered version's, in the container's environment
_CACHES = frozenset({"__pycache__"})  # what running the code leaves beside it
_BLOCK = 1 << 20


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> str:
    """Write `bundle.json` with the SHA-256 of every other file in the folder; returns the bundle's own SHA-256."""
    parts = {name: file_sha256(folder / name) for name in _files(folder) if name != MANIFEST_FILE}
    content = json.dumps({**facts, "parts": parts}, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / MANIFEST_FILE).write_text(content + "\n", encoding="utf-8", newline="\n")
    return file_sha256(folder / MANIFEST_FILE)


def read_verified(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest and its SHA-256. Raises BundleTamperedError."""
    try:
        content = (folder / MANIFEST_FILE).read_bytes()
        manifest: dict[str, Any] = json.loads(content)
        listed: dict[str, str] = manifest["parts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleTamperedError(f"{MANIFEST_FILE} can't be read") from error
    found = set(_files(folder)) - {MANIFEST_FILE}
    if unlisted := sorted(found - listed.keys()):
        raise BundleTamperedError(f"parts are not listed in {MANIFEST_FILE}: {', '.join(unlisted)}")
    for name, expected in sorted(listed.items()):
        if name not in found:
            raise BundleTamperedError(f"{name} is missing")
        if (observed := file_sha256(folder / name)) != expected:
            raise BundleTamperedError(f"{name} has SHA-256 {observed}, expected {expected}")
    return manifest, sha256(content).hexdigest()


def read_registered(folder: Path) -> tuple[dict[str, Any], str]:
    """Read the bundle that the container's environment names; raises BundleTamperedError for any other."""
    manifest, digest = read_verified(folder)
    expected = os.environ.get(EXPECTED_SHA256, digest)
    if digest != expected:
        raise BundleTamperedError(f"{MANIFEST_FILE} has SHA-256 {digest}, expected {expected}")
    return manifest, digest


def pack(folder: Path, archive: Path) -> None:
    """Put the folder into a `model.tar.gz`: sorted names, no times, no owners."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in _files(folder):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = (folder / name).stat().st_size, 0o644
            with (folder / name).open("rb") as content:
                tar.addfile(entry, content)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return iter(sorted(path.as_posix() for path in found if not _CACHES.intersection(path.parts)))
