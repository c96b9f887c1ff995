"""What `bellwether status` tells."""

from collections.abc import Callable
from dataclasses import dataclass

from localcloud.processes import ServiceProcess


@dataclass(frozen=True)
class ServiceStatus:
    """One service: whether its process is there, whether it answers, and where."""

    name: str
    state: str
    """`up`, `not answering` or `down`."""
    pid: int | None
    address: str

    @classmethod
    def of(
        cls, name: str, process: ServiceProcess | None, answers: Callable[[], bool], address: str
    ) -> "ServiceStatus":
        if process is None:
            return cls(name, "down", None, address)
        return cls(name, "up" if answers() else "not answering", process.pid, address)


@dataclass(frozen=True)
class StackStatus:
    """The deployed stack."""

    name: str
    status: str
    current: bool
    """Whether it was deployed from the sources as they are now."""


@dataclass(frozen=True)
class CloudStatus:
    """The whole cloud; `stack` is None while the emulator is down or nothing is deployed."""

    home: str
    services: tuple[ServiceStatus, ...]
    stack: StackStatus | None

    @property
    def healthy(self) -> bool:
        return all(service.state == "up" for service in self.services) and self.stack is not None
