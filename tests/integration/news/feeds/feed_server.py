"""A server on the loopback interface that says what a test wants, well-mannered or not."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread

Answer = Callable[["Request"], bytes | Iterable[bytes]]


@dataclass(frozen=True)
class Request:
    """What the reader asked; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass
class FeedServer:
    """Its address, its answers by path, and what it was asked."""

    url: str
    answers: dict[str, Answer | bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def says(self, path: str, answer: Answer | bytes) -> str:
        """Let a path answer so; returns its URL."""
        self.answers[path] = answer
        return f"{self.url}{path}"

    def hangs(self, path: str, *, after: bytes = b"") -> str:
        """Let a path say something, and then nothing more as long as the test runs."""

        def answer(_: Request) -> Iterator[bytes]:
            yield after
            self.over.wait(60)

        return self.says(path, answer)


def http(status: str = "200 OK", body: bytes = b"", /, **headers: str) -> bytes:
    """An answer with its length; `content_type` becomes Content-Type."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """Serve on a free port; each connection takes one request."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode()
            headers = {}
            while (header := self.rfile.readline().strip()) != b"":
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            request = Request(line.split(" ")[1] if " " in line else line, headers)
            started.requests.append(request)
            answer = started.answers.get(request.path.partition("?")[0], http("404 Not Found"))
            said = answer if isinstance(answer, bytes) else answer(request)
            with suppress(OSError):  # the reader has had enough
                for part in [said] if isinstance(said, bytes) else said:
                    self.wfile.write(part)
                    self.wfile.flush()

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        started = FeedServer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield started
        started.over.set()
        server.shutdown()
        thread.join()
