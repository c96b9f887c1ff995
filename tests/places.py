"""Where tests find the repository's parts, the sample events and the functions."""

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EVENTS = ROOT / "events"
SAMPLES = ROOT / "samples"
PACKAGE = ROOT / "layers" / "bellwether" / "bellwether"
SHARED = Path(os.environ.get("BELLWETHER_SHARED_DATA", ROOT.parent / "shared" / "data"))


def context_of(function: str) -> str:
    """The context that a function belongs to: `predict` → `models`."""
    (folder,) = (ROOT / "functions").glob(f"*/{function}")
    return folder.parent.name


def sample_event(name: str) -> dict[str, Any]:
    """The content of `events/<context>/<function>/<case>.json`, named `<function>/<case>`."""
    (path,) = EVENTS.glob(f"*/{name}.json")
    event: dict[str, Any] = json.loads(path.read_text())
    return event


def app_of(function: str) -> Any:
    """The module of a function, which holds its handler."""
    return importlib.import_module(f"functions.{context_of(function)}.{function}.app")


def handler_of(function: str) -> Callable[[dict[str, Any], Any], Any]:
    """The handler of a function."""
    handler: Callable[[dict[str, Any], Any], Any] = app_of(function).handler
    return handler
