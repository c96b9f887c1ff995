"""`python -m localcloud.replay`: replayed feeds and market data on the loopback interface."""

import argparse
import signal
import threading
from pathlib import Path

from localcloud.replay.clock import ReplayClock
from localcloud.replay.server import Replay, ReplayServer
from localcloud.replay.tape import Tape


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.replay", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True, help="where the clock is kept")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    tape = Tape.load(given.samples)
    server = ReplayServer(given.port, Replay.of(tape, ReplayClock(given.home / "clock.json", tape.begin)))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    main()
