"""How a gap is closed: look at the target, refuse when it isn't what it was, put ours in its place."""

from collections.abc import Callable
from importlib.metadata import version
from inspect import signature
from typing import Any

SUPPORTED_VERSION = "1.5.33"


class PatchTargetMovedError(RuntimeError):
    """ministack is not the one that these patches were written for."""


def require_supported_version() -> None:
    """Raise PatchTargetMovedError unless ministack is exactly the version that the patches were written for."""
    installed = version("ministack")
    if installed != SUPPORTED_VERSION:
        raise PatchTargetMovedError(
            f"ministack {installed} is installed; the patches in localcloud/emulator are for {SUPPORTED_VERSION}"
        )


def require(owner: Any, name: str, parameters: tuple[str, ...] | None = None) -> Any:
    """The attribute `name` of `owner`; raises PatchTargetMovedError when it is gone or takes other parameters."""
    if not hasattr(owner, name):
        raise PatchTargetMovedError(f"{_label(owner)}.{name} no longer exists")
    target = getattr(owner, name)
    if parameters is not None and tuple(signature(target).parameters) != parameters:
        raise PatchTargetMovedError(f"{_label(owner)}.{name} no longer takes ({', '.join(parameters)})")
    return target


def replace(owner: Any, name: str, parameters: tuple[str, ...], make: Callable[[Any], Any]) -> None:
    """Put `make(original)` where `owner.name` was; `parameters` is what the original must still take."""
    setattr(owner, name, make(require(owner, name, parameters)))


def substitute(text: str, old: str, new: str) -> str:
    """`text` with its single `old` replaced; raises PatchTargetMovedError when there isn't exactly one."""
    found = text.count(old)
    if found != 1:
        raise PatchTargetMovedError(f"expected once, found {found} times: {old!r}")
    return text.replace(old, new)


def _label(owner: Any) -> str:
    return str(getattr(owner, "__name__", type(owner).__name__))
