"""Template, settings and sample events agree about every function."""

import ast
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventModel, SqsModel
from pydantic import BaseModel, ValidationError

from bellwether.shared.settings import FunctionSettings
from tests.contract.stacks import Function, functions
from tests.places import EVENTS

PROVIDED = {"AWS_REGION"}  # by Lambda itself
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}  # read by Powertools
NONSENSE = {"operations/record_decision/nonsense.json"}  # events that are there to be refused
UNREAD = {"datasets/ingest_series/schedule.json"}  # a rule's own event: the handler looks at its detail-type only


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", functions(), ids=str)
def test_template_sets_what_the_settings_read(function: Function) -> None:
    # Given the function's settings and its variables
    settings = _settings(_app(function))
    fields = settings.model_fields if settings else {}
    required = {name.upper() for name, field in fields.items() if field.is_required()} - PROVIDED
    known = {name.upper() for name in fields} | POWERTOOLS
    # Then nothing that it needs is missing, and nothing is set that it does not know
    assert required - function.variables == set()
    assert function.variables - known == set()


@pytest.mark.parametrize("function", functions(), ids=str)
def test_logs_and_metrics_have_a_name(function: Function) -> None:
    assert function.variables >= POWERTOOLS


# --- events ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", functions(), ids=str)
def test_each_function_has_a_sample_event(function: Function) -> None:
    assert sorted((EVENTS / function.place).glob("*.json"))


def test_each_sample_event_belongs_to_a_function() -> None:
    places = {function.place for function in functions()}
    strangers = [path for path in EVENTS.rglob("*") if path.is_file() and _place(path) not in places]
    assert not strangers


@pytest.mark.parametrize("event", sorted(EVENTS.glob("*/*/*.json")), ids=lambda path: str(path.relative_to(EVENTS)))
def test_sample_event_fits_the_functions_model(event: Path) -> None:
    # Given a sample event and the models that its function reads events with
    (function,) = [each for each in functions() if each.place == _place(event)]
    models = _event_models(_app(function), function)
    content = json.loads(event.read_text())
    # Then one of the models reads it, unless it is there to be refused
    refusals = [refusal for model in models if (refusal := _refusal(model, content))]
    is_read = len(refusals) < len(models)
    assert is_read == (str(event.relative_to(EVENTS)) not in NONSENSE | UNREAD), refusals


def _place(event: Path) -> str:
    return "/".join(event.relative_to(EVENTS).parts[:2])


def _app(function: Function) -> ModuleType:
    return importlib.import_module(function.module)


def _settings(app: ModuleType) -> type[FunctionSettings] | None:
    found = [
        each
        for each in vars(app).values()
        if isinstance(each, type) and issubclass(each, FunctionSettings) and each.__module__ == app.__name__
    ]
    assert len(found) <= 1
    return found[0] if found else None


def _event_models(app: ModuleType, function: Function) -> list[type[BaseModel]]:
    """Models of `parse(Model, event)` in app.py; without one, the form in which its caller writes events."""
    source = function.folder / "app.py"
    parsed = [
        node.args[0].id
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "parse"
        if isinstance(node.args[0], ast.Name) and isinstance(node.args[1], ast.Name) and node.args[1].id == "event"
    ]
    return [getattr(app, name) for name in parsed] or [
        SqsModel if "SQS" in function.event_types else APIGatewayProxyEventModel
    ]


def _refusal(model: type[BaseModel], content: object) -> str | None:
    try:
        model.model_validate(content)
    except ValidationError as error:
        return f"{model.__name__}: {error}"
    return None
