"""How the container installs this folder (it would make up a setup.py without packages if there were none)."""

from setuptools import setup  # type: ignore[import-untyped]

setup(
    name="bellwether-training",
    version="1.0.0",
    py_modules=["train", "inference"],
    packages=["learning", "learning.housing", "learning.macro", "learning.macro.recession", "learning.cloudspend"],
)
