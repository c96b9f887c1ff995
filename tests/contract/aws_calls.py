"""Which AWS operations a function's code can call, read from the source without running it.

From `app.py` to the use cases it names; from those, by the ports in their signatures, to the methods of the adapters
that `app.py` hands them; from the methods to what they ask of a client. Works on names and annotations, as this
house writes them: clients come from `aws_client("…")` inside an adapter, ports are annotated by their bare name, and
what `shared/wiring.py` makes for several functions counts as made by each function that imports it.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from tests.places import PACKAGE, ROOT

Definition = ast.FunctionDef | ast.ClassDef
WIRING = "bellwether.shared.wiring"


@dataclass(frozen=True)
class Call:
    """An operation by the names boto3 has for service and method, with the parameters it is given."""

    service: str
    method: str
    parameters: frozenset[str]


@dataclass(frozen=True, eq=False)
class Module:
    """The source of one module."""

    name: str
    tree: ast.Module = field(repr=False)

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        return {node.name: node for node in self.tree.body if isinstance(node, Definition)}

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Local name → module and name there, for what is imported from our package."""
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bellwether")
            for alias in node.names
        }


@cache
def module(name: str) -> Module:
    """Read a module by its dotted name."""
    base = ROOT / "layers" / "bellwether" if name.startswith("bellwether") else ROOT
    return Module(name, ast.parse((base / Path(*name.split("."))).with_suffix(".py").read_text()))


@cache
def _ports() -> dict[str, Definition]:
    """Every port by its name, whichever matter it belongs to."""
    homes = (module(f"bellwether.{path.parts[-3]}.ports.{path.stem}") for path in PACKAGE.glob("*/ports/*.py"))
    return {name: definition for home in homes for name, definition in home.definitions.items()}


def _is_in(layer: str, name: str) -> bool:
    """Whether a module `bellwether.<context>.<layer>…` belongs to the layer."""
    return name.startswith("bellwether.") and name.split(".")[2:3] == [layer]


def calls_of(app: str) -> frozenset[Call]:
    """Every operation that the function whose module is `app` can ask for."""
    return _calls_of(module(app))


def _calls_of(function: Module) -> frozenset[Call]:
    found: set[Call] = set()
    for local, (home, name) in function.imports.items():
        if home == WIRING:
            found |= _calls_of(_part(module(home), name))
            home, name = _made_by(module(home), name)
        if not _is_in("adapters", home):
            continue
        definition = module(home).definitions.get(name)
        if isinstance(definition, ast.FunctionDef):
            found |= _calls_from(home, [definition], None)
        elif isinstance(definition, ast.ClassDef):
            called = _called_directly(function, local) | _called_through_ports(function, local)
            methods = [m for cls in _with_bases(home, definition) for m in _methods(cls) if m.name in called]
            found |= _calls_from(home, methods, definition)
    return frozenset(found)


def _part(wiring: Module, name: str) -> Module:
    """One factory of the wiring with what it uses there, as if it were a module of its own."""
    needed, todo = dict[str, Definition](), [name]
    while todo:
        if (each := todo.pop()) in wiring.definitions and each not in needed:
            needed[each] = wiring.definitions[each]
            todo += _names(needed[each])
    used = {name for definition in needed.values() for name in _names(definition)}
    imports = [
        ast.ImportFrom(home, [ast.alias(what, local)], 0)
        for local, (home, what) in wiring.imports.items()
        if local in used
    ]
    return Module(f"{wiring.name}:{name}", ast.Module([*imports, *needed.values()], []))


def _made_by(wiring: Module, name: str) -> tuple[str, str]:
    """Module and name of the class whose instance a factory of the wiring returns."""
    definition = wiring.definitions.get(name)
    if not isinstance(definition, ast.FunctionDef):
        return wiring.name, name
    assert isinstance(definition.returns, ast.Name), f"{name} says by its bare name what it makes"
    return wiring.imports[definition.returns.id]


# --- app.py and use cases --------------------------------------------------------------------------------------------


def _called_directly(function: Module, local: str) -> set[str]:
    """Methods that app.py itself calls on an instance of the adapter that it imports as `local`."""
    return {
        node.attr
        for node in ast.walk(function.tree)
        if isinstance(node, ast.Attribute) and _is_instance(node.value, function, local)
    }


