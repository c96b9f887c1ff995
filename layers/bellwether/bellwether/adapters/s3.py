"""S3: the objects of one bucket."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from bellwether.domain.errors import (
    BellwetherError,
    ConflictError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)
from bellwether.ports import ObjectContent, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARALLEL_READS = 16
_MISSING = {"NoSuchKey", "NoSuchVersion", "404", "NotFound"}
_CONFLICT = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_TRANSIENT = {"SlowDown", "InternalError", "RequestTimeout", "ServiceUnavailable", "ThrottlingException"}


class S3ObjectStore:
    """ObjectStore over one bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, by key."""
        try:
            for page in _client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], item["Size"], item["ETag"], item["LastModified"])
        except (ClientError, BotoCoreError) as error:
            raise self._translated(error, prefix) from error

    def find(self, key: str) -> StoredObject | None:
        """The object's entry without its bytes; None when there is none."""
        try:
            head = _client().head_object(Bucket=self._bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            translated = self._translated(error, key)
            if isinstance(translated, NotFoundError):
                return None
            raise translated from error
        return StoredObject(key, head["ContentLength"], head["ETag"], head["LastModified"])

    def get(self, key: str) -> ObjectContent:
        """Raises NotFoundError."""
        try:
            answer = _client().get_object(Bucket=self._bucket, Key=key)
            return ObjectContent(answer["Body"].read(), answer["ETag"], answer["LastModified"])
        except (ClientError, BotoCoreError) as error:
            raise self._translated(error, key) from error

    def get_many(self, keys: Sequence[str]) -> Iterator[ObjectContent]:
        """The contents in the order of `keys`, fetched side by side; raises NotFoundError for the first one missing."""
        with ThreadPoolExecutor(max_workers=PARALLEL_READS) as pool:
            for batch in batched(keys, 4 * PARALLEL_READS, strict=False):  # bounds what waits in memory
                yield from pool.map(self.get, batch)

    def put(
        self,
        key: str,
        content: bytes,
        *,
        content_type: str = "application/octet-stream",
        only_if_absent: bool = False,
        only_if_etag: str | None = None,
    ) -> str:
        """Write, and return the etag. ConflictError, with nothing written, when the condition does not hold."""
        condition: dict[str, Any] = {}
        if only_if_absent:
            condition["IfNoneMatch"] = "*"
        if only_if_etag is not None:
            condition["IfMatch"] = only_if_etag
        try:
            answer = _client().put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType=content_type, **condition
            )
        except (ClientError, BotoCoreError) as error:
            translated = self._translated(error, key)
            if condition and isinstance(translated, NotFoundError):  # IfMatch on an object that is gone
                translated = ConflictError(f"s3://{self._bucket}/{key} is gone")
            raise translated from error
        return answer["ETag"]

    def copy(self, source_key: str, target_key: str) -> None:
        """Copy within the bucket without fetching the bytes; raises NotFoundError."""
        try:
            _client().copy_object(
                Bucket=self._bucket, Key=target_key, CopySource={"Bucket": self._bucket, "Key": source_key}
            )
        except (ClientError, BotoCoreError) as error:
            raise self._translated(error, source_key) from error

    def delete(self, key: str, *, only_if_etag: str | None = None) -> None:
        """Remove; nothing happens when it is gone. Raises ConflictError when its content is not the one meant."""
        condition: dict[str, Any] = {} if only_if_etag is None else {"IfMatch": only_if_etag}
        try:
            _client().delete_object(Bucket=self._bucket, Key=key, **condition)
        except (ClientError, BotoCoreError) as error:
            translated = self._translated(error, key)
            if not isinstance(translated, NotFoundError):
                raise translated from error

    def _translated(self, error: ClientError | BotoCoreError, key: str) -> BellwetherError:
        place = f"s3://{self._bucket}/{key}"
        if not isinstance(error, ClientError):
            passing = isinstance(error, HTTPClientError | BotoConnectionError)
            return (TransientUpstreamError if passing else UpstreamError)(f"{place}: {error}")
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        if code in _MISSING:
            return NotFoundError("no such object", field=place)
        if code in _CONFLICT:
            return ConflictError(f"{place} is not what it was")
        if code in _TRANSIENT or status >= 500:
            return TransientUpstreamError(f"{place}: {code}")
        return UpstreamError(f"{place}: {code}")


@cache
def _client() -> "S3Client":
    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"total_max_attempts": 4, "mode": "standard"},
            max_pool_connections=PARALLEL_READS,
        ),
    )
