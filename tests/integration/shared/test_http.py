"""The adapters' HTTP client, against a server on this machine."""

import gzip
from dataclasses import replace

import pytest

from bellwether.shared.adapters.http import Answer, HttpClient, Limits
from bellwether.shared.domain.errors import TransientUpstreamError
from tests.fakes.http_server import Answer as Scripted
from tests.fakes.http_server import http_server

LIMITS = Limits(attempts=3, pause_seconds=60)


def client(pauses: list[float]) -> HttpClient:
    return HttpClient("the API", headers={"User-Agent": "test"}, limits=LIMITS, pause=pauses.append, now=lambda: 0.0)


@pytest.mark.parametrize("status", [200, 302, 404])
def test_an_answer_that_is_not_busy_is_returned(status: int) -> None:
    with http_server(lambda _: Scripted(status, b"text")) as server:
        assert client([]).get(server.url, {"a": "b"}) == Answer(status, b"text")


def test_a_gzipped_answer_is_decompressed_within_the_limit() -> None:
    member, headers = gzip.compress(b""), {"Content-Encoding": "gzip"}
    bodies = iter([gzip.compress(b"text"), gzip.compress(bytes(LIMITS.answer_bytes + 1)), member * 100_000])
    with http_server(lambda _: Scripted(200, next(bodies), headers)) as server:
        client_ = HttpClient("the API", headers={}, limits=replace(LIMITS, attempts=1), pause=lambda _: None)
        assert client_.get(server.url, {}) == Answer(200, b"text")
        for _ in range(2):
            with pytest.raises(TransientUpstreamError, match="DecodeError"):
                client_.get(server.url, {})


def test_backoff_grows_from_the_first_retry_on() -> None:
    pauses: list[float] = []
    with http_server(lambda _: Scripted(503)) as server, pytest.raises(TransientUpstreamError, match="HTTP 503"):
        client(pauses).get(server.url, {})
    assert len(server.requests) == 3
    assert 0.5 <= pauses[0] <= 1 <= pauses[1] <= 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "30"}, 30.1),
        ({"X-RateLimit-Reset": "30"}, 30.1),
    ],
)
def test_the_server_says_when_to_ask_again(headers: dict[str, str], seconds: float) -> None:
    answers = iter([Scripted(429, headers=headers), Scripted(body=b"late")])
    pauses: list[float] = []
    with http_server(lambda _: next(answers)) as server:
        assert client(pauses).get(server.url, {}).content == b"late"
    assert pauses == [seconds]


def test_a_pause_beyond_the_limit_ends_the_call() -> None:
    with (
        http_server(lambda _: Scripted(429, headers={"Retry-After": "61"})) as server,
        pytest.raises(TransientUpstreamError, match="429"),
    ):
        client([]).get(server.url, {})
    assert len(server.requests) == 1
