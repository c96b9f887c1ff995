"""The tars that training jobs leave in S3: read as a stream, every file hashed, none ever written to disk."""

import posixpath
import tarfile
import zlib
from hashlib import sha256
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from bellwether.models.domain.bundle import BundleArchive
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import BundleTamperedError, InvalidInputError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1024 * 1024
ARCHIVE_LIMIT_BYTES = 1024**3
MEMBER_LIMIT_BYTES = 512 * 1024**2
KEPT_LIMIT_BYTES = 16 * 1024**2
MEMBER_LIMIT = 2000


@once_per_process
def s3_client() -> "S3Client":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("s3", config=timely)


class S3Archives:
    """BundleArchives of one bucket. Needs s3:GetObject."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def read(self, uri: str, *, keep: frozenset[str]) -> BundleArchive:
        """Hash every file of the tar and keep the bytes of those named; errors as the port says."""
        parts = urlsplit(uri)
        if parts.scheme != "s3" or parts.netloc != self._bucket:
            raise InvalidInputError(f"does not lie in the bucket {self._bucket}", field=uri)
        with translated(uri):
            body = s3_client().get_object(Bucket=self._bucket, Key=parts.path.lstrip("/"))["Body"]
            return read_archive(cast(IO[bytes], body), keep=keep, name=uri)


def read_archive(stream: IO[bytes], *, keep: frozenset[str], name: str) -> BundleArchive:
    """Read a gzipped tar from a stream; `name` says in errors which one it is.

    Raises InvalidInputError for what is no gzipped tar or larger than the limits, BundleTamperedError for links,
    devices, paths that lead out, and a file that is in it twice.
    """
    hashes: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    total_bytes = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as tar:
            for number, member in enumerate(tar):
                total_bytes += member.size
                if number >= MEMBER_LIMIT or member.size > MEMBER_LIMIT_BYTES or total_bytes > ARCHIVE_LIMIT_BYTES:
                    raise InvalidInputError("is larger than a bundle may be", field=name)
                if member.isdir():
                    continue
                path = _honest_path(member)
                if path in hashes:
                    raise BundleTamperedError(f"{path} is in {name} twice")
                hashes[path], content = _hash(tar, member, kept=path in keep)
                if content is not None:
                    contents[path] = content
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise InvalidInputError(f"is no readable tar.gz: {error}", field=name) from error
    return BundleArchive(hashes, contents)


def _honest_path(member: tarfile.TarInfo) -> str:
    try:
        filtered = tarfile.data_filter(member, "/bundle")
    except tarfile.FilterError as error:
        raise BundleTamperedError(f"{member.name}: {error}") from error
    path = posixpath.normpath(filtered.name)
    if not member.isreg() or path.startswith(("/", "../")):
        raise BundleTamperedError(f"{member.name} is no ordinary file")
    return path


def _hash(tar: tarfile.TarFile, member: tarfile.TarInfo, *, kept: bool) -> tuple[str, bytes | None]:
    if kept and member.size > KEPT_LIMIT_BYTES:
        raise InvalidInputError(f"is larger than {KEPT_LIMIT_BYTES} bytes", field=member.name)
    digest, chunks = sha256(), []
    file = tar.extractfile(member)
    while file is not None and (chunk := file.read(CHUNK_BYTES)):
        digest.update(chunk)
        if kept:
            chunks.append(chunk)
    return digest.hexdigest(), b"".join(chunks) if kept else None
