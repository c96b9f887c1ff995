"""A job's program: its process group, its output, its end."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

from localcloud.sagemaker.logs import LogSink

_SUPERVISE = Path(__file__).with_name("supervise.py")
_TAIL_LINES = 40
_POLL_SECONDS = 0.05


class Interruption(Enum):
    """Why a program was told to end before it was done."""

    STOP = "stop"
    TIME_LIMIT = "time limit"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True)
class Ending:
    """How a program ended. `errors` is the end of what it wrote to standard error."""

    exit_status: int
    interruption: Interruption | None
    errors: str


class Signals:
    """How others talk to a running job: stop it, or drop everything because the server ends."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.shutdown = threading.Event()


@dataclass(frozen=True)
class Program:
    """What to run."""

    interpreter: Path
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


def run(
    program: Program,
    log: LogSink,
    signals: Signals,
    *,
    limit_seconds: float,
    grace_seconds: float,
    on_line: Callable[[str], None] | None = None,
) -> Ending:
    """Run to the end, or to the time limit, a stop, or the server's shutdown.

    A stop and the time limit are SIGTERM first and SIGKILL of the whole group after `grace_seconds`, as in AWS
    (where the grace is 120 s); a shutdown is SIGKILL at once.
    """
    process = subprocess.Popen(
        [str(program.interpreter), "-I", str(_SUPERVISE), *program.arguments],
        cwd=program.folder,
        env=dict(program.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def take(line: str) -> None:
        log.write(line)
        if on_line is not None:
            on_line(line)

    def take_error(line: str) -> None:
        tail.append(line)
        take(line)

    readers = [_reader(process.stdout, take), _reader(process.stderr, take_error)]
    try:
        interruption = _wait(process, signals, limit_seconds, grace_seconds)
    finally:
        _kill_group(process.pid, signal.SIGKILL)
        status = process.wait()
        for reader in readers:
            reader.join(5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
    return Ending(status if status >= 0 else 128 - status, interruption, "\n".join(tail).strip())


def _wait(
    process: subprocess.Popen[bytes], signals: Signals, limit_seconds: float, grace_seconds: float
) -> Interruption | None:
    deadline = time.monotonic() + limit_seconds
    interruption: Interruption | None = None
    kill_at = float("inf")
    while process.poll() is None:
        moment = time.monotonic()
        if signals.shutdown.is_set():
            return Interruption.SHUTDOWN
        if interruption is None and (signals.stop.is_set() or moment >= deadline):
            interruption = Interruption.STOP if signals.stop.is_set() else Interruption.TIME_LIMIT
            kill_at = moment + grace_seconds
            _kill_group(process.pid, signal.SIGTERM)
        if moment >= kill_at:
            _kill_group(process.pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    return interruption


def _kill_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _reader(pipe: IO[bytes] | None, take: Callable[[str], None]) -> threading.Thread:
    def read() -> None:
        if pipe is not None:
            with contextlib.suppress(ValueError):  # closed under us after the group was killed
                for line in pipe:
                    take(line.decode(errors="replace").rstrip("\n"))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
