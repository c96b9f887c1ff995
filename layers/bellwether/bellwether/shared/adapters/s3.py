"""S3: the objects of one bucket."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import ConflictError, NotFoundError, UpstreamError
from bellwether.shared.per_process import once_per_process
from bellwether.shared.ports.objects import ObjectContent, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARALLEL_READS = 16
_CONDITION_FAILED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@once_per_process
def s3_client() -> "S3Client":
    """One client for each process."""
    patient = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 4, "mode": "standard"},
        max_pool_connections=PARALLEL_READS,
    )
    return aws_client("s3", config=patient)


class S3ObjectStore:
    """ObjectStore over one bucket, with the process's client unless one is given. Safe for several threads."""

    def __init__(self, bucket: str, client: "S3Client | None" = None) -> None:
        self._bucket = bucket
        if client is None:
            self._client = s3_client()
        else:
            self._client = client

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, by key."""
        with self._translated(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], item["Size"], item["ETag"], item["LastModified"])

    def find(self, key: str) -> StoredObject | None:
        """The object's entry without its bytes; None when there is none."""
        try:
            with self._translated(key):
                head = self._client.head_object(Bucket=self._bucket, Key=key)
        except NotFoundError:
            return None
        return StoredObject(key, head["ContentLength"], head["ETag"], head["LastModified"])

    def get(self, key: str) -> ObjectContent:
        """Raises NotFoundError."""
        with self._translated(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            content = answer["Body"].read()
            return ObjectContent(content, answer["ETag"], answer["LastModified"], answer.get("VersionId", ""))

    def start(self, key: str, size_bytes: int) -> bytes:
        """The first bytes of an object; an object without any has no range to ask for. Raises NotFoundError."""
        try:
            with self._translated(key):
                answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes=0-{size_bytes - 1}")
                return answer["Body"].read()
        except UpstreamError as error:
            if "InvalidRange" not in str(error):
                raise
            return b""

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
            with self._translated(key):
                answer = self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=content, ContentType=content_type, **condition
                )
        except NotFoundError as error:
            if only_if_etag is None:
                raise
            raise ConflictError(f"{self._place(key)} is gone") from error
        return answer["ETag"]

    def copy(self, source_key: str, target_key: str) -> None:
        """Copy within the bucket without fetching the bytes; raises NotFoundError."""
        source: Any = {"Bucket": self._bucket, "Key": source_key}
        with self._translated(source_key):
            self._client.copy_object(Bucket=self._bucket, Key=target_key, CopySource=source)

    def delete(self, key: str, *, only_if_etag: str | None = None) -> None:
        """Remove; nothing happens when it is gone. Raises ConflictError when its content is not the one meant."""
        condition: dict[str, Any] = {} if only_if_etag is None else {"IfMatch": only_if_etag}
        with suppress(NotFoundError), self._translated(key):
            self._client.delete_object(Bucket=self._bucket, Key=key, **condition)

    def _place(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        with translated(self._place(key)):
            try:
                yield
            except ClientError as error:
                if str(error.response.get("Error", {}).get("Code", "")) in _CONDITION_FAILED:
                    raise ConflictError(f"{self._place(key)} was changed by another writer") from error
                raise
