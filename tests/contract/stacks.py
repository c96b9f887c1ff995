"""The templates as the contract tests look at them: functions, roles, state machines, alarms."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]

from tests.places import ROOT

ITEMS = "StartOfItems"  # of a Map, in place of what happens to each item
STACKS = ("foundation", "operations", "models", "serving", "news", "finops", "monitoring")


@dataclass(frozen=True)
class Statement:
    """A statement of a role's policy; `resources` are unresolved, as the template has them."""

    sid: str
    actions: frozenset[str]
    resources: tuple[Any, ...]
    condition: Any


@dataclass(frozen=True)
class Stack:
    """One template file."""

    name: str
    path: Path
    body: Mapping[str, Any]

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Properties of the resources of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.body["Resources"].items()
            if resource["Type"] == resource_type
        }

    def statements(self, role: str) -> tuple[Statement, ...]:
        """What a role of this stack may do; statements under a condition included."""
        properties = self.of_type("AWS::IAM::Role")[role]
        assert "ManagedPolicyArns" not in properties, f"{role} has rights that nobody here wrote down"
        return tuple(
            _statement(each)
            for policy in properties["Policies"]
            for raw in policy["PolicyDocument"]["Statement"]
            for each in _branches(raw)
        )

    @property
    def functions(self) -> "tuple[Function, ...]":
        """Every function of this stack."""
        shared = self.body.get("Globals", {}).get("Function", {})
        return tuple(
            Function(self, name.removesuffix("Function"), properties, shared)
            for name, properties in self.of_type("AWS::Serverless::Function").items()
        )

    @property
    def machines(self) -> "tuple[Machine, ...]":
        """Every state machine of this stack."""
        return tuple(
            Machine(self, name, properties)
            for name, properties in self.of_type("AWS::Serverless::StateMachine").items()
        )


@dataclass(frozen=True)
class Function:
    """A Lambda function as its template declares it."""

    stack: Stack
    name: str
    properties: Mapping[str, Any]
    shared: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        return self.stack.path.parent.joinpath(str(self.properties["CodeUri"])).resolve()

    @property
    def module(self) -> str:
        """Its module's name in the repository; in Lambda it is `app`."""
        return ".".join((*self.folder.relative_to(ROOT).parts, "app"))

    @property
    def place(self) -> str:
        """`<context>/<verb_noun>`, as under functions/ and events/."""
        return "/".join(self.folder.parts[-2:])

    @property
    def variables(self) -> frozenset[str]:
        """Names of its environment variables, those of Globals included."""
        return frozenset(_variables(self.shared)) | frozenset(_variables(self.properties))

    @property
    def event_types(self) -> frozenset[str]:
        """What calls it, as SAM spells it."""
        return frozenset(str(event["Type"]) for event in self.properties.get("Events", {}).values())

    @property
    def role(self) -> str:
        """Logical id of its role."""
        return str(get_att(self.properties["Role"])[0])

    @property
    def statements(self) -> tuple[Statement, ...]:
        return self.stack.statements(self.role)

    @property
    def actions(self) -> frozenset[str]:
        """Everything its role allows."""
        return frozenset(action for statement in self.statements for action in statement.actions)

    def setting(self, key: str) -> Any:
        """A property of its own or of Globals."""
        return self.properties.get(key, self.shared.get(key))


@dataclass(frozen=True)
class Machine:
    """A state machine as its template declares it, with its definition."""

    stack: Stack
    logical_id: str
    properties: Mapping[str, Any]

    def __str__(self) -> str:
        return self.path.stem.removesuffix(".asl")

    @property
    def path(self) -> Path:
        return self.stack.path.parent.joinpath(str(self.properties["DefinitionUri"])).resolve()

    @cached_property
    def definition(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.path.read_text())
        return parsed

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        """Every state by its name, those of a Map's items beside the Map, which keeps where its items start."""
        return dict(_flattened(self.definition["States"]))

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        return {name: state for name, state in self.states.items() if state["Type"] == "Task"}

    @property
    def substitutions(self) -> Mapping[str, Any]:
        substitutions: Mapping[str, Any] = self.properties["DefinitionSubstitutions"]
        return substitutions

    @property
    def statements(self) -> tuple[Statement, ...]:
        return self.stack.statements(str(get_att(self.properties["Role"])[0]))


def _flattened(states: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        if state["Type"] != "Map":
            yield name, state
            continue
        items = state["ItemProcessor"]
        yield name, {key: value for key, value in state.items() if key != "ItemProcessor"} | {ITEMS: items["StartAt"]}
        yield from _flattened(items["States"])


@cache
def root() -> Stack:
    """template.yaml."""
    return read_stack("root", ROOT / "template.yaml")


@cache
def stack(name: str) -> Stack:
    """stacks/<name>.yaml."""
    return read_stack(name, ROOT / "stacks" / f"{name}.yaml")


@cache
def functions() -> tuple[Function, ...]:
    """Every function of every stack."""
    return tuple(function for name in STACKS for function in stack(name).functions)


@cache
def machines() -> tuple[Machine, ...]:
    """Every state machine of every stack."""
    return tuple(machine for name in STACKS for machine in stack(name).machines)


def get_att(value: Any) -> list[str]:
    """The parts of a `!GetAtt`; empty for anything else."""
    found = value.get("Fn::GetAtt", []) if isinstance(value, Mapping) else []
    return found.split(".", 1) if isinstance(found, str) else list(found)


def referred(value: Any) -> str | None:
    """The logical id that a `!Ref` or a `!GetAtt` points at."""
    if isinstance(value, Mapping) and "Ref" in value:
        return str(value["Ref"])
    parts = get_att(value)
    return parts[0] if parts else None


def walk(value: Any) -> Iterator[Any]:
    """Every value inside a piece of template, itself first."""
    yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from walk(inner)


def read_stack(name: str, path: Path) -> Stack:
    """The template in a file."""
    return Stack(name, path, load(str(path)))


def _variables(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = properties.get("Environment", {}).get("Variables", {})
    return variables


def _branches(raw: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "Fn::If" in raw:
        for branch in raw["Fn::If"][1:]:
            if "Effect" in branch:
                yield branch
    else:
        yield raw


def _statement(raw: Mapping[str, Any]) -> Statement:
    assert raw["Effect"] == "Allow"
    resources = raw["Resource"]
    actions = raw["Action"]
    return Statement(
        sid=raw["Sid"],
        actions=frozenset([actions] if isinstance(actions, str) else actions),
        resources=tuple(resources) if isinstance(resources, list) else (resources,),
        condition=raw.get("Condition"),
    )
