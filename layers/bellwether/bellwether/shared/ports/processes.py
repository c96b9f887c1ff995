"""Start state machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class StartedProcess:
    """An execution of a state machine; `ended` also when it failed."""

    arn: str
    payload: Mapping[str, Any]
    ended: bool


class Processes(Protocol):
    """State machines, to be started."""

    def start(self, name: str, payload: Mapping[str, Any]) -> str | None:
        """Start an execution and return its ARN; None when one of this name has run or runs already."""


class NamedProcesses(Processes, Protocol):
    """State machines, to be started and looked at."""

    def find(self, name: str) -> StartedProcess:
        """The execution of this name; raises NotFoundError."""
