"""Processes that outlive the command that starts them, found again by what their environment says.

There are no pid files: a pid may belong to someone else by the time it is read. Every process that we start carries
two variables which its children inherit, so that even what a killed service leaves behind is found and cleared.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

HOME_VARIABLE = "BELLWETHER_CLOUD_HOME"
SERVICE_VARIABLE = "BELLWETHER_CLOUD_SERVICE"
CODE_VARIABLE = "BELLWETHER_CLOUD_CODE"


class _Detached(subprocess.Popen[bytes]):
    """A child that is meant to outlive us: no complaint that it still runs when this object goes."""

    def __del__(self) -> None:
        pass


@dataclass(frozen=True)
class ServiceProcess:
    """A running process of the cloud at `home`."""

    pid: int
    service: str
    leads: bool
    """Whether it leads its session, as the service itself does, and some of what a service starts."""
    started: float
    """When, in seconds since the epoch."""
    code: str
    """Digest of the code that it was started from; empty when nobody said."""


def start(
    service: str,
    arguments: Sequence[str | Path],
    *,
    home: Path,
    environment: Mapping[str, str],
    log: Path,
    folder: Path,
    code: str = "",
) -> int:
    """Start a service in a session of its own, its output appended to `log`; returns its pid."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = _Detached(
            [str(argument) for argument in arguments],
            env={**environment, HOME_VARIABLE: str(home), SERVICE_VARIABLE: service, CODE_VARIABLE: code},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    return process.pid


def find(home: Path, service: str | None = None) -> list[ServiceProcess]:
    """Every living process of this cloud, services and what they started; of one service when it is named."""
    return [process for process in _ours(home) if process.pid != os.getpid() and service in (None, process.service)]


def leader(home: Path, service: str) -> ServiceProcess | None:
    """The service itself, if it runs: the oldest of those that lead a session (numbers of processes start over)."""
    leaders = (process for process in find(home, service) if process.leads)
    return min(leaders, key=lambda process: process.started, default=None)


def listens(home: Path, service: str, port: int) -> bool:
    """Whether it is a process of this service that listens on the port, and not somebody else's."""
    return any(_listens(process.pid, port) for process in find(home, service))


def _listens(pid: int, port: int) -> bool:
    try:
        sockets = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)


def stop(home: Path, service: str, *, with_signal: signal.Signals = signal.SIGTERM, grace_seconds: float = 20) -> None:
    """Ask the service to end, wait, then kill it and whatever it started that is still there."""
    process = leader(home, service)
    if process is not None:
        send(process.pid, with_signal)
        _wait_for_end(process.pid, grace_seconds)
    kill(home, service)


def kill(home: Path, service: str | None = None) -> None:
    """End every process of the cloud (or of one service) that is left, without asking."""
    for _ in range(50):
        left = find(home, service)
        if not left:
            return
        for process in left:
            send(process.pid, signal.SIGKILL)
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie doesn't."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # collect it if it was ours
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _ours(home: Path) -> Iterator[ServiceProcess]:
    for process in psutil.process_iter():
        try:
            if process.uids().real != os.getuid():
                continue
            environment = process.environ()
            if environment.get(HOME_VARIABLE) != str(home) or process.status() == psutil.STATUS_ZOMBIE:
                continue
            leads, started = os.getsid(process.pid) == process.pid, process.create_time()
        except (psutil.Error, OSError):
            continue
        service, code = environment.get(SERVICE_VARIABLE, "?"), environment.get(CODE_VARIABLE, "")
        yield ServiceProcess(process.pid, service, leads, started, code)


def send(pid: int, what: signal.Signals) -> None:
    """Signal a process; one that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)


def _wait_for_end(pid: int, grace_seconds: float) -> None:
    deadline = time.monotonic() + grace_seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
