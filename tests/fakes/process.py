"""A state machine carried out in this process, its tasks answered by a script: to walk every way through it.

Knows what our definitions use of JSONata's ASL; times and retries pass in no time. The embedded cloud's interpreter
runs the same definitions in the end-to-end tests.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonata  # type: ignore[import-untyped]

from tests.places import ROOT

MACHINES = ROOT / "statemachines"
EXECUTION = {"Id": "arn:aws:states:us-east-1:000000000000:execution:machine:run-1", "Name": "run-1"}
NOON = "2026-03-01T12:00:00Z"
STEPS_MAX = 500
HASHES: Mapping[str, Callable[[bytes], Any]] = {"MD5": lambda data: hashlib.md5(data, usedforsecurity=False)}


@dataclass(frozen=True)
class Failure:
    """A task that fails: the error's class and what it says."""

    error: str
    cause: str = "as scripted"


@dataclass
class Ending:
    """How an execution ended, the states it went through, and what each task was given."""

    status: str
    state: str
    output: Any
    path: list[str]
    given: dict[str, list[Any]]
    error: str | None = None
    cause: str | None = None


Answer = Any  # a result, a Failure, or a function of the arguments that gives one


@dataclass
class Process:
    """A definition with the values of its substitutions; `answers` by state, None where nothing was scripted."""

    name: str
    substitutions: Mapping[str, str] = field(default_factory=dict)

    def run(self, given: Any, answers: Mapping[str, Answer]) -> Ending:
        """Walk from the start to an end. A task without an answer succeeds with null."""
        text = (MACHINES / f"{self.name}.asl.json").read_text()
        text = re.sub(r"\$\{(\w+)\}", lambda match: self.substitutions.get(match[1], "1"), text)
        return _walk(json.loads(text), given, answers, Ending("RUNNING", "", given, [], {}), {})


def _walk(
    definition: Mapping[str, Any],
    given: Any,
    answers: Mapping[str, Answer],
    ending: Ending,
    variables: dict[str, Any],
) -> Ending:
    name, value = definition["StartAt"], given
    for _ in range(STEPS_MAX):
        state = definition["States"][name]
        ending.path.append(name)
        scope = _Scope(variables, value, name)
        match state["Type"]:
            case "Succeed" | "Fail":
                ending.status = "SUCCEEDED" if state["Type"] == "Succeed" else "FAILED"
                ending.state, ending.output = name, scope.output(state)
                if state["Type"] == "Fail":
                    ending.error, ending.cause = scope.value(state["Error"]), scope.value(state.get("Cause"))
                return ending
            case "Choice":
                rule = next((r for r in state["Choices"] if scope.value(r["Condition"]) is True), None)
                taken, target = (rule, rule["Next"]) if rule else (state, state["Default"])
            case "Pass" | "Wait":
                taken, target = state, state.get("Next")
            case "Task" | "Map":
                taken, target = _perform(state, name, scope, answers, ending)
                if ending.status == "FAILED":
                    return ending
            case other:
                raise AssertionError(f"{other} is not known here")
        value = scope.leave(taken)
        if target is None:
            ending.status, ending.state, ending.output = "SUCCEEDED", name, value
            return ending
        name = target
    raise AssertionError(f"no end after {STEPS_MAX} states: {ending.path[-5:]}")


def _perform(
    state: Mapping[str, Any], name: str, scope: "_Scope", answers: Mapping[str, Answer], ending: Ending
) -> tuple[Mapping[str, Any], str | None]:
    if state["Type"] == "Map":
        result: Any = _each(state, scope, answers, ending)
    else:
        arguments = scope.value(state.get("Arguments"))
        ending.given.setdefault(name, []).append(arguments)
        result = answers.get(name)
        result = result(arguments) if callable(result) else result
    if isinstance(result, Failure):
        for catcher in state.get("Catch", ()):
            if {result.error, "States.ALL"} & set(catcher["ErrorEquals"]):
                scope.states["errorOutput"] = {"Error": result.error, "Cause": result.cause}
                return catcher, catcher["Next"]
        ending.status, ending.state, ending.error, ending.cause = "FAILED", name, result.error, result.cause
        return state, None
    scope.states["result"] = result
    return state, state.get("Next")


def _each(state: Mapping[str, Any], scope: "_Scope", answers: Mapping[str, Answer], ending: Ending) -> Any:
    """A Map's results; the first item that fails fails it all, as with no tolerance."""
    results = []
    for index, item in enumerate(scope.value(state["Items"]) if "Items" in state else scope.states["input"]):
        scope.states["context"]["Map"] = {"Item": {"Index": index, "Value": item}}
        given = scope.value(state["ItemSelector"]) if "ItemSelector" in state else item
        inner = Ending("RUNNING", "", given, ending.path, ending.given)
        _walk(state["ItemProcessor"], given, answers, inner, dict(scope.variables))
        if inner.status == "FAILED":
            return Failure(str(inner.error), str(inner.cause))
        results.append(inner.output)
    return results


class _Scope:
    """What an expression of a state can see."""

    def __init__(self, variables: dict[str, Any], value: Any, name: str) -> None:
        self.variables = variables
        self.states: dict[str, Any] = {
            "input": value,
            "context": {
                "Execution": {**EXECUTION, "Input": value, "StartTime": NOON},
                "State": {"Name": name, "EnteredTime": NOON},
            },
        }

    def leave(self, taken: Mapping[str, Any]) -> Any:
        """Assign what is assigned, all at once, and give what the next state gets."""
        assigned = {key: self.value(each) for key, each in taken.get("Assign", {}).items()}
        value = self.output(taken)
        self.variables.update(assigned)
        return value

    def output(self, taken: Mapping[str, Any]) -> Any:
        if "Output" in taken:
            return self.value(taken["Output"])
        return self.states.get("errorOutput", self.states.get("result", self.states["input"]))

    def value(self, template: Any) -> Any:
        """The template with its expressions worked out."""
        if isinstance(template, str) and template.startswith("{%"):
            return self._evaluated(template.removeprefix("{%").removesuffix("%}").strip())
        if isinstance(template, dict):
            return {key: self.value(each) for key, each in template.items()}
        if isinstance(template, list):
            return [self.value(each) for each in template]
        return template

    def _evaluated(self, text: str) -> Any:
        expression = jsonata.Jsonata(text)
        expression.register_lambda("hash", lambda data, kind: HASHES[kind](data.encode()).hexdigest())
        expression.register_lambda("parse", json.loads)
        frame = expression.create_frame()
        for key, each in {**self.variables, "states": self.states}.items():
            frame.bind(key, each)
        return expression.evaluate(self.states["input"], frame)
