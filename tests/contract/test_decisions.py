"""One ledger, one dialect: the names of gates and the kinds of decisions, wherever they are made."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bellwether.shared.domain.decisions import GATE_NAME, Kind
from tests.places import PACKAGE, ROOT

FACTORIES = {"Gate", "gate_of", "coverage_gate", "_gate"}  # functions that take the name of a gate first
MACHINES = sorted((ROOT / "statemachines").glob("*.asl.json"))


def test_every_gate_in_the_code_has_a_name_that_fits_the_pattern() -> None:
    names = {name for path in PACKAGE.rglob("*.py") for name in _gate_names(path)}
    assert len(names) > 40
    assert {name for name in names if not GATE_NAME.fullmatch(name)} == set()


def test_every_gate_of_a_state_machine_has_a_name_that_fits_the_pattern() -> None:
    names = [name for path in MACHINES for gate in _gates(path) for name in _values(gate, "name")]
    assert len(names) > 3
    assert [name for name in names if not GATE_NAME.fullmatch(name)] == []


def test_every_kind_in_a_state_machine_is_known() -> None:
    kinds = {kind for path in MACHINES for kind in _values(_read(path), "kind")}
    named = {word for kind in kinds for word in (re.findall(r"'([a-z]+_[a-z_]+)'", kind) if "{%" in kind else [kind])}
    assert named
    assert named <= set(Kind)


def test_ids_of_decisions_are_made_in_one_place() -> None:
    # Given what state machines record; Then it has a natural key, and neither an id nor a verdict
    for path in MACHINES:
        for entry in _values(_read(path), "decide"):
            assert entry.keys() == {"kind", "subject", "key", "actor", "made_at", "gates", "evidence"}, path.name
        assert "verdict" not in path.read_text(), path.name


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _gates(path: Path) -> Iterator[Any]:
    """Gates of a definition, written down in its decisions or assigned on the way there."""
    for key in ("gates", "gate"):
        yield from _values(_read(path), key)


def _gate_names(path: Path) -> Iterator[str]:
    """Names given to gates; whatever an f-string inserts counts as one word."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in FACTORIES:
            continue
        for value in [keyword.value for keyword in node.keywords if keyword.arg == "name"] or node.args[:1]:
            if isinstance(value, ast.Constant):
                yield str(value.value)
            elif isinstance(value, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in value.values)


def _values(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict) and key in value:
        yield value[key]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _values(inner, key)
