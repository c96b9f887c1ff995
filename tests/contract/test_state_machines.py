"""State machines: sound as ASL, honest about failure, in agreement with template and code."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonata  # type: ignore[import-untyped]
import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from bellwether.shared.domain import errors
from tests.contract.stacks import ITEMS, Machine, machines

every_machine = pytest.mark.parametrize("machine", machines(), ids=str)
REGION = "us-east-1"
AWS_ERRORS = {  # documented by Step Functions, or the service's exception behind the service's name
    "Athena.InternalServerException",
    "Athena.SdkClientException",
    "Athena.TooManyRequestsException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "SNS.InternalErrorException",
    "SNS.SdkClientException",
    "SNS.ThrottledException",
    "SageMaker.ResourceInUseException",
    "SageMaker.ResourceLimitExceededException",
    "SageMaker.SageMakerException",
    "SageMaker.SdkClientException",
    "Ssm.InternalServerErrorException",
    "StepFunctions.ExecutionAlreadyExistsException",
    "StepFunctions.ExecutionLimitExceededException",
    "StepFunctions.SdkClientException",
    "Ssm.SdkClientException",
    "Ssm.SsmException",
    "Ssm.ParameterNotFoundException",
    "States.ALL",
}
OUR_ERRORS = {
    name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.BellwetherError)
}
PUBLISH = "arn:aws:states:::sns:publish"
START = "arn:aws:states:::states:startExecution"
NOTED = "a failure that is noted"
JOBS = tuple(f"arn:aws:states:::sagemaker:create{kind}Job.sync" for kind in ("Training", "Transform"))
QUERY = "arn:aws:states:::athena:startQueryExecution.sync"
OPTIMIZED = {PUBLISH, START, QUERY, *JOBS}
SDK = re.compile(r"arn:aws:states:::aws-sdk:[a-z]+:[a-zA-Z]+")
BUILT_IN = {  # of JSONata 2.0 and of Step Functions
    *("contains", "count", "exists", "hash", "join", "keys", "length", "merge", "not", "parse", "string", "substring"),
    "type",
    "states",
}


# --- as the schema and JSONata have it -------------------------------------------------------------------------------


def test_definitions_fit_the_schema() -> None:
    # Given a template with every definition, its substitutions made
    template = {"Resources": {str(each).title().replace("_", ""): _as_resource(each) for each in machines()}}
    # When cfn-lint checks it; Then it finds nothing
    assert [str(match) for match in lint(json.dumps(template), None, [REGION], ManualArgs(regions=[REGION]))] == []


def _as_resource(machine: Machine) -> dict[str, Any]:
    text = machine.path.read_text()
    for name in machine.substitutions:
        value = f"arn:aws:lambda:{REGION}:000000000000:function:f" if name.endswith("FunctionArn") else "1"
        text = text.replace(f"${{{name}}}", value)
    properties = {"RoleArn": "arn:aws:iam::000000000000:role/r", "Definition": json.loads(text)}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


@every_machine
def test_every_expression_parses(machine: Machine) -> None:
    for expression in _expressions(machine.definition):
        jsonata.Jsonata.jsonata(re.sub(r"\$\{\w+\}", "1", expression))


@every_machine
def test_every_variable_is_assigned_somewhere(machine: Machine) -> None:
    # Given the variables that states and catchers assign, and those bound inside an expression
    assigned = {name for assign in _values(machine.definition, "Assign") for name in assign}
    for expression in _expressions(machine.definition):
        bound = set(re.findall(r"\$(\w+)\s*:=", expression))
        used = set(re.findall(r"\$(\w+)", re.sub(r"\$\{\w+\}", "", expression)))
        # Then an expression uses no others
        assert used <= assigned | bound | BUILT_IN, expression


@every_machine
def test_variables_are_assigned_before_they_are_used(machine: Machine) -> None:
    # Given, for each state, the variables assigned on every way that leads to it
    known = _assigned_on_every_way(machine)
    assigned = {name for assign in _values(machine.definition, "Assign") for name in assign}
    for name, state in machine.states.items():
        used = {word for text in _expressions(state) for word in re.findall(r"\$(\w+)", text)} & assigned
        # Then the state uses no others
        assert used <= known[name], f"{name} may see no {used - known[name]}"


# --- ways through ----------------------------------------------------------------------------------------------------


@every_machine
def test_every_state_is_reached(machine: Machine) -> None:
    reached, todo = set(), [machine.definition["StartAt"]]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [target for target, _ in _ways_out(machine.states[name])]
    assert reached == set(machine.states)


@every_machine
def test_failures_end_in_failure(machine: Machine) -> None:
    # Given every way that a catcher for everything opens
    for name, state in machine.tasks.items():
        for catcher in state.get("Catch", []):
            if "States.ALL" in catcher["ErrorEquals"]:
                # Then no end that it leads to is a success; an item of a Map may note it, so that the others go on
                assert _ends(machine, catcher["Next"]) in ({"Fail"}, {NOTED}), name


@every_machine
def test_noted_failures_of_items_fail_the_machine(machine: Machine) -> None:
    # Given a Map of which an item may end in a failure that is only noted
    for name, state in machine.states.items():
        if ITEMS in state and NOTED in _ends(machine, state[ITEMS]):
            # Then a Choice comes after it, and its first rule counts failures and ends in one
            choice = machine.states[state["Next"]]
            assert choice["Type"] == "Choice", name
            assert _ends(machine, choice["Choices"][0]["Next"]) == {"Fail"}, name
            (counted,) = re.findall(r"\$count\(\$(\w+)\) > 0", choice["Choices"][0]["Condition"])
            assert "$exists(failure)" in state["Assign"][counted], name


@every_machine
def test_no_failure_goes_untold(machine: Machine) -> None:
    # Given a machine that tells people how it ended
    telling = {name for name, task in machine.tasks.items() if task["Resource"] == PUBLISH}
    if telling:
        # Then whatever fails on the way is caught; only the telling itself can fail without a word
        assert telling >= {name for name, task in machine.tasks.items() if not _caught(task)}


def _caught(task: dict[str, Any]) -> bool:
    return any("States.ALL" in catcher["ErrorEquals"] for catcher in task.get("Catch", []))


@every_machine
def test_machine_is_explained_and_limited(machine: Machine) -> None:
    assert machine.definition["Comment"]
    assert machine.definition["TimeoutSeconds"]
    # And it lasts longer than any of its tasks
    assert machine.definition["TimeoutSeconds"] > max(task["TimeoutSeconds"] for task in machine.tasks.values())


@every_machine
def test_every_task_has_a_limit_and_a_narrow_retry(machine: Machine) -> None:
    for name, task in machine.tasks.items():
        assert 0 < task["TimeoutSeconds"] <= machine.definition["TimeoutSeconds"], name
        assert task["Retry"], name
        for retry in task["Retry"]:
            assert not {"States.ALL", "States.TaskFailed", "States.Timeout"} & set(retry["ErrorEquals"]), name
            assert retry["JitterStrategy"] == "FULL", name
            assert retry["MaxDelaySeconds"] >= retry["IntervalSeconds"], name
            assert retry["MaxAttempts"] > 0, name


@every_machine
def test_state_names_are_phrases(machine: Machine) -> None:
    assert [name for name in machine.states if not re.fullmatch(r"[A-Z][a-z]*( [A-Z][a-z]*)*", name)] == []


def test_deployment_waits_with_a_limit() -> None:
    # Given the loop that waits for the endpoint
    (machine,) = [each for each in machines() if str(each) == "deploy_model"]
    wait = machine.states["Wait For Endpoint"]
    checks, seconds = int(machine.substitutions["EndpointCheckLimit"]), 30  # the parameter's MaxValue
    # Then the longest wait, restoring and the slowest smoke test fit into the machine's own limit
    assert wait["Next"] == "Describe Endpoint"
    assert checks * seconds + 60 * 30 + 600 < machine.definition["TimeoutSeconds"]


# --- names -----------------------------------------------------------------------------------------------------------


@every_machine
def test_errors_have_names_that_somebody_raises(machine: Machine) -> None:
    named = {error for errors_ in _values(machine.definition, "ErrorEquals") for error in errors_}
    assert named <= AWS_ERRORS | OUR_ERRORS


@every_machine
def test_substitutions_are_all_defined_and_all_used(machine: Machine) -> None:
    used = set(re.findall(r"\$\{(\w+)\}", machine.path.read_text()))
    assert used == set(machine.substitutions)


@every_machine
def test_no_resource_is_named_by_its_arn(machine: Machine) -> None:
    for task in machine.tasks.values():
        resource = task["Resource"]
        assert resource in OPTIMIZED or SDK.fullmatch(resource) or re.fullmatch(r"\$\{\w+FunctionArn\}", resource)
    others = {name: state for name, state in machine.definition.items() if name != "States"}
    others |= {name: {k: v for k, v in state.items() if k != "Resource"} for name, state in machine.states.items()}
    assert "arn:" not in json.dumps(others)


@every_machine
def test_whatever_is_created_is_tagged(machine: Machine) -> None:
    for task in machine.tasks.values():
        if ":create" in task["Resource"]:
            assert [tag["Key"] for tag in task["Arguments"]["Tags"]] == ["App", "Env", "CostCenter"]


# --- looking at a definition -----------------------------------------------------------------------------------------


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("{%"):
        yield value.removeprefix("{%").removesuffix("%}").strip()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _expressions(inner)


def _values(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict) and key in value:
        yield value[key]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _values(inner, key)


def _ways_out(state: dict[str, Any]) -> list[tuple[str, set[str]]]:
    """Each next state, with the variables assigned on the way to it."""
    own = set(state.get("Assign", {}))
    ways = [(state[key], own) for key in ("Next", "Default") if key in state]
    ways += [(state[ITEMS], set())] if ITEMS in state else []
    ways += [(rule["Next"], set(rule.get("Assign", {}))) for rule in state.get("Choices", [])]
    ways += [(catcher["Next"], set(catcher.get("Assign", {}))) for catcher in state.get("Catch", [])]
    return ways


def _ends(machine: Machine, start: str) -> set[str]:
    """Types of the final states that can be reached."""
    seen, ends, todo = set(), set(), [start]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        state = machine.states[name]
        ways = _ways_out(state)
        if not ways:
            ends.add(NOTED if "failure" in state.get("Output", {}) else state["Type"])
        todo += [target for target, _ in ways]
    return ends


def _assigned_on_every_way(machine: Machine) -> dict[str, set[str]]:
    everything = {name for assign in _values(machine.definition, "Assign") for name in assign}
    known = {name: set(everything) for name in machine.states}
    known[machine.definition["StartAt"]] = set()
    changed = True
    while changed:
        changed = False
        for name, state in machine.states.items():
            for target, assigned in _ways_out(state):
                narrowed = known[target] & (known[name] | assigned)
                if narrowed != known[target]:
                    known[target], changed = narrowed, True
    return known
