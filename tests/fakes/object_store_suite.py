"""What every ObjectStore does: run by the fake and by the adapter alike."""

from datetime import UTC

import pytest

from bellwether.shared.domain.errors import ConflictError, NotFoundError
from bellwether.shared.ports.objects import ObjectStore


class ObjectStoreSuite:
    """Derive a test class from it that has a fixture `store`, empty."""

    def test_what_was_put_is_got(self, store: ObjectStore) -> None:
        # Given an object
        etag = store.put("folder/name with ü.csv", b"content", content_type="text/csv")
        # When it is read
        found = store.get("folder/name with ü.csv")
        # Then it is the same, and dated in UTC
        assert (found.content, found.etag) == (b"content", etag)
        assert found.modified_at.utcoffset() == UTC.utcoffset(None)

    def test_entries_come_by_key_and_only_under_the_prefix(self, store: ObjectStore) -> None:
        for key in ("b/2", "a/1", "b/10", "b/1"):
            store.put(key, b"12345")
        entries = list(store.entries("b/"))
        assert [entry.key for entry in entries] == ["b/1", "b/10", "b/2"]
        assert {entry.size_bytes for entry in entries} == {5}
        assert entries[0].etag == store.get("b/1").etag
        assert list(store.entries("c/")) == []

    def test_an_entry_is_found_by_its_whole_key_only(self, store: ObjectStore) -> None:
        store.put("a/1", b"12345")
        found = store.find("a/1")
        assert found is not None
        assert (found.key, found.size_bytes, found.etag) == ("a/1", 5, store.get("a/1").etag)
        assert store.find("a/") is None

    def test_many_come_in_the_order_asked_for(self, store: ObjectStore) -> None:
        keys = [f"many/{number}" for number in range(100)]
        for key in keys:
            store.put(key, key.encode())
        assert [found.content for found in store.get_many(keys[::-1])] == [key.encode() for key in keys[::-1]]
        assert list(store.get_many([])) == []

    def test_the_start_of_an_object_is_read_alone(self, store: ObjectStore) -> None:
        store.put("a", b"content")
        store.put("empty", b"")
        assert (store.start("a", 4), store.start("a", 40), store.start("empty", 4)) == (b"cont", b"content", b"")
        with pytest.raises(NotFoundError):
            store.start("b", 4)

    def test_a_missing_object_is_not_found(self, store: ObjectStore) -> None:
        store.put("there", b"")
        with pytest.raises(NotFoundError):
            store.get("missing")
        with pytest.raises(NotFoundError):
            list(store.get_many(["there", "missing"]))
        with pytest.raises(NotFoundError):
            store.copy("missing", "elsewhere")

    def test_only_if_absent_never_replaces(self, store: ObjectStore) -> None:
        store.put("key", b"first", only_if_absent=True)
        with pytest.raises(ConflictError):
            store.put("key", b"second", only_if_absent=True)
        assert store.get("key").content == b"first"

    def test_only_if_etag_replaces_what_was_seen_and_nothing_else(self, store: ObjectStore) -> None:
        # Given an object that somebody replaces after it was seen
        seen = store.put("key", b"first")
        now = store.put("key", b"second", only_if_etag=seen)
        # When a write relies on what was seen, it is refused
        with pytest.raises(ConflictError):
            store.put("key", b"third", only_if_etag=seen)
        assert store.get("key").content == b"second"
        # Then one that relies on what is there goes through
        store.put("key", b"third", only_if_etag=now)
        assert store.get("key").content == b"third"

    def test_only_if_etag_of_an_object_that_is_gone_is_a_conflict(self, store: ObjectStore) -> None:
        seen = store.put("key", b"first")
        store.delete("key")
        with pytest.raises(ConflictError):
            store.put("key", b"second", only_if_etag=seen)
        assert store.find("key") is None

    def test_a_copy_has_the_same_bytes(self, store: ObjectStore) -> None:
        store.put("key", b"bytes")
        store.copy("key", "copies/key")
        assert store.get("copies/key").content == store.get("key").content == b"bytes"

    def test_deleting_twice_is_deleting_once(self, store: ObjectStore) -> None:
        store.put("key", b"bytes")
        store.delete("key")
        store.delete("key")
        store.delete("key", only_if_etag='"other"')
        assert store.find("key") is None

    def test_only_the_content_meant_is_deleted(self, store: ObjectStore) -> None:
        seen = store.put("key", b"first")
        now = store.put("key", b"second")
        with pytest.raises(ConflictError):
            store.delete("key", only_if_etag=seen)
        assert store.get("key").content == b"second"
        store.delete("key", only_if_etag=now)
        assert store.find("key") is None
