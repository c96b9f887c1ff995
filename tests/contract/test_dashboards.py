"""Dashboards show what is emitted, and nothing that nobody sends; what they say to read is there to be read."""

import ast
import json
import re
from functools import cache
from typing import Any

import pytest

from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.specs import TrainedSpec
from bellwether.shared.domain.decisions import Verdict
from tests.contract.stacks import STACKS, Function, functions, stack
from tests.places import ROOT

SPECS = CATALOGUE.values()
VALUES = {  # of the dimensions that our own metrics have
    "service": {"models"},
    "model": set(CATALOGUE),
    "verdict": {verdict.value for verdict in Verdict},
    "dataset": {spec.dataset.name for spec in SPECS if isinstance(spec, TrainedSpec)},
}
ENDPOINTS = {name for spec in SPECS for name in (spec.endpoint_name, spec.challenger_endpoint_name)}
AWS_METRICS = {  # namespace → metrics and dimensions, as AWS documents them
    "AWS/States": (
        {"ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"},
        ("StateMachineArn",),
    ),
    "AWS/ApiGateway": ({"Count", "4XXError", "5XXError"}, ("ApiName", "Stage")),
    "AWS/SageMaker": (
        {"ModelLatency", "OverheadLatency", "ModelSetupTime", "Invocation4XXErrors", "Invocation5XXErrors"},
        ("EndpointName", "VariantName"),
    ),
}
NAMES = ("models", "training", "inference", "features")


def _dashboards() -> dict[str, dict[str, Any]]:
    return {
        str(properties["DashboardName"]["Fn::Sub"]).removeprefix("bellwether-${Environment}-"): properties
        for properties in stack("monitoring").of_type("AWS::CloudWatch::Dashboard").values()
    }


def _widgets(name: str) -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = json.loads(_dashboards()[name]["DashboardBody"]["Fn::Sub"])["widgets"]
    return widgets


def _metrics(name: str) -> list[tuple[str, str, dict[str, str]]]:
    """Namespace, metric and dimensions of everything that is drawn."""
    rows = [row for widget in _widgets(name) for row in widget["properties"].get("metrics", [])]
    plain = [[cell for cell in row if isinstance(cell, str)] for row in rows]
    return [(row[0], row[1], dict(zip(row[2::2], row[3::2], strict=True))) for row in plain]


every_metric = pytest.mark.parametrize(
    ("namespace", "metric", "dimensions"),
    [pytest.param(*row, id=f"{name}-{row[1]}-{'-'.join(row[2].values())}") for name in NAMES for row in _metrics(name)],
)


@every_metric
def test_what_is_drawn_is_emitted(namespace: str, metric: str, dimensions: dict[str, str]) -> None:
    if namespace == "Bellwether":
        # Given a metric of our own; Then some function emits it under these very dimensions
        assert frozenset(dimensions) in _emitted()[metric]
        assert all(value in VALUES[name] for name, value in dimensions.items())
        return
    # Given one of AWS's; Then it exists, and what it is about is in the template
    known, names = AWS_METRICS[namespace]
    assert metric in known
    assert tuple(dimensions) == names
    match namespace:
        case "AWS/States":
            logical_id = dimensions["StateMachineArn"].removeprefix("${").removesuffix("}")
            home = stack("monitoring")
            assert logical_id in home.body["Parameters"] or logical_id in home.of_type("AWS::Serverless::StateMachine")
        case "AWS/ApiGateway":
            apis = [api for each in STACKS for api in stack(each).of_type("AWS::Serverless::Api").values()]
            assert dimensions["ApiName"] in {api["Name"]["Fn::Sub"] for api in apis}
            assert {"Ref": dimensions["Stage"].strip("${}")} in [api["StageName"] for api in apis]
        case "AWS/SageMaker":
            assert dimensions["EndpointName"] in ENDPOINTS
            assert dimensions["VariantName"] == "AllTraffic"


def test_four_dashboards_three_of_them_by_default() -> None:
    assert tuple(_dashboards()) == NAMES
    conditions = {
        name: resource["Condition"]
        for name, resource in stack("monitoring").body["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    }
    assert [name for name, condition in conditions.items() if condition == "AllDashboards"] == ["FeaturesDashboard"]


@pytest.mark.parametrize("name", NAMES)
def test_each_model_of_the_catalogue_is_drawn(name: str) -> None:
    shown = {dimensions["model"] for _, _, dimensions in _metrics(name) if "model" in dimensions}
    trained = {spec.name for spec in SPECS if isinstance(spec, TrainedSpec)}
    assert shown >= trained


@pytest.mark.parametrize("name", NAMES)
def test_text_leads_to_entries_of_the_runbook(name: str) -> None:
    headings = {line.lstrip("# ") for line in (ROOT / "RUNBOOK.md").read_text().splitlines() if line.startswith("#")}
    (text,) = [widget["properties"]["markdown"] for widget in _widgets(name) if widget["type"] == "text"]
    assert "RUNBOOK" in text
    named = set(re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text))
    assert named
    assert named <= headings


def test_logs_that_are_searched_are_logs_of_ours() -> None:
    groups = {
        group["LogGroupName"]["Fn::Sub"]
        for each in STACKS
        for group in stack(each).of_type("AWS::Logs::LogGroup").values()
        if isinstance(group["LogGroupName"], dict)
    }
    queries = [w["properties"]["query"] for name in NAMES for w in _widgets(name) if w["type"] == "log"]
    assert queries
    for query in queries:
        assert set(re.findall(r"SOURCE '([^']+)'", query)) <= groups


# --- what functions emit ---------------------------------------------------------------------------------------------


@cache
def _emitted() -> dict[str, set[frozenset[str]]]:
    """Metric → the sets of dimensions it comes with; `service` is Powertools' own."""
    found: dict[str, set[frozenset[str]]] = {}
    for function in functions():
        for metric, dimensions in _emissions(function):
            found.setdefault(metric, set()).add(dimensions | {"service"})
    return found


def _emissions(function: Function) -> list[tuple[str, frozenset[str]]]:
    """Each `add_metric` with the dimensions that may be added by then, each `gauge` with its own."""
    tree = ast.parse((function.folder / "app.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = [str(_text(call.args[0])) for call in calls if _name(call) == "add_dimension"]
    subsets = [frozenset(added[:length]) for length in range(len(added) + 1)] + [frozenset(added)]
    found = []
    for call in calls:
        if _name(call) == "add_metric":
            found += [(metric, subset) for metric in _texts(call.args[0], tree) for subset in subsets]
        elif _name(call) == "gauge":
            found += [
                (metric, frozenset(str(each.arg) for each in call.keywords)) for metric in _texts(call.args[0], tree)
            ]
    return found


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _text(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _texts(node: ast.expr, tree: ast.Module) -> list[str]:
    """The name; both names of `a if … else b`; those that a variable is given."""
    match node:
        case ast.Constant():
            return [str(node.value)]
        case ast.IfExp():
            return [*_texts(node.body, tree), *_texts(node.orelse, tree)]
        case ast.Name():
            given = [each.value for each in ast.walk(tree) if isinstance(each, ast.Assign) and _assigns(each, node.id)]
            return [name for value in given for name in _texts(value, tree)]
    return []


def _assigns(statement: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
