"""A model bundle on disk: plain files, and `bundle.json` that lists each of them with its SHA-256. No clock in it."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import BundleTamperedError

MANIFEST_FILE = "bundle.json"
CODE_FOLDER = "code"
EXPECTED_SHA256 = "BELLWETHER_BUNDLE_SHA256"  # the registered version's, in the container's environment
_LEFT_BY_INTERPRETER = "__pycache__"


def write_parts(folder: Path, files: Mapping[str, bytes]) -> Mapping[str, str]:
    """Write files by their path below the folder, and tell the SHA-256 of each."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Write `bundle.json` and tell its SHA-256, by which the bundle is known."""
    content = to_json(manifest)
    (folder / MANIFEST_FILE).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def to_json(document: Mapping[str, Any]) -> bytes:
    """One way to write a document, so that equal ones are equal bytes; NaN and infinity are refused with ValueError."""
    return (json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_verified(folder: Path) -> tuple[Mapping[str, Any], str, Mapping[str, bytes]]:
    """Read a bundle: manifest, SHA-256 of the manifest, and every part; raises BundleTamperedError for any difference.

    Only the files' bytes that were hashed are handed on, so nothing can change between check and use.
    """
    try:
        content = (folder / MANIFEST_FILE).read_bytes()
        manifest = json.loads(content)
        listed: Mapping[str, str] = manifest["parts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleTamperedError(f"{MANIFEST_FILE} is missing or can't be read") from error
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if _belongs(path)}
    if missing := sorted(listed.keys() - found.keys()):
        raise BundleTamperedError(f"parts are missing: {', '.join(missing)}")
    if unlisted := sorted(found.keys() - listed.keys() - {MANIFEST_FILE}):
        raise BundleTamperedError(f"parts are not listed in {MANIFEST_FILE}: {', '.join(unlisted)}")
    parts = {name: found[name].read_bytes() for name in listed}
    for name, part in sorted(parts.items()):
        observed = hashlib.sha256(part).hexdigest()
        if observed != listed[name]:
            raise BundleTamperedError(f"{name} has SHA-256 {observed}, expected {listed[name]}")
    return manifest, hashlib.sha256(content).hexdigest(), parts


def read_registered(folder: Path) -> tuple[Mapping[str, Any], str, Mapping[str, bytes]]:
    """Read the bundle that the container's environment names; raises BundleTamperedError for any other."""
    manifest, digest, parts = read_verified(folder)
    expected = os.environ.get(EXPECTED_SHA256, digest)
    if digest != expected:
        raise BundleTamperedError(f"{MANIFEST_FILE} has SHA-256 {digest}, expected {expected}")
    return manifest, digest, parts


def _belongs(path: Path) -> bool:
    return not path.is_dir() and _LEFT_BY_INTERPRETER not in path.parts
