"""An object store in memory."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import RLock

from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.shared.ports.objects import ObjectContent, StoredObject

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class InMemoryObjectStore:
    """ObjectStore in memory, safe for several threads. `before_put` lets a test do something at the worst moment."""

    def __init__(self, objects: dict[str, bytes] | None = None, *, now: datetime = NOON) -> None:
        self.now = now
        self.puts: list[str] = []
        self.before_put: Callable[[str], None] | None = None
        self._objects: dict[str, ObjectContent] = {}
        self._lock = RLock()
        for key, content in (objects or {}).items():
            self.put(key, content)
        self.puts.clear()

    def keys(self, prefix: str = "") -> list[str]:
        """Keys under a prefix."""
        return [entry.key for entry in self.entries(prefix)]

    def tick(self, seconds: float = 1) -> None:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        with self._lock:
            found = sorted((key, each) for key, each in self._objects.items() if key.startswith(prefix))
        for key, each in found:
            yield StoredObject(key, len(each.content), each.etag, each.modified_at)

    def find(self, key: str) -> StoredObject | None:
        return next((entry for entry in self.entries(key) if entry.key == key), None)

    def get(self, key: str) -> ObjectContent:
        with self._lock:
            if key not in self._objects:
                raise NotFoundError("no such object", field=key)
            return self._objects[key]

    def start(self, key: str, size_bytes: int) -> bytes:
        return self.get(key).content[:size_bytes]

    def get_many(self, keys: Sequence[str]) -> Iterator[ObjectContent]:
        yield from map(self.get, keys)

    def put(
        self,
        key: str,
        content: bytes,
        *,
        content_type: str = "application/octet-stream",
        only_if_absent: bool = False,
        only_if_etag: str | None = None,
    ) -> str:
        if self.before_put:
            self.before_put(key)
        with self._lock:
            present = self._objects.get(key)
            if only_if_absent and present:
                raise ConflictError(f"{key} is there already")
            if only_if_etag is not None and (present is None or present.etag != only_if_etag):
                raise ConflictError(f"{key} was changed by another writer")
            etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
            self._objects[key] = ObjectContent(content, etag, self.now.replace(microsecond=0))
            self.puts.append(key)
            return etag

    def copy(self, source_key: str, target_key: str) -> None:
        with self._lock:
            if source_key not in self._objects:
                raise NotFoundError("no such object", field=source_key)
            self._objects[target_key] = replace(self._objects[source_key], modified_at=self.now)

    def delete(self, key: str, *, only_if_etag: str | None = None) -> None:
        with self._lock:
            present = self._objects.get(key)
            if present and only_if_etag is not None and present.etag != only_if_etag:
                raise ConflictError(f"{key} was changed by another writer")
            self._objects.pop(key, None)