def _called_through_ports(function: Module, local: str) -> set[str]:
    """Methods called, in use cases that app.py reaches, on parameters that it fills with the adapter."""
    ports: set[str] = set()
    for call in (node for node in ast.walk(function.tree) if isinstance(node, ast.Call)):
        if not isinstance(call.func, ast.Name) or call.func.id not in function.imports:
            continue
        home, name = function.imports[call.func.id]
        if not _is_in("usecases", home):
            continue
        parameters = _parameters(module(home).definitions[name])
        given = [*zip(parameters, call.args, strict=False), *((each.arg, each.value) for each in call.keywords)]
        for parameter, value in given:
            if parameter in parameters and _is_instance(value, function, local):
                ports |= _port_and_bases(parameters[parameter])
    used: set[str] = set()
    for home, definition in _reachable_usecases(function) if ports else ():
        names = {name for name, port in _annotated(definition) if port in ports and port in module(home).imports}
        used |= {
            node.attr
            for node in ast.walk(definition)
            if isinstance(node, ast.Attribute) and _bare_name(node.value) in names
        }
    return used


def _is_instance(value: ast.expr, function: Module, local: str) -> bool:
    """Whether an expression of app.py makes or names an instance of the class imported as `local`."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id == local or value.func.id in _makers(function, local)
    if isinstance(value, ast.Name):
        return any(
            not isinstance(each, ast.Name) and _is_instance(each, function, local)
            for each in _assigned(function, value.id)
        )
    return False


def _makers(function: Module, local: str) -> set[str]:
    """Names in app.py of functions that return an instance: `def f() -> Class`."""
    return {
        name
        for name, node in function.definitions.items()
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id == local
    }


def _assigned(function: Module, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function.tree):
        if isinstance(node, ast.Assign) and any(_bare_name(target) == name for target in node.targets):
            yield node.value


@cache
def _reachable_usecases(function: Module) -> tuple[tuple[str, Definition], ...]:
    return tuple(_usecases_from(function))


def _usecases_from(function: Module) -> Iterator[tuple[str, Definition]]:
    todo = [function.imports[name] for name in _names(function.tree) if name in function.imports]
    seen: set[tuple[str, str]] = set()
    while todo:
        home, name = todo.pop()
        if (home, name) in seen or not _is_in("usecases", home):
            continue
        seen.add((home, name))
        place = module(home)
        definition = place.definitions.get(name)
        if definition is None:
            continue
        yield home, definition
        for used in _names(definition):
            if used in place.imports:
                todo.append(place.imports[used])
            elif used in place.definitions:
                todo.append((home, used))


def _parameters(definition: Definition) -> dict[str, str]:
    """Parameter → bare name of its annotation, in order; of a dataclass, its fields."""
    if isinstance(definition, ast.ClassDef):
        return dict(_fields(definition))
    arguments = definition.args
    return {
        each.arg: each.annotation.id if isinstance(each.annotation, ast.Name) else ""
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    }


def _annotated(definition: Definition) -> Iterator[tuple[str, str]]:
    for node in ast.walk(definition):
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name):
            yield node.arg, node.annotation.id
        elif isinstance(node, ast.ClassDef):
            yield from _fields(node)


def _fields(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.annotation.id if isinstance(node.annotation, ast.Name) else ""


def _port_and_bases(port: str) -> set[str]:
    definition = _ports().get(port)
    if not isinstance(definition, ast.ClassDef):
        return set()
    bases = (base.id for base in definition.bases if isinstance(base, ast.Name))
    return {port}.union(*(_port_and_bases(base) for base in bases))


# --- adapters --------------------------------------------------------------------------------------------------------


def _calls_from(home: str, start: Iterable[Definition], owner: ast.ClassDef | None) -> set[Call]:
    """Calls in these definitions and in everything that they use inside the adapters."""
    found: set[Call] = set()
    todo: list[tuple[str, Definition, ast.ClassDef | None]] = [(home, each, owner) for each in start]
    seen: set[int] = set()
    while todo:
        place, definition, cls = todo.pop()
        if id(definition) in seen:
            continue
        seen.add(id(definition))
        found |= set(_client_calls(module(place), definition, cls))
        if cls is not None:
            used = {
                n.attr for n in ast.walk(definition) if isinstance(n, ast.Attribute) and _bare_name(n.value) == "self"
            }
            todo += [(place, m, cls) for each in _with_bases(place, cls) for m in _methods(each) if m.name in used]
            todo += _calls_on_held(place, cls, definition)
        for name in _names(definition):
            where, what = module(place).imports.get(name, (place, name))
            if _is_in("adapters", where) and (other := module(where).definitions.get(what)) is not None:
                todo.append((where, other, other if isinstance(other, ast.ClassDef) else None))
    return found


def _calls_on_held(
    place: str, cls: ast.ClassDef, definition: Definition
) -> Iterator[tuple[str, Definition, ast.ClassDef | None]]:
    """Methods called on another adapter that this one holds: `self._held.method()` after `self._held = Adapter(…)`."""
    calls = {
        (node.value.attr, node.attr)
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)
        if _bare_name(node.value.value) == "self"
    }
    for each in _with_bases(place, cls):
        for node in ast.walk(each):
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            where, what = module(place).imports.get(_bare_name(node.value.func) or "", (place, ""))
            held = module(where).definitions.get(what) if _is_in("adapters", where) else None
            if not isinstance(held, ast.ClassDef):
                continue
            names = {target.attr for target in node.targets if isinstance(target, ast.Attribute)}
            called = {method for name, method in calls if name in names}
            for base in _with_bases(where, held):
                yield from ((where, method, held) for method in _methods(base) if method.name in called)


def _client_calls(place: Module, definition: Definition, cls: ast.ClassDef | None) -> Iterator[Call]:
    keywords = {
        id(node.func): frozenset(each.arg for each in node.keywords if each.arg)
        for node in ast.walk(definition)
        if isinstance(node, ast.Call)
    }
    operands = {id(node.func): node.args for node in ast.walk(definition) if isinstance(node, ast.Call)}
    for node in ast.walk(definition):
        if not isinstance(node, ast.Attribute) or (service := _service_of(node.value, place, cls)) is None:
            continue
        if node.attr == "get_paginator":
            operation = operands[id(node)][0]
            assert isinstance(operation, ast.Constant)
            yield Call(service, str(operation.value), frozenset())
        elif node.attr != "exceptions":
            yield Call(service, node.attr, keywords.get(id(node), frozenset()))


def _service_of(client: ast.expr, place: Module, cls: ast.ClassDef | None) -> str | None:
    """The service whose client this is: `some_client()` of a function that makes one, or `self._client`."""
    if isinstance(client, ast.Call) and isinstance(client.func, ast.Name):
        home, name = place.imports.get(client.func.id, (place.name, client.func.id))
        maker = module(home).definitions.get(name) if _is_in("adapters", home) else None
        return _client_made_in(maker) if maker is not None else None
    if cls is not None and isinstance(client, ast.Attribute) and _bare_name(client.value) == "self":
        for node in ast.walk(cls):
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Attribute) and target.attr == client.attr for target in targets):
                return _service(node.value) or _service_of(node.value, place, None)
    return None


def _client_made_in(definition: Definition) -> str | None:
    if isinstance(definition, ast.ClassDef):
        return None
    returned = (node.value for node in ast.walk(definition) if isinstance(node, ast.Return) and node.value is not None)
    return next((service for value in returned if (service := _service(value))), None)


def _service(node: ast.AST) -> str | None:
    """The service of `aws_client("service", …)`."""
    if isinstance(node, ast.Call) and _bare_name(node.func) == "aws_client" and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return None


def _with_bases(home: str, cls: ast.ClassDef) -> Iterator[ast.ClassDef]:
    yield cls
    for base in cls.bases:
        definition = module(home).definitions.get(base.id) if isinstance(base, ast.Name) else None
        if isinstance(definition, ast.ClassDef):
            yield from _with_bases(home, definition)


def _methods(cls: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    return (node for node in cls.body if isinstance(node, ast.FunctionDef))


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _bare_name(node: ast.expr) -> str | None:
    """`x` of `x` and of `self.x` or `self._x`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr.lstrip("_")
    return node.id if isinstance(node, ast.Name) else None
