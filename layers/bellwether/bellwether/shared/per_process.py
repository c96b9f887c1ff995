"""What a process keeps between invocations: settings, clients, connections."""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any

_KEPT: dict[Hashable, Any] = {}


def once_per_process[**P, T](make: Callable[P, T]) -> Callable[P, T]:
    """Call `make` once for each set of arguments (hashable) and keep its result until `forget`."""

    @wraps(make)
    def kept(*args: P.args, **kwargs: P.kwargs) -> T:
        key = (make, args, tuple(sorted(kwargs.items())))
        if key not in _KEPT:
            _KEPT.setdefault(key, make(*args, **kwargs))
        result: T = _KEPT[key]
        return result

    return kept


def forget() -> None:
    """Drop everything that the process keeps, and close what can be closed: the next call starts as a new process."""
    while _KEPT:
        _, value = _KEPT.popitem()
        if hasattr(value, "close"):
            value.close()
