"""Start state machines."""

from collections.abc import Mapping
from typing import Any, Protocol


class Processes(Protocol):
    """State machines, to be started."""

    def start(self, name: str, payload: Mapping[str, Any]) -> str | None:
        """Start an execution and return its ARN; None when one of this name has run or runs already."""
