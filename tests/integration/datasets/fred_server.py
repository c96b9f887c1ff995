"""FRED on this machine: answers as the real one does, as recorded by hand from its documentation."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

Query = dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What the server says; `cut` closes the connection in the middle of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


def api_answer(rows: list[tuple[str, str, str, str]], *, count: int | None = None) -> Answer:
    """A page of observations: realtime start and end, date, value."""
    names = ("realtime_start", "realtime_end", "date", "value")
    observations = [dict(zip(names, row, strict=True)) for row in rows]
    return Answer(
        body=json.dumps({"count": len(rows) if count is None else count, "observations": observations}).encode(),
        headers={"Content-Type": "application/json"},
    )


@dataclass
class FredServer:
    """Its address, and what it was asked."""

    url: str
    requests: list[tuple[str, Query]]


@contextmanager
def fred_server(answer: Callable[[str, Query], Answer]) -> Iterator[FredServer]:
    """Serve on a free port of the loopback interface; `answer` gets path and query."""
    requests: list[tuple[str, Query]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            requests.append((parts.path, query))
            found = answer(parts.path, query)
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body) + (100 if found.cut else 0)))
            self.end_headers()
            self.wfile.write(found.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield FredServer(f"http://127.0.0.1:{server.server_address[1]}", requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
