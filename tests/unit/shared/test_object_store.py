"""The object store in memory does what the adapter does."""

import pytest

from bellwether.shared.ports.objects import ObjectStore
from tests.fakes.object_store_suite import ObjectStoreSuite
from tests.fakes.objects import InMemoryObjectStore


class TestInMemoryObjectStore(ObjectStoreSuite):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return InMemoryObjectStore()
