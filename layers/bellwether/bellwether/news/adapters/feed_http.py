"""Feeds over HTTP: many at once, each with a limit on time, redirects and bytes, none to an address that is not public.

Names are resolved here, every address is checked, and the connection goes to the checked address itself: a name that
changes its address between check and use changes nothing. Responses are asked for with gzip or deflate; brotli would
need a library of its own for a few percent, and no server insists on it.
"""

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import h11

from bellwether.news.domain.addresses import is_public
from bellwether.news.domain.feeds import DueFeed
from bellwether.news.ports.feed_access import FeedResponse
from bellwether.shared.domain.compression import inflate
from bellwether.shared.domain.errors import InvalidInputError

PERMANENT, TEMPORARY = frozenset({301, 308}), frozenset({302, 303, 307})

LEAST_SECONDS = 3.0
"""With less time left a feed is not asked any more."""

DECOMPRESSORS = 4
"""Threads that decompress: in the event loop one hostile answer would delay all others."""

_ACCEPT = "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, */*;q=0.1"
_CHUNK_BYTES = 64 * 1024
_MOST_ADDRESSES = 3
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.I)
_UNUSABLE = re.compile(r"no-(?:cache|store)", re.I)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one feed may take. `content_bytes` counts after decompression, `wire_bytes` before."""

    at_once: int = 32
    total_seconds: float = 15.0
    connect_seconds: float = 5.0
    redirects: int = 5
    wire_bytes: int = 4 * 1024 * 1024
    content_bytes: int = 8 * 1024 * 1024


class FetchError(Exception):
    """A feed was not fetched; the message goes into its state."""


class UnreadableError(Exception):
    """There was an answer, but its bytes are no document; `content` is what came."""

    def __init__(self, reason: str, content: bytes) -> None:
        super().__init__(reason)
        self.content = content


def user_agent(contact: str = "") -> str:
    """How the reader calls itself; with a mail address or a page, a publisher knows whom to ask."""
    return f"bellwether/0.1 (feed reader; {contact or 'asks conditionally, honours Retry-After and ttl'})"


def resolve(host: str, port: int) -> list[str]:
    """Addresses of a host, as the operating system finds them; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class HttpFeedFetcher:
    """FeedFetcher. `allow_private` lets it connect to any address: for feeds replayed on this machine.

    `contact`, in ASCII, tells publishers who asks.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        contact: str = "",
        limits: Limits | None = None,
        resolve: Callable[[str, int], list[str]] = resolve,
    ) -> None:
        self._allow_private = allow_private
        self._user_agent = user_agent(contact)
        self._limits = limits or Limits()
        self._resolve = resolve
        # of its own: an event loop that ends waits for its default executor, and so for every name server that hangs
        self._resolvers = ThreadPoolExecutor(max_workers=self._limits.at_once, thread_name_prefix="resolve")
        self._decompressors = ThreadPoolExecutor(max_workers=DECOMPRESSORS, thread_name_prefix="decompress")

    def fetch(self, feeds: Sequence[DueFeed], *, seconds_left: float) -> Iterator[FeedResponse]:
        """One answer a feed, as they come in.

        The event loop runs in a thread beside the caller's, who reads documents meanwhile. No more answers than may
        be asked for at once wait to be taken: memory is bounded by `at_once` documents.
        """
        round_ = _FetchRun(self, feeds, monotonic() + seconds_left)
        thread = Thread(target=round_.run, name="fetch-feeds", daemon=True)
        thread.start()
        try:
            yield from round_.answers()
        finally:
            round_.stop()
            thread.join(timeout=self._limits.total_seconds)

    # --- one feed ---------------------------------------------------------------------------------------------------

    async def ask(self, feed: DueFeed, *, give_up_at: float) -> FeedResponse:
        """The answer of one feed; whatever goes wrong is in it."""
        seconds = min(self._limits.total_seconds, give_up_at - monotonic())
        if seconds < min(self._limits.total_seconds, LEAST_SECONDS):  # a failure then would be ours
            return FeedResponse(feed, datetime.now(UTC), feed.url, tried=False)
        answer = FeedResponse(feed, datetime.now(UTC), feed.url)
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(answer)
        except TimeoutError:
            return replace(answer, error=f"no whole answer within {seconds:.0f} s")
        except FetchError as error:
            return replace(answer, error=str(error))
        except UnreadableError as error:
            return replace(answer, http_status=200, content=error.content, unreadable=str(error))
        except (OSError, ssl.SSLError, h11.ProtocolError) as error:
            return replace(answer, error=_describe(error))
        except Exception as error:  # noqa: BLE001 - one feed's answer must not end the others'
            return replace(answer, error=f"{type(error).__name__}: {error}"[:500])

    async def _follow(self, answer: FeedResponse) -> FeedResponse:
        """Follow redirects to the end; where they are permanent from the first on, remember how far they led."""
        url, permanent = answer.feed.url, True
        for _ in range(self._limits.redirects + 1):
            status, headers, body = await self._get(url, answer.feed)
            if status not in PERMANENT | TEMPORARY:
                loop, reached = asyncio.get_running_loop(), replace(answer, url=url)
                return await loop.run_in_executor(
                    self._decompressors, _as_answer, reached, status, headers, body, self._limits
                )
            location = headers.get("location")
            if not location:
                raise FetchError(f"HTTP {status} without a Location header")
            target = _joined(url, location)
            loses_tls = urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http"
            permanent = permanent and status in PERMANENT and not loses_tls
            if permanent and len(target) <= 2000:
                answer = replace(answer, moved_to=target)
            url = target
        raise FetchError(f"more than {self._limits.redirects} redirects")

    async def _get(self, url: str, feed: DueFeed) -> tuple[int, dict[str, str], bytes]:
        """One request: status, headers (names in lower case), body as it came. Only a 200 has a body worth reading."""
        target = _Target.of(url)
        addresses = await self._addresses(target)
        async with self._connection(target, addresses) as (reader, writer):
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_CHUNK_BYTES)
            request = h11.Request(method="GET", target=target.path, headers=_headers(target, feed, self._user_agent))
            writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
            await writer.drain()
            status, headers, body = 0, {}, bytearray()
            while True:
                match event := connection.next_event():
                    case h11.NEED_DATA:
                        connection.receive_data(await reader.read(_CHUNK_BYTES))
                    case h11.Response():
                        status = event.status_code
                        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
                        if status != 200:
                            return status, headers, b""
                    case h11.Data():
                        body += event.data
                        if len(body) > self._limits.wire_bytes:
                            reason = f"larger than {self._limits.wire_bytes} bytes on the wire"
                            raise UnreadableError(reason, bytes(body))
                    case h11.EndOfMessage():
                        return status, headers, bytes(body)
                    case h11.ConnectionClosed() | h11.PAUSED:
                        raise FetchError("the server closed the connection before it responded")

    async def _addresses(self, target: "_Target") -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._resolvers, self._resolve, target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise FetchError(f"{target.host} has no address: {_describe(error)}") from error
        closed = [] if self._allow_private else [each for each in found if not is_public(each)]
        if closed or not found:
            raise FetchError(f"{target.host} is not on the public internet ({', '.join(closed) or 'no address'})")
        return found[:_MOST_ADDRESSES]

    @asynccontextmanager
    async def _connection(
        self, target: "_Target", addresses: Sequence[str]
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to the first address that takes one; the certificate is checked against the name."""
        reader, writer = await self._connect(target, addresses)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()  # nobody waits for a polite farewell

    async def _connect(
        self, target: "_Target", addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = _tls() if target.tls else None
        failure: Exception = FetchError("no address")
        for address in addresses:
            try:
                async with asyncio.timeout(self._limits.connect_seconds):
                    return await asyncio.open_connection(
                        address, target.port, ssl=context, server_hostname=target.host if context else None
                    )
            except (OSError, TimeoutError) as error:
                failure = error
        raise FetchError(f"no connection to {target.host}: {_describe(failure)}") from failure


# --- many feeds -----------------------------------------------------------------------------------------------------


class _FetchRun:
    """One run over many feeds: an event loop in a thread, answers through a queue, a slot free when one is taken."""

    def __init__(self, fetcher: HttpFeedFetcher, feeds: Sequence[DueFeed], give_up_at: float) -> None:
        self._fetcher = fetcher
        self._feeds = feeds
        self._give_up_at = give_up_at
        self._queue: SimpleQueue[FeedResponse | None] = SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._slots = asyncio.Semaphore(fetcher._limits.at_once)
        self._all: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Body of the thread."""
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(asyncio.CancelledError):
                runner.run(self._ask_all())
        finally:
            self._queue.put(None)

    def answers(self) -> Iterator[FeedResponse]:
        """In the caller's thread; a slot is free again when the caller comes back for the next answer."""
        while (answer := self._queue.get()) is not None:
            yield answer
            self._call(self._slots.release)

    def stop(self) -> None:
        """Give up what is under way."""
        if self._all is not None:
            self._call(self._all.cancel)

    async def _ask_all(self) -> None:
        self._all = asyncio.current_task()
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(self._ask(feed))

    async def _ask(self, feed: DueFeed) -> None:
        with suppress(TimeoutError):  # all slots taken until the end
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._give_up_at - monotonic()):
                await self._slots.acquire()
        self._queue.put(await self._fetcher.ask(feed, give_up_at=self._give_up_at))

    def _call(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function)


