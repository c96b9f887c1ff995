"""Lambda carries only what a function can import: each module of the layer is reachable from a function."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.places import PACKAGE, ROOT

ALLOWED = {"views": "read side of a context, for the command line and the portal"}  # by name inside a context


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[str]:
    """Every name that could be an imported module, including imports inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _unreachable(modules: dict[str, Path], entries: list[Path]) -> set[str]:
    waiting, reached = list(entries), set[str]()
    while waiting:
        found = {name for name in _imports(waiting.pop()) if name in modules} - reached
        reached |= found
        waiting += [modules[name] for name in found]
    return {name for name, path in modules.items() if path.name != "__init__.py"} - reached


def test_each_module_of_the_layer_is_reachable_from_a_function() -> None:
    modules = {_module(path): path for path in PACKAGE.rglob("*.py")}
    unreachable = _unreachable(modules, sorted((ROOT / "functions").glob("*/*/app.py")))
    waiting = {"bellwether.finops.domain.commitments"}  # its function is still to come
    assert {name for name in unreachable - waiting if name.split(".")[2] not in ALLOWED} == set(), (
        "move them to where they are used"
    )


def test_a_module_that_no_function_imports_is_found(tmp_path: Path) -> None:
    # Given a function that imports one module inside of a function, which imports a second one; the third is not used
    sources = {"app": "def f():\n    from one import x\n", "one": "import two\n", "two": "", "three": ""}
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    modules = {name: tmp_path / f"{name}.py" for name in ("one", "two", "three")}
    assert _unreachable(modules, [tmp_path / "app.py"]) == {"three"}
