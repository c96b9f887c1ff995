"""Objects by key: what S3 is to the use cases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it; `etag` changes with its content."""

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """An object and its bytes; `version_id` is empty in a bucket without versions."""

    content: bytes
    etag: str
    modified_at: datetime
    version_id: str = ""


class ObjectStore(Protocol):
    """The objects of one bucket. Every method raises TransientUpstreamError or UpstreamError when the store fails."""

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, by key."""

    def find(self, key: str) -> StoredObject | None:
        """The object's entry without its bytes; None when there is none."""

    def get(self, key: str) -> ObjectContent:
        """Raises NotFoundError."""

    def start(self, key: str, size_bytes: int) -> bytes:
        """The first bytes of an object, all where it has no more; raises NotFoundError."""

    def get_many(self, keys: Sequence[str]) -> Iterator[ObjectContent]:
        """The contents in the order of `keys`, fetched side by side; raises NotFoundError for the first one missing."""

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

    def copy(self, source_key: str, target_key: str) -> None:
        """Copy within the bucket without fetching the bytes; raises NotFoundError."""

    def delete(self, key: str, *, only_if_etag: str | None = None) -> None:
        """Remove; nothing happens when it is gone. Raises ConflictError when its content is not the one meant."""
