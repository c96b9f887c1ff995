"""Alpaca's orders API on loopback, as far as our broker uses it: with a memory, delays, and answers that get lost."""

import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

CHANCE = random.Random()  # noqa: S311 - no secret


@dataclass
class Account:
    """What the account holds, and how it behaves: chances between 0 and 1, delays in seconds."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)
    duplicates: int = 0
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)  # given to the next requests, whatever they ask
    lost_answers: float = 0.0
    busy: float = 0.0
    slowest: float = 0.0
    status: str = "filled"
    lock: Lock = field(default_factory=Lock)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, account: Account) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.account = account

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent: clients are killed here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._note({})
        name = parse_qs(urlsplit(self.path).query).get("client_order_id", [""])[0]
        order = self.server.account.orders.get(name)
        self._answer(200, order) if order else self._answer(404, {"code": 40410000, "message": "order not found"})

    def do_POST(self) -> None:
        account = self.server.account
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._note(body)
        if CHANCE.random() < account.busy:
            self._answer(503, {"message": "busy"})
            return
        time.sleep(CHANCE.uniform(0, account.slowest))
        name = body["client_order_id"]
        with account.lock:
            duplicate = name in account.orders
            if duplicate:
                account.duplicates += 1
            else:
                account.accepted.append(name)
                account.orders[name] = _order(body, account.status)
        time.sleep(CHANCE.uniform(0, account.slowest))
        if CHANCE.random() < account.lost_answers:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if duplicate:
            self._answer(422, {"code": 40010001, "message": "client_order_id must be unique"})
        else:
            self._answer(200, account.orders[name])

    def _note(self, body: dict[str, str]) -> None:
        self.server.account.requests.append((self.command, self.path, body | {"key": self.headers["APCA-API-KEY-ID"]}))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        if self.server.account.answers:
            status, content = self.server.account.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def _order(body: dict[str, str], status: str) -> dict[str, Any]:
    filled = status == "filled"
    return {
        "id": str(uuid4()),
        "client_order_id": body["client_order_id"],
        "status": status,
        "symbol": body["symbol"],
        "qty": body["qty"],
        "side": body["side"],
        "filled_qty": body["qty"] if filled else "0",
        "filled_avg_price": body["limit_price"] if filled else None,
        "submitted_at": "2026-03-02T16:00:00.123456789Z",
    }


@contextmanager
def serving(account: Account) -> Iterator[str]:
    """The URL at which the account answers."""
    server = _Server(account)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
