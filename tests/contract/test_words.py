"""Messages are plain technical English: string literals contain no riddles (docstrings are left to reviews)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT

BANNED = re.compile(
    r"\b(turns in circles|tells? of|told of|hung up|is not what it|gone for good|ask again|others than|"
    r"(?<!there )is no (JSON|UTF-8|number|date|price|month|object|list of|text|limit)|holds no|mend the|looked at)\b"
)
PLACES = ("layers/bellwether", "functions", "cli", "localcloud", "jobs")


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text()
    tree = ast.parse(source if BANNED.search(source) else "")
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


def test_string_literals_contain_no_banned_phrase() -> None:
    paths = (path for place in PLACES for path in (ROOT / place).rglob("*.py"))
    found = [f"{path}:{line}: {text}" for path in paths for line, text in _texts(path) if BANNED.search(text)]
    assert not found, "\n".join(found)
