"""The tars that training jobs leave in S3: read as a stream, every file hashed, none ever written to disk."""

from dataclasses import replace
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

from botocore.config import Config

from bellwether.models.domain.bundle import BundleArchive
from bellwether.models.domain.plain_tar import (
    ArchiveAmbiguousError,
    ArchiveTooLargeError,
    ArchiveUnreadableError,
    Limits,
    read_plain_tar,
)
from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import BundleTamperedError, InvalidInputError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARCHIVE_LIMIT_BYTES = 1024**3
MEMBER_LIMIT_BYTES = 512 * 1024**2
KEPT_LIMIT_BYTES = 16 * 1024**2
MEMBER_LIMIT = 2000


@once_per_process
def s3_client() -> "S3Client":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
    return aws_client("s3", config=timely)


class S3Archives:
    """BundleArchives of one bucket. Needs s3:GetObject."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def read(self, uri: str, *, keep: frozenset[str]) -> BundleArchive:
        """Hash every file of the tar and keep the bytes of those named; errors as the port says."""
        parts = urlsplit(uri)
        if parts.scheme != "s3" or parts.netloc != self._bucket:
            raise InvalidInputError(f"is not in the bucket {self._bucket}", field=uri)
        with translated(uri):
            found = s3_client().get_object(Bucket=self._bucket, Key=parts.path.lstrip("/"))
            archive = read_archive(cast(IO[bytes], found["Body"]), keep=keep, name=uri)
        return replace(archive, version_id=found.get("VersionId", ""))


def read_archive(stream: IO[bytes], *, keep: frozenset[str], name: str) -> BundleArchive:
    """Read a gzipped tar from a stream; `name` says in errors which one it is.

    Raises InvalidInputError for what is not gzipped tar or larger than the limits, BundleTamperedError for an archive
    that another program might read differently.
    """
    limits = Limits(MEMBER_LIMIT, MEMBER_LIMIT_BYTES, ARCHIVE_LIMIT_BYTES, KEPT_LIMIT_BYTES)
    try:
        tar = read_plain_tar(stream, keep=keep, limits=limits)
    except ArchiveUnreadableError as error:
        raise InvalidInputError(f"is not a readable tar.gz: {error}", field=name) from error
    except ArchiveTooLargeError as error:
        raise InvalidInputError(str(error), field=name) from error
    except ArchiveAmbiguousError as error:
        raise BundleTamperedError(f"{name}: {error}") from error
    return BundleArchive(tar.hashes, tar.contents, tar.sha256)
