"""What every model's requests have in common: JSON in UTF-8, numbers that are numbers, refusals that name the place."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from .errors import RefusedInputError

DATA, INSTANCES = "data", "instances"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def parse_object(body: bytes | str) -> Mapping[str, Any]:
    """Read a JSON object; raises RefusedInputError of the field `body`."""
    text = _text(body)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedInputError("body", "is not JSON") from error
    if not isinstance(content, dict):
        raise RefusedInputError("body", "has to be a JSON object")
    return content


def instances_of(content: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The rows of a request for many, each with what is said once for all of them; None for a request of one row."""
    if INSTANCES not in content:
        return None
    instances = content[INSTANCES]
    if not isinstance(instances, list) or not instances:
        raise RefusedInputError(INSTANCES, "has to be a list with one object for each row")
    common = {name: value for name, value in content.items() if name != INSTANCES}
    if DATA in common:
        raise RefusedInputError(DATA, "must be given in each instance")
    for number, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise RefusedInputError(f"{INSTANCES}.{number}", "has to be an object")
    return [common | instance for instance in instances]


def data_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns that were sent; raises RefusedInputError where there are none."""
    data = content.get(DATA)
    if not isinstance(data, dict):
        raise RefusedInputError(DATA, "has to be an object with a value for each column's name")
    return data


def finite_number(name: str, value: Any) -> float:
    """A number, also one written as text; raises RefusedInputError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RefusedInputError(name, f"has to be a number, is {shown(value)}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        raise RefusedInputError(name, f"has to be a number, is {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RefusedInputError(name, f"has to be a finite number, is {shown(value)}")
    return number


def shown(value: Any) -> str:
    """What was sent, in short; half a surrogate pair, which can be in JSON and not in UTF-8, as a question mark."""
    return json.dumps(value, ensure_ascii=False)[:40].encode(errors="replace").decode()


def _text(body: bytes | str) -> str:
    """The body as text, without the byte-order mark that some programs put before it."""
    if isinstance(body, str):  # decoded by the container already
        return body.removeprefix("\ufeff")
    try:
        return bytes(body).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedInputError("body", "is not UTF-8") from error
