"""The S3 adapter: the suite of every object store, and how it names S3's errors."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ResponseStreamingError

from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.domain.errors import NotFoundError, TransientUpstreamError, UpstreamError
from bellwether.shared.ports.objects import ObjectStore
from tests.fakes.object_store_suite import ObjectStoreSuite


class TestS3ObjectStore(ObjectStoreSuite):
    @pytest.fixture
    def store(self, bucket: str) -> ObjectStore:
        return S3ObjectStore(bucket)

    def test_more_entries_than_one_page_holds(self, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
        # Given more objects than a listing shows at once
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
        for number in range(8):
            store.put(f"pages/{number}", b"")
        # When they are listed, then all are there
        assert len(list(store.entries("pages/"))) == 8

    def test_a_bucket_that_is_not_there_is_refused(self, bucket: str) -> None:
        with pytest.raises(NotFoundError, match="another-bucket"):
            list(S3ObjectStore("another-bucket").entries(""))


class _FailingClient:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_object(self, **_: str) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"), TransientUpstreamError),
        (ClientError({"ResponseMetadata": {"HTTPStatusCode": 503}}, "GetObject"), TransientUpstreamError),  # type: ignore[typeddict-item]
        (ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"), UpstreamError),
        (ConnectTimeoutError(endpoint_url="https://s3"), TransientUpstreamError),
        (ResponseStreamingError(error="cut off"), TransientUpstreamError),
    ],
)
def test_errors_say_whether_trying_again_helps(
    error: Exception, expected: type[Exception], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3ObjectStore(bucket)
    monkeypatch.setattr(store, "_client", _FailingClient(error))
    with pytest.raises(expected) as raised:
        store.get("key")
    assert raised.value.__cause__ is error
    assert type(raised.value) is expected
