"""The metrics that alarms and dashboards may show: AWS's as it documents them, ours as functions emit them."""

import ast
from functools import cache

from tests.contract.stacks import Function, functions

AWS_METRICS = {  # namespace → names and dimensions
    "AWS/ApiGateway": ({"Count", "4XXError", "5XXError", "Latency", "IntegrationLatency"}, ("ApiName", "Stage")),
    "AWS/Lambda": ({"Duration", "Errors", "Invocations", "Throttles"}, ("FunctionName",)),
    "AWS/RDS": (
        {"CPUCreditBalance", "CPUUtilization", "DatabaseConnections", "FreeableMemory", "FreeStorageSpace"},
        ("DBInstanceIdentifier",),
    ),
    "AWS/SageMaker": (
        {"ModelLatency", "OverheadLatency", "ModelSetupTime", "Invocation4XXErrors", "Invocation5XXErrors"},
        ("EndpointName", "VariantName"),
    ),
    "AWS/SQS": ({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}, ("QueueName",)),
    "AWS/States": (
        {"ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"},
        ("StateMachineArn",),
    ),
}


@cache
def emitted() -> dict[str, set[frozenset[str]]]:
    """Metric → the sets of dimensions that some function emits it with."""
    found: dict[str, set[frozenset[str]]] = {}
    for function in functions():
        for metric, dimensions in emitted_by(function).items():
            found.setdefault(metric, set()).update(dimensions)
    return found


def emitted_by(function: Function) -> dict[str, set[frozenset[str]]]:
    """Metric → the sets of dimensions that the function emits it with; `service` is Powertools' own.

    `add_metric` takes the dimensions that may have been added by then, `gauge` has its own.
    """
    tree = ast.parse((function.folder / "app.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = [str(_text(call.args[0])) for call in calls if _name(call) == "add_dimension"]
    subsets = [frozenset(added[:length]) for length in range(len(added) + 1)]
    found: dict[str, set[frozenset[str]]] = {}
    for call in calls:
        if _name(call) in ("add_metric", "gauge"):
            own = [frozenset(str(each.arg) for each in call.keywords)]
            for metric in _texts(call.args[0], tree):
                dimensions = subsets if _name(call) == "add_metric" else own
                found.setdefault(metric, set()).update(each | {"service"} for each in dimensions)
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
