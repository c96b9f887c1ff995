"""The HTTP client of the adapters: retries, rate limits, a deadline and a limit on the size of an answer."""

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import DecodeError, HTTPError, InvalidHeader, MaxRetryError, TimeoutError
from urllib3.response import BaseHTTPResponse

from bellwether.shared.domain.compression import gunzip
from bellwether.shared.domain.errors import InvalidInputError, TransientUpstreamError, UpstreamError

_PART_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often to ask. A longer pause than `pause_seconds` ends the call: the next run may try again."""

    attempts: int = 4
    connect_seconds: float = 5.0
    read_seconds: float = 20.0  # without a byte
    answer_seconds: float = 30.0  # for a whole answer
    pause_seconds: float = 20.0
    reserve_seconds: float = 5.0  # with less time left no request is sent
    answer_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """Any answer but "busy" (429 and 5xx); the content of one that is not 200 may be cut off."""

    status: int
    content: bytes


class HttpClient:
    """GET with retries (urllib3's Retry decides which and when). Redirects are not followed.

    `name` is the API's name in error messages, which never hold a URL, a parameter or a header.
    """

    def __init__(
        self,
        name: str,
        *,
        headers: Mapping[str, str],
        limits: Limits,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._name = name
        self._limits = limits
        self._pause = pause
        self._now = now
        self._seconds_left = seconds_left
        self._not_before = 0.0
        self._pool = urllib3.PoolManager(headers={"Accept-Encoding": "gzip", **headers}, retries=False)

    def get(self, url: str, parameters: Mapping[str, str]) -> Answer:
        """Raises TransientUpstreamError when there is no answer in time, UpstreamError when it is too large."""
        self._wait_for_rate_limit()
        retry: urllib3.Retry = _Retry(self._limits.attempts - 1, backoff_factor=0.5, status_forcelist=range(500, 600))
        while True:
            if self._seconds_left() < self._limits.reserve_seconds:
                raise TransientUpstreamError(f"no time left to call {self._name}")
            response, error = None, None
            try:
                response, content = self._attempt(url, parameters)
            except HTTPError as problem:
                error = problem
            if response is not None and response.status != 429 and response.status < 500:
                return self._answer(response, content)
            reason = type(error).__name__ if response is None else f"HTTP {response.status}"
            try:
                retry = retry.increment("GET", "", response=response, error=error)
            except MaxRetryError:
                wait = math.inf
            else:
                wait = self._wait_before(retry, response)
            if wait > self._longest_pause():
                raise TransientUpstreamError(f"{self._name} did not answer: {reason}") from None
            self._pause(wait)

    def _attempt(self, url: str, parameters: Mapping[str, str]) -> tuple[BaseHTTPResponse, bytes]:
        allowed = min(self._limits.answer_seconds, self._seconds_left())
        over_at = time.monotonic() + allowed
        timeout = urllib3.Timeout(
            connect=min(self._limits.connect_seconds, allowed), read=min(self._limits.read_seconds, allowed)
        )
        response = self._pool.request(
            "GET", url, fields=dict(parameters), preload_content=False, redirect=False, timeout=timeout
        )
        content = b""
        try:
            for part in response.stream(_PART_BYTES, decode_content=False):
                content += part
                if time.monotonic() > over_at:
                    raise TimeoutError("the answer took too long")
                if len(content) > self._limits.answer_bytes:
                    break
        finally:
            response.release_conn()
            response.close()
        if response.headers.get("X-RateLimit-Remaining") == "0":
            self._not_before = _number(response.headers.get("X-RateLimit-Reset")) or 0.0
        return response, self._decoded(response, content)

    def _decoded(self, response: BaseHTTPResponse, content: bytes) -> bytes:
        """Decompress here and not in urllib3, whose time is quadratic in the number of gzip members."""
        too_large = len(content) > self._limits.answer_bytes
        if too_large or response.headers.get("Content-Encoding", "").strip().lower() not in {"gzip", "x-gzip"}:
            return content
        try:
            return gunzip(content, limit_bytes=self._limits.answer_bytes)
        except InvalidInputError as error:
            raise DecodeError(str(error)) from error

    def _answer(self, response: BaseHTTPResponse, content: bytes) -> Answer:
        if response.status == 200 and len(content) > self._limits.answer_bytes:
            raise UpstreamError(f"the answer of {self._name} is larger than {self._limits.answer_bytes} bytes")
        return Answer(response.status, content)

    def _wait_for_rate_limit(self) -> None:
        wait = self._not_before - self._now()
        if wait > self._longest_pause():
            raise TransientUpstreamError(f"the rate limit of {self._name} is used up for {wait:.0f} s")
        if wait > 0:
            self._pause(wait)

    def _wait_before(self, retry: urllib3.Retry, response: BaseHTTPResponse | None) -> float:
        """Seconds until the next attempt: as the server says, else with exponential backoff."""
        if response is not None:
            try:
                after = retry.get_retry_after(response)
            except InvalidHeader:
                after = None
            if after is not None:
                return after
            reset = _number(response.headers.get("X-RateLimit-Reset"))  # seconds since 1970
            if reset is not None:
                return max(0.0, reset - self._now()) + 0.1
        return retry.get_backoff_time()

    def _longest_pause(self) -> float:
        return min(self._limits.pause_seconds, self._seconds_left() - self._limits.reserve_seconds)


class _Retry(urllib3.Retry):
    def get_backoff_time(self) -> float:
        """Also wait before the first retry, where urllib3 does not; at random, to spread the load."""
        return self.backoff_factor * 2.0 ** len(self.history) * random.uniform(0.5, 1)  # noqa: S311 - no secret


def _number(text: str | None) -> float | None:
    return float(text) if text and text.replace(".", "", 1).isdecimal() and len(text) < 20 else None
