"""Alpaca's bars API on this machine: symbols in one request, pages over all of them, an inclusive end, its errors."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from bellwether.trading.domain.bars import Bar

Query = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What the server says."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class MarketServer:
    """Its address, and what it was asked: query and headers."""

    url: str
    requests: list[tuple[str, dict[str, str], dict[str, str]]]


def market(bars: Sequence[Bar], *, page: int = 10_000, unknown: Sequence[str] = ()) -> Callable[[Query], Answer]:
    """The API over these bars, so many on a page."""

    def answer(query: Query) -> Answer:
        symbols = query["symbols"].split(",")
        strangers = [symbol for symbol in symbols if symbol in unknown]
        if strangers:
            return Answer(400, json.dumps({"message": f"invalid symbol(s): {strangers[0]}"}).encode())
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        found = sorted(
            (bar.ticker, bar.start, bar) for bar in bars if bar.ticker in symbols and start <= bar.start <= end
        )
        first = int(query.get("page_token", "0"))
        of_page = found[first : first + min(page, int(query["limit"]))]
        rows: dict[str, list[dict[str, object]]] = {}
        for ticker, at, bar in of_page:
            row = {"t": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "n": 3, "vw": float(bar.close), "v": bar.volume}
            prices = {"o": float(bar.open), "h": float(bar.high), "l": float(bar.low), "c": float(bar.close)}
            rows.setdefault(ticker, []).append(row | prices)
        more = first + len(of_page) < len(found)
        body = {"bars": rows or None, "next_page_token": str(first + len(of_page)) if more else None}
        return Answer(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    return answer


@contextmanager
def market_server(answer: Callable[[Query], Answer]) -> Iterator[MarketServer]:
    """Serve on a free port of the loopback interface."""
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            requests.append((parts.path, query, {name.lower(): value for name, value in self.headers.items()}))
            found = answer(query)
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield MarketServer(f"http://127.0.0.1:{server.server_address[1]}", requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
