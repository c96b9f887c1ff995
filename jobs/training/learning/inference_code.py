"""The code that a bundle carries for the endpoint: inference.py, the modules that it imports, and a setup.py."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .bundle import CODE_FOLDER

SOURCE = Path(__file__).resolve().parents[1]  # the folder of train.py
ENTRY_POINT = "inference.py"


def served_files(*modules: str) -> tuple[str, ...]:
    """Paths below `SOURCE` of the entry point, of modules named relative to `learning`, and of their packages."""
    files = [Path("learning", *name.split(".")).with_suffix(".py") for name in modules]
    packages = {parent / "__init__.py" for file in files for parent in file.parents if parent.name}
    return (ENTRY_POINT, *sorted(path.as_posix() for path in {*files, *packages}))


def read_code(served: Sequence[str]) -> Mapping[str, bytes]:
    """The files by their path in the bundle."""
    packages = sorted(str(Path(name).parent).replace("/", ".") for name in served if name.endswith("__init__.py"))
    return {
        **{f"{CODE_FOLDER}/{name}": (SOURCE / name).read_bytes() for name in served},
        f"{CODE_FOLDER}/setup.py": _SETUP.format(packages=packages).encode(),
    }


_SETUP = '''"""How the container installs this folder."""

from setuptools import setup

setup(name="bellwether-inference", version="1.0.0", py_modules=["inference"], packages={packages})
'''
