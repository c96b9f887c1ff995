"""Progress of a job, as lines in its log."""

from collections.abc import Mapping
from typing import Any


def say(line: str) -> None:
    """Print one line at once."""
    print(line, flush=True)


def inline(values: Mapping[str, Any]) -> str:
    """Named values on one line, floats with four digits."""
    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in values.items()}
    return " ".join(f"{name}={value}" for name, value in shown.items())
