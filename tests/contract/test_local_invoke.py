"""local_invoke.yaml holds every function as the stacks declare it, and a plain `sam local invoke` reads it."""

import tomllib

import yaml

from stacks.local_invoke import BUILD, TEMPLATE, template
from tests.contract.stacks import functions
from tests.places import ROOT


def test_template_is_current() -> None:
    assert TEMPLATE.read_text() == template(), "run 'make templates'"


def test_sam_reads_the_template_and_the_template_the_build() -> None:
    parameters = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]["local_invoke"]["parameters"]
    assert ROOT / parameters["template_file"] == TEMPLATE
    resources = yaml.safe_load(TEMPLATE.read_text())["Resources"]
    # Given every function; Then its code is where `sam build` puts it
    for function in functions():
        place = resources[f"{function.name}Function"]["Properties"]["CodeUri"]
        assert place.startswith(f"{BUILD}/")
        assert place.endswith(f"/{function.name}Function")
