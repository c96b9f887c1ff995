"""S3: what jobs read and write."""

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.sagemaker.clients import s3_client
from localcloud.sagemaker.configuration import Configuration
from localcloud.sagemaker.errors import JobError


@dataclass(frozen=True)
class S3Object:
    """One object, and its place below the prefix it was found under."""

    bucket: str
    key: str
    relative: PurePosixPath


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`. Raises JobError for anything else."""
    match = re.fullmatch(r"(?:s3|https)://([^/]+)/?(.*)", uri)
    if match is None or uri.startswith("https:"):
        raise JobError(f"ClientError: not an S3 address: {uri}")
    return match[1], match[2]


def join_uri(prefix: str, *parts: str) -> str:
    """`prefix` and parts with single slashes in between."""
    return "/".join([prefix.rstrip("/"), *(part.strip("/") for part in parts)])


class ObjectStore:
    """Downloads and uploads; every failure becomes a JobError worded as a FailureReason."""

    def __init__(self, configuration: Configuration) -> None:
        self._client = s3_client(configuration.s3_url, configuration.region)

    def find(self, uri: str) -> list[S3Object]:
        """The objects whose keys begin with `uri`, sorted. Raises JobError when there is none, as AWS fails the job."""
        bucket, prefix = split_uri(uri)
        found: list[S3Object] = []
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                found.extend(
                    S3Object(bucket, entry["Key"], _below(prefix, entry["Key"]))
                    for entry in page.get("Contents", [])
                    if not entry["Key"].endswith("/")
                )
        except (ClientError, BotoCoreError) as error:
            raise JobError(f"ClientError: Data download failed:{_reason(error)}") from error
        if not found:
            raise JobError(f"ClientError: Data download failed: S3 key: {uri} matched no files on s3")
        return sorted(found, key=lambda item: item.key)

    def find_listed(self, manifest_uri: str) -> list[S3Object]:
        """The objects that a manifest file names: `[{"prefix": "s3://…"}, "relative key", …]`."""
        try:
            head, *names = json.loads(self.read(manifest_uri))
            prefix = str(head["prefix"])
        except (ValueError, KeyError, TypeError) as error:
            raise JobError(f"ClientError: Data download failed: not a manifest: {manifest_uri}") from error
        bucket, base = split_uri(prefix)
        return [S3Object(bucket, base + str(name), PurePosixPath(str(name))) for name in names]

    def read(self, uri: str) -> bytes:
        """The bytes of one object."""
        bucket, key = split_uri(uri)
        try:
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise JobError(f"ClientError: Data download failed:{_reason(error)}: {uri}") from error

    def etag(self, uri: str) -> str | None:
        """The object's ETag; None when there is no such object. Raises JobError when S3 does not answer."""
        bucket, key = split_uri(uri)
        try:
            return str(self._client.head_object(Bucket=bucket, Key=key)["ETag"])
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise JobError(f"ClientError: {_reason(error)}: {uri}") from error
        except BotoCoreError as error:
            raise JobError(f"InternalServerError: {_reason(error)}: {uri}") from error

    def download(self, item: S3Object, folder: Path) -> Path:
        """Put the object at its relative place below `folder`, and never outside of it."""
        target = folder / item.relative
        if not target.resolve().is_relative_to(folder.resolve()):
            raise JobError(f"ClientError: Data download failed: key leaves its folder: {item.key}")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._client.download_file(item.bucket, item.key, str(target))
        except (ClientError, BotoCoreError) as error:
            raise JobError(f"ClientError: Data download failed:{_reason(error)}: {item.key}") from error
        return target

    def upload(self, path: Path, uri: str) -> None:
        """Write a file to S3."""
        bucket, key = split_uri(uri)
        try:
            self._client.upload_file(str(path), bucket, key)
        except Exception as error:  # S3UploadFailedError is neither BotoCoreError nor ClientError
            raise JobError(f"ClientError: Failed to upload to {uri}: {_reason(error)}") from error

    def upload_folder(self, folder: Path, uri: str) -> None:
        """Write every file below `folder`, in order of names."""
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            self.upload(path, join_uri(uri, path.relative_to(folder).as_posix()))


def _below(prefix: str, key: str) -> PurePosixPath:
    """Place of a key below a prefix: `a/b` and `a/b/` both are the folder of `a/b/c`; `a/b` is also the file `a/b`."""
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    if key.startswith(folder):
        return PurePosixPath(key[len(folder) :])
    return PurePosixPath(key[prefix.rfind("/") + 1 :])


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "?")
        return f"{details.get('Code', 'Unknown')} ({status}): {details.get('Message', '')}"
    return f"{type(error).__name__}: {error}"
