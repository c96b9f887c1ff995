"""The HTTP server: who is asked for what, and the feeds that misbehave."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from localcloud.ports import LOOPBACK
from localcloud.replay import market
from localcloud.replay.answers import Answer
from localcloud.replay.clock import ReplayClock
from localcloud.replay.cost_explorer import CostExplorer, CostTable
from localcloud.replay.feeds import KINDS, SHOWN, publish
from localcloud.replay.market import MarketApi
from localcloud.replay.odd_feeds import JSON_PATH, ODD_PATH, odd_feeds
from localcloud.replay.tape import Tape

HEALTH, TAPE, FEEDS, REWIND = "/_replay/health", "/_replay/tape", "/_replay/feeds", "/_replay/rewind"
COSTS = "/_replay/costs"
HANG_SECONDS = 120
BROKEN = (
    b'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>Broken desk</title>'
    b'<item about="http://127.0.0.1/cut-off-in-the-mid'
)

# feed ids and the paths that a reader is told; energy-desk has moved since
ADDRESSES: Mapping[str, str] = {
    "market-wire": "/feeds/market-wire.rss",
    "tech-desk": "/feeds/tech-desk.atom",
    "industry-desk": "/feeds/industry-desk.rss",
    "energy-desk": "/old/energy-desk.atom",
    "broken-desk": "/feeds/broken-desk.rss",
    "silent-desk": "/feeds/silent-desk.rss",
    "closed-desk": "/feeds/closed-desk.rss",
    "odd-desk": ODD_PATH,
    "json-desk": JSON_PATH,
}
FAILING = "/feeds/failing-desk.rss"
_MOVED: Mapping[str, str] = {"/old/energy-desk.atom": "/feeds/energy-desk.atom"}
_MISBEHAVING: Mapping[str, Answer] = {
    "/feeds/broken-desk.rss": Answer(200, {"Content-Type": "application/rss+xml"}, BROKEN),
    "/feeds/closed-desk.rss": Answer(410),
    FAILING: Answer(500, {"Content-Type": "text/plain"}, b"the publisher's database is down\n"),
}
_SILENT = "/feeds/silent-desk.rss"


@dataclass(frozen=True)
class Replay:
    """What the server answers from."""

    tape: Tape
    clock: ReplayClock
    market: MarketApi
    cost_explorer: CostExplorer = field(default_factory=CostExplorer)

    @classmethod
    def of(cls, tape: Tape, clock: ReplayClock) -> "Replay":
        """All over one tape and one clock."""
        return cls(tape, clock, MarketApi(tape, clock))

    def get(self, target: str, headers: Mapping[str, str], base_url: str) -> Answer:
        """Answer a GET. `base_url` is how the client calls us."""
        parts = urlsplit(target)
        if parts.path == market.PATH:
            return self.market.answer(dict(parse_qsl(parts.query)))
        if parts.path == market.ACTIONS_PATH:
            return self.market.actions(dict(parse_qsl(parts.query)))
        if parts.path in _MOVED:
            return Answer(301, {"Location": _MOVED[parts.path]})
        if parts.path in _MISBEHAVING:
            return _MISBEHAVING[parts.path]
        start = self.clock.start
        if odd := odd_feeds(parts.path, edition=start, opened=start.at + self.tape.replay_from, base_url=base_url):
            return odd
        folder, _, name = parts.path.rpartition("/")
        kind = KINDS.get(name.partition(".")[0])
        if folder == "/feeds" and kind:
            now = self.clock.now()
            stories = self.tape.visible_stories(kind.feed_id, begun=start, now=now, since=now - SHOWN)
            return publish(kind, stories, base_url, headers)
        return self._about(parts.path, base_url)

    def rewind(self) -> Answer:
        """Begin anew."""
        self.clock.rewind()
        return Answer.of_json(200, self._tape())

    def _about(self, path: str, base_url: str) -> Answer:
        if path == HEALTH:
            return Answer.of_json(200, {"status": "up"})
        if path == TAPE:
            return Answer.of_json(200, self._tape())
        if path == FEEDS:
            feeds = [{"feed_id": feed_id, "url": base_url + address} for feed_id, address in ADDRESSES.items()]
            return Answer.of_json(200, feeds)
        if path.startswith("/stories/"):
            return Answer(200, {"Content-Type": "text/plain"}, b"An invented story: there is no more to it.\n")
        return Answer.of_json(404, {"message": "Not Found"})

    def _tape(self) -> dict[str, object]:
        start = self.clock.start
        return {
            "edition": start.edition,
            "replay_from": (start.at + self.tape.replay_from).isoformat(),
            "ends_at": (start.at + self.tape.length).isoformat(),
            "tickers": self.tape.tickers,
        }


class ReplayServer(ThreadingHTTPServer):
    """Listens on the loopback interface only."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, replay: Replay) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.replay = replay


class _Handler(BaseHTTPRequestHandler):
    server: ReplayServer
    protocol_version = "HTTP/1.1"
    server_version = "replay"
    sys_version = ""
    timeout = HANG_SECONDS

    def do_GET(self) -> None:
        """A feed, a page of bars, or about the replay itself."""
        if self.path == _SILENT:
            self._hang()
            return
        self._send(self.server.replay.get(self.path, self._request_headers(), self._base_url()))

    def do_POST(self) -> None:
        """Rewind, a request to Cost Explorer, or the charges that it answers from."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if target := self.headers.get("X-Amz-Target"):
            self._send(self.server.replay.cost_explorer.answer(target, body))
        elif self.path == COSTS:
            self.server.replay.cost_explorer.enable(CostTable.of_json(body))
            self._send(Answer.of_json(200, {"status": "enabled"}))
        elif self.path == REWIND:
            self._send(self.server.replay.rewind())
        else:
            self._send(Answer.of_json(404, {"message": "Not Found"}))

    def _hang(self) -> None:
        """Say nothing until the other side gives up."""
        self.close_connection = True
        try:
            self.connection.recv(1)
        except OSError:  # nobody is that patient
            return

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _request_headers(self) -> dict[str, str]:
        return {name.title(): value for name, value in self.headers.items()}

    def _base_url(self) -> str:
        host = self.headers.get("Host") or f"{LOOPBACK}:{self.server.server_address[1]}"
        return f"http://{host}"

    def log_message(self, format: str, *args: object) -> None:
        """One JSON line a request; standard error is the service's log."""
        print(json.dumps({"time": self.log_date_time_string(), "request": format % args}), flush=True)
