"""Functions, events and tests use the names of the package's contexts."""

import pytest

from tests.places import PACKAGE, ROOT

CONTEXTS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
PROGRAMS = {"cli", "jobs", "localcloud"}  # beside the package


@pytest.mark.parametrize("place", ["functions", "events", "tests/unit", "tests/integration"])
def test_folders_are_contexts(place: str) -> None:
    folders = {path.name for path in (ROOT / place).iterdir() if path.is_dir() and not path.name.startswith("_")}
    allowed = CONTEXTS | PROGRAMS | {"containers"} if place.startswith("tests/") else CONTEXTS
    assert folders - allowed == set()
