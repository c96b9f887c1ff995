"""Requests of functions take true and false for flags, and nothing that only looks like them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import BaseModel, Strict

from tests.places import ROOT, app_of

FUNCTIONS = {path.parent.name: path for path in sorted((ROOT / "functions").glob("*/*/app.py"))}


def _lenient(annotation: Any, metadata: list[Any], path: str) -> Iterator[str]:
    """Flags below an annotation that would take "true" or 1."""
    if annotation is bool and not any(isinstance(each, Strict) and each.strict for each in metadata):
        yield path
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from _lenient(field.annotation, list(field.metadata), f"{path}.{name}")
        return
    if str in get_args(annotation):  # a text stays a text
        return
    strict = list(getattr(annotation, "__metadata__", ()))
    for argument in get_args(annotation):
        yield from _lenient(argument, [*metadata, *strict] if strict else [], path)


def _requests(app: ModuleType, source: Path) -> Iterator[type[BaseModel]]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "parse":
            (name, *_) = node.args
            found = getattr(app, name.id, None) if isinstance(name, ast.Name) else None
            if isinstance(found, type) and issubclass(found, BaseModel):
                yield found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_flags_of_requests_are_strict(function: str) -> None:
    app = app_of(function)
    lenient = [
        each for request in _requests(app, FUNCTIONS[function]) for each in _lenient(request, [], request.__name__)
    ]
    assert lenient == []


def test_requests_are_found() -> None:
    found = [each for name, source in FUNCTIONS.items() for each in _requests(app_of(name), source)]
    assert len(found) > 30
