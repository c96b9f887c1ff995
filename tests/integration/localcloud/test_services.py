"""Services beside strangers: a port is ours only when our own process listens on it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from localcloud import ports, processes
from localcloud.errors import ServiceError
from localcloud.home import Home
from localcloud.services import Addresses, Service
from localcloud.toolchain import Toolchain


@dataclass(frozen=True)
class Doorman(Service):
    """A service that answers, and does nothing else."""

    name: ClassVar[str] = "doorman"

    @property
    def port(self) -> int:
        return self.addresses.aws_port

    @property
    def health_path(self) -> str:
        return "/"

    def arguments(self) -> Sequence[str | Path]:
        return [self.toolchain.project_python, "-m", "http.server", str(self.port), "--bind", ports.LOOPBACK]


@contextmanager
def doorman(home: Path, port: int) -> Iterator[Doorman]:
    """One of a cloud of its own, gone in the end."""
    cloud = Home(home)
    cloud.create()
    try:
        yield Doorman(cloud, Toolchain(), Addresses(port, port + 1))
    finally:
        processes.kill(home)


@contextmanager
def stranger() -> Iterator[int]:
    """Somebody else's server; its port."""
    server = ThreadingHTTPServer((ports.LOOPBACK, 0), BaseHTTPRequestHandler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


def test_a_service_answers_when_it_is_its_own_process_that_does(tmp_path: Path) -> None:
    with doorman(tmp_path, ports.choose()) as service:
        assert not service.answers()
        service.start()
        assert service.answers()
        assert service.runs()
        service.stop()
        assert not service.answers()


def test_a_stranger_on_the_port_is_not_taken_for_the_service(tmp_path: Path) -> None:
    # Given a server of somebody else, when ours is started on its port
    with stranger() as port, doorman(tmp_path, port) as service:
        # Then that is told, though the port answers
        with pytest.raises(ServiceError, match="failed to start"):
            service.start()
        assert not service.answers()


def test_of_two_clouds_at_the_same_instant_one_gets_the_port(tmp_path: Path) -> None:
    # Given two clouds that have chosen the same free port
    port = ports.choose()
    with doorman(tmp_path / "one", port) as one, doorman(tmp_path / "other", port) as other:

        def started(service: Doorman) -> bool:
            try:
                service.start()
            except ServiceError:
                return False
            return True

        # When both start; Then one does, and the other does not believe that it has
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(started, (one, other)))
        assert sorted(outcomes) == [False, True]
        assert [service.answers() for service in (one, other)] == outcomes
