"""Compare an endpoint's answer with the one that the model gave when it was trained."""

import math
from collections.abc import Iterator
from typing import Any

VERSION_FIELD = "model_version"


def differences(expected: Any, observed: Any, *, relative_tolerance: float, path: str = "") -> Iterator[str]:
    """Name each place where the answer differs: numbers by tolerance, all else exactly; extra keys are no difference.

    `model_version` is left out: a bundle can't contain its own hash.
    """
    if isinstance(expected, dict):
        if not isinstance(observed, dict):
            yield f"{path or 'answer'} is not an object"
            return
        for key, value in expected.items():
            where = f"{path}.{key}" if path else str(key)
            if key == VERSION_FIELD:
                continue
            if key not in observed:
                yield f"{where} is missing"
                continue
            yield from differences(value, observed[key], relative_tolerance=relative_tolerance, path=where)
    elif isinstance(expected, list):
        if not isinstance(observed, list) or len(observed) != len(expected):
            yield f"{path or 'answer'} is not a list of {len(expected)}"
            return
        for index, (wanted, seen) in enumerate(zip(expected, observed, strict=True)):
            yield from differences(wanted, seen, relative_tolerance=relative_tolerance, path=f"{path}[{index}]")
    elif not _equal(expected, observed, relative_tolerance):
        yield f"{path or 'answer'} is {str(observed)[:60]}, expected {str(expected)[:60]}"


def _equal(expected: Any, observed: Any, relative_tolerance: float) -> bool:
    if _is_number(expected) and _is_number(observed):
        return math.isclose(expected, observed, rel_tol=relative_tolerance, abs_tol=1e-6)
    return type(expected) is type(observed) and bool(expected == observed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
