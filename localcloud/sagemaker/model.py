"""The API's own description (botocore's): requests are checked against it, documents are cut to it."""

import functools
import re
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape

from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.errors import ValidationError


@functools.cache
def service_model() -> ServiceModel:
    """SageMaker's operations and shapes."""
    return botocore.session.Session().get_service_model("sagemaker")


def check_request(operation: str, request: Document) -> None:
    """Raise ValidationError, worded as AWS words it, where the request breaks the operation's shape."""
    problems: list[str] = []
    shape = _operation(operation).input_shape
    if shape is not None:
        _check(shape, request, "", problems)
    if problems:
        plural = "error" if len(problems) == 1 else "errors"
        raise ValidationError(f"{len(problems)} validation {plural} detected: " + "; ".join(problems))


def described(operation: str, request: Document) -> Document:
    """Those fields of a request that `operation` (a Describe…) gives back as they came."""
    shape = _operation(operation).output_shape
    members = {} if shape is None else shape.members
    return {key: value for key, value in request.items() if key in members}


def _operation(name: str) -> OperationModel:
    return service_model().operation_model(name)


def _check(shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    if isinstance(shape, StructureShape):
        if _is(value, dict, path, problems):
            for name in shape.required_members:
                if value.get(name) is None:
                    _report(problems, None, _join(path, name), "Member must not be null")
            for name, member in shape.members.items():
                if value.get(name) is not None:
                    _check(member, value[name], _join(path, name), problems)
    elif isinstance(shape, ListShape):
        if _is(value, list, path, problems):
            _check_length(shape, value, path, problems)
            for index, item in enumerate(value, start=1):
                _check(shape.member, item, f"{path}.{index}.member", problems)
    elif isinstance(shape, MapShape):
        if _is(value, dict, path, problems):
            _check_length(shape, value, path, problems)
            for key, item in value.items():
                _check(shape.key, key, f"{path}.key", problems)
                _check(shape.value, item, f"{path}.{key}.member", problems)
    elif isinstance(shape, StringShape):
        if _is(value, str, path, problems):
            _check_string(shape, value, path, problems)
    elif shape.type_name in {"integer", "long"} and _is(value, int, path, problems):
        _check_range(shape, value, path, problems)


def _check_string(shape: StringShape, value: str, path: str, problems: list[str]) -> None:
    if shape.enum and value not in shape.enum:
        _report(problems, value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
        return
    if not _check_length(shape, value, path, problems):
        return
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        _report(problems, value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _check_length(shape: Shape, value: Any, path: str, problems: list[str]) -> bool:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and len(value) < minimum:
        _report(problems, value, path, f"Member must have length greater than or equal to {minimum}")
        return False
    if maximum is not None and len(value) > maximum:
        _report(problems, value, path, f"Member must have length less than or equal to {maximum}")
        return False
    return True


def _check_range(shape: Shape, value: int, path: str, problems: list[str]) -> None:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and value < minimum:
        _report(problems, value, path, f"Member must have value greater than or equal to {minimum}")
    if maximum is not None and value > maximum:
        _report(problems, value, path, f"Member must have value less than or equal to {maximum}")


def _is(value: Any, wanted: type, path: str, problems: list[str]) -> bool:
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return True
    _report(problems, value, path, f"Member must be of type {wanted.__name__}")
    return False


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:  # a Java pattern that Python does not know, such as \p{L}
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


def _join(path: str, name: str) -> str:
    shown = name[0].lower() + name[1:]
    return f"{path}.{shown}" if path else shown


def _report(problems: list[str], value: Any, path: str, constraint: str) -> None:
    shown = "null" if value is None else str(value)
    problems.append(f"Value '{shown[:200]}' at '{path}' failed to satisfy constraint: {constraint}")
