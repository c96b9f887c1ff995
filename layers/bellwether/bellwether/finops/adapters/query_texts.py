"""Our SQL for Athena, as it ships with the package."""

from functools import cache
from importlib.resources import files


@cache
def packaged_queries() -> dict[str, str]:
    """The .sql files by name."""
    folder = files("bellwether.finops") / "data"
    return {each.name: each.read_text("utf-8") for each in folder.iterdir() if each.name.endswith(".sql")}
