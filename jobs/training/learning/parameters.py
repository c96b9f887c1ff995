"""Hyperparameters of a training job, read from the strings that SageMaker passes."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from .errors import InvalidParameterError

Reader = Callable[[str], object]  # raises ValueError that says why a text can't be used


def read_hyperparameters(given: Mapping[str, str], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Convert each text by the reader of its name; SageMaker's own (`sagemaker_…`) are ignored.

    Raises InvalidParameterError for an unknown name or a value that can't be used.
    """
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name.startswith("sagemaker_"):
            continue
        if name not in readers:
            raise InvalidParameterError(name, f"unknown; known are {', '.join(sorted(readers))}")
        try:
            values[name] = readers[name](str(text).strip())
        except ValueError as error:
            raise InvalidParameterError(name, str(error)) from error
    return values


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Reader of a whole number between two bounds, both included."""

    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return value

    return read


def positive_seconds(text: str) -> float:
    """Reader of a finite duration above zero."""
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"'{text}' is not a positive number of seconds")
    return value


def word(text: str) -> str:
    """Reader of a text that must not be empty."""
    if not text:
        raise ValueError("is empty")
    return text


EVERY_JOB: Mapping[str, Reader] = {
    "model": word,
    "target": word,
    "seed": whole_number(0, 2**31 - 1),
    "trials": whole_number(1, 500),
    "time_budget_seconds": positive_seconds,
    "mlflow_tracking_uri": str,
}