# --- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL taken apart."""

    tls: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "_Target":
        """Raises FetchError for a URL that is not fetched: another scheme, credentials, nonsense."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode("ascii")
        except ValueError as error:  # UnicodeError is one
            raise FetchError(f"invalid URL: {error}") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise FetchError(f"only http and https are fetched, not {parts.scheme or 'this'}:")
        if parts.username is not None:
            raise FetchError("a URL with credentials is not fetched")
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe="/?:@!$&'()*+,;=-._~%[]")
        tls = parts.scheme == "https"
        return cls(tls, host, port or (443 if tls else 80), path)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def _headers(target: _Target, feed: DueFeed, user_agent: str) -> list[tuple[bytes, bytes]]:
    headers = {
        "Host": target.authority,
        "User-Agent": user_agent,
        "Accept": _ACCEPT,
        "Accept-Encoding": "gzip, deflate",
        "Connection": "close",
    }
    if feed.etag:
        headers["If-None-Match"] = feed.etag
    if feed.last_modified:
        headers["If-Modified-Since"] = feed.last_modified
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]  # as they were read


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _joined(url: str, location: str) -> str:
    """Where a Location leads; characters beyond ASCII stay the bytes that they were sent as."""
    try:
        named = quote(location.strip().encode("latin-1"), safe="/?:@!$&'()*+,;=-._~%[]#")
        target = quote(urljoin(url, named), safe="/?:@!$&'()*+,;=-._~%[]#")
        return urlunsplit(urlsplit(target)._replace(fragment=""))
    except ValueError as error:
        raise FetchError(f"redirected to invalid URL: {error}") from error


# --- responses ------------------------------------------------------------------------------------------------------


def _as_answer(answer: FeedResponse, status: int, headers: dict[str, str], body: bytes, limits: Limits) -> FeedResponse:
    control = headers.get("cache-control", "")
    max_age = None if _UNUSABLE.search(control) else _MAX_AGE.search(control)
    answer = replace(
        answer,
        http_status=status,
        content_type=headers.get("content-type"),
        etag=_limited(headers.get("etag"), 1000),
        last_modified=_limited(headers.get("last-modified"), 200),
        max_age_seconds=int(max_age[1]) if max_age else None,
        retry_after_seconds=_retry_after(headers.get("retry-after"), answer.fetched_at),
    )
    try:
        return replace(answer, content=decompress(body, headers.get("content-encoding", ""), limits.content_bytes))
    except UnreadableError as error:
        return replace(answer, content=error.content, unreadable=str(error))


def decompress(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """The document's bytes; a gzipped file that is not declared as such counts as gzip.

    Raises UnreadableError for an unknown encoding, damaged or truncated data, and what would grow beyond the limit.
    """
    try:
        return _decoded(body, encoding.strip().lower(), limit_bytes)
    except UnreadableError:
        if body.lstrip().startswith(b"<"):  # not encoded at all, whatever the header says
            return body
        raise


def _decoded(body: bytes, named: str, limit_bytes: int) -> bytes:
    if named in {"gzip", "x-gzip"} or body[:3] == b"\x1f\x8b\x08":
        return _inflate(body, 31, limit_bytes)
    if named == "deflate":
        zlib_header = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] * 256 + body[1]) % 31 == 0
        return _inflate(body, 15 if zlib_header else -15, limit_bytes)
    if named not in {"", "identity", "none", "utf-8"}:  # some servers say what they please
        raise UnreadableError(f"encoded as {named[:50]!r}, which was not requested", body)
    return body


def _inflate(body: bytes, window: int, limit_bytes: int) -> bytes:
    try:
        return inflate(body, window=window, limit_bytes=limit_bytes)
    except InvalidInputError as error:
        raise UnreadableError(error.reason, body) from error


def _retry_after(text: str | None, now: datetime) -> int | None:
    """Seconds from a number or a date."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return int(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0, round(((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()))


def _limited(text: str | None, characters: int) -> str | None:
    """A validator; one that is too long to be kept is no use."""
    return text if text and len(text) <= characters else None


def _describe(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):  # asyncio's text names the call as well
        known = error.errno in errno.errorcode
        return os.strerror(error.errno) if error.errno and known else error.strerror or type(error).__name__
    return (str(error) or type(error).__name__)[:300]
