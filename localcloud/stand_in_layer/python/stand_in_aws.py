"""AWS for a plain `sam local invoke`: a server inside the function's own container, so that no account is touched.

It is an account right after deployment: the bucket is empty, queues take messages, every endpoint answers with an
example, and there is no database. Anything else is not found. The container's template (local_invoke.yaml) names
`handler` below as the function's handler; it starts the server and then calls the real handler in `app`.
"""

import importlib
import json
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

EXAMPLES: dict[str, dict[str, Any]] = {  # by the first word of the endpoint's name
    "Fred": {
        "prediction": 4.05,
        "interval": {"level": 0.8, "lower": 3.87, "upper": 4.21},
        "horizon_months": 1,
        "unit": "percent",
        "model_version": "macro-example",
    },
    "Housing": {
        "prediction": 182000.0,
        "interval": {"level": 0.8, "lower": 161000.0, "upper": 205000.0},
        "unit": "USD",
        "model_version": "housing-example",
    },
    "News": {"id": None, "label": "positive", "score": 0.6, "model_version": "sentiment-example"},
}
TAKEN: dict[str, dict[str, Any]] = {
    "SendMessage": {"MessageId": "00000000-0000-4000-8000-000000000000"},
    "PutParameter": {"Version": 1},
    "GetParameters": {"Parameters": [], "InvalidParameters": []},
}
NOT_FOUND = {"GetParameter": "ParameterNotFound", "DeleteParameter": "ParameterNotFound"}

_started = Lock()


def handler(event: Any, context: Any) -> Any:
    """Call the function's own handler, with AWS in this container."""
    if _started.acquire(blocking=False):
        os.environ["AWS_ENDPOINT_URL"] = start()
    return importlib.import_module("app").handler(event, context)


def start() -> str:
    """Start the server on a free port of the loopback interface and return its URL."""
    server = _Server()
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.objects: dict[str, bytes] = {}


class _Request(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        parts = self.path.split("/")
        if parts[1] == "endpoints":
            self._reply(HTTPStatus.OK, json.dumps(_prediction(parts[2], body)).encode())
        elif operation in TAKEN:
            self._reply(HTTPStatus.OK, json.dumps(TAKEN[operation]).encode())
        else:
            error = {"__type": NOT_FOUND.get(operation, "ResourceNotFoundException"), "message": "not in the stand-in"}
            self._reply(HTTPStatus.BAD_REQUEST, json.dumps(error).encode())

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        query = parse_qs(place.query)
        content = self.server.objects.get(place.path)
        if "list-type" in query:
            self._reply(HTTPStatus.OK, self._listing(place.path.rstrip("/"), query.get("prefix", [""])[0]))
        elif content is not None:
            self._reply(HTTPStatus.OK, content)
        else:
            self._reply(HTTPStatus.NOT_FOUND, b"<Error><Code>NoSuchKey</Code><Message>not there</Message></Error>")

    do_HEAD = do_GET  # noqa: N815  (named by http.server)

    def do_PUT(self) -> None:
        self.server.objects[urlsplit(self.path).path] = self._body()
        self._reply(HTTPStatus.OK, b"")

    def do_DELETE(self) -> None:
        self.server.objects.pop(urlsplit(self.path).path, None)
        self._reply(HTTPStatus.NO_CONTENT, b"")

    def log_message(self, *_arguments: object) -> None:
        """Keep the function's log free of requests."""

    def _listing(self, bucket: str, prefix: str) -> bytes:
        keys = [path.removeprefix(f"{bucket}/") for path in self.server.objects if path.startswith(f"{bucket}/")]
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.server.objects[f'{bucket}/{key}'])}</Size></Contents>"
            for key in sorted(keys)
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()

    def _body(self) -> bytes:
        """The body, also where an SDK sends it in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        else:
            content = b"".join(iter(self._chunk, b""))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            size, _, rest = content.partition(b"\r\n")
            content = rest[: int(size.partition(b";")[0], 16)]
        return content

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().partition(b";")[0], 16)
        content = self.rfile.read(size)
        self.rfile.readline()
        return content

    def _reply(self, status: HTTPStatus, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"0"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _prediction(endpoint: str, body: bytes) -> dict[str, Any]:
    """An example for each row that was asked."""
    example = EXAMPLES.get(endpoint.partition("-")[0], EXAMPLES["Fred"])
    request = json.loads(body or b"{}")
    rows = request.get("instances") if isinstance(request, dict) else None
    return example if rows is None else {"results": [example] * len(rows)}
