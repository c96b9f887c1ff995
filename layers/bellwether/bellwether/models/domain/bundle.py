"""The model bundle: verify its hashes and read its manifest. Adapters read the tar file."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.bundle_manifest import BundleManifest, DriftReference
from bellwether.shared.domain.errors import BundleTamperedError
from bellwether.shared.domain.json_documents import parse_document

MANIFEST_FILE = "bundle.json"
EVALUATION_FILE = "evaluation.json"


@dataclass(frozen=True)
class BundleArchive:
    """What a tar held: the SHA-256 of every file by name, and the bytes of those that were asked for.

    `sha256` is that of the whole archive, `version_id` the bucket's name for this content of the object.
    """

    hashes: Mapping[str, str]
    contents: Mapping[str, bytes]
    sha256: str
    version_id: str = ""


class VersionFacts(BaseModel):
    """What the monitor holds a version's predictions against; kept beside the bundle's golden request."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    drift_reference: DriftReference
    metrics: dict[str, Any]


def served_key(model: str, archive_sha256: str) -> str:
    """Key of the copy that a version is served from; the bucket's policy lets nobody replace or delete it."""
    return f"models/{model}/bundles/{archive_sha256}/model.tar.gz"


def golden_key(model: str, bundle_sha256: str) -> str:
    """Key of a verified bundle's golden request in the data bucket."""
    return f"models/{model}/golden/{bundle_sha256}.json"


def reference_key(model: str, bundle_sha256: str) -> str:
    """Where a version's facts are kept."""
    return f"models/{model}/reference/{bundle_sha256}.json"


def verify(archive: BundleArchive, bundle_sha256: str) -> BundleManifest:
    """Check that the archive is the bundle of this hash, with exactly the parts that it lists.

    Raises BundleTamperedError for a hash that differs, a part that is missing or one that nobody listed, and
    InvalidInputError for a `bundle.json` that is authentic and yet does not fit the schema.
    """
    content = archive.contents.get(MANIFEST_FILE)
    if content is None:
        raise BundleTamperedError(f"{MANIFEST_FILE} is missing")
    observed = sha256(content).hexdigest()
    if observed != bundle_sha256:
        raise BundleTamperedError(f"{MANIFEST_FILE} has SHA-256 {observed}, expected {bundle_sha256}")
    manifest = parse_document(BundleManifest, content, MANIFEST_FILE)
    _check_parts(manifest.parts, {name: digest for name, digest in archive.hashes.items() if name != MANIFEST_FILE})
    return manifest


def _check_parts(listed: Mapping[str, str], found: Mapping[str, str]) -> None:
    if missing := sorted(listed.keys() - found.keys()):
        raise BundleTamperedError(f"parts are missing: {', '.join(missing)}")
    if unlisted := sorted(found.keys() - listed.keys()):
        raise BundleTamperedError(f"parts are not listed in {MANIFEST_FILE}: {', '.join(unlisted)}")
    for name, digest in sorted(listed.items()):
        if found[name] != digest:
            raise BundleTamperedError(f"{name} has SHA-256 {found[name]}, expected {digest}")
