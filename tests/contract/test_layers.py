"""What Lambda gets: the locked packages without those it has, and no more than it takes."""

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker

from bench.lambda_sizes import LIMIT_BYTES, NotBuiltError, sizes
from tests.contract.stacks import functions, root, stack
from tests.places import ROOT

UV = Path(sys.executable).with_name("uv")
LAMBDA = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "os_name": "posix",
    "python_version": "3.13",
    "python_full_version": "3.13.0",
}


def _locked(group: str) -> set[str]:
    """`name==version` of a dependency group as uv.lock has it, as far as Lambda's platform needs it."""
    export = [
        str(UV),
        "export",
        "--quiet",
        "--frozen",
        "--offline",
        "--only-group",
        group,
        "--no-hashes",
        "--no-header",
    ]
    lines = subprocess.run(
        [*export, "--no-annotate"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    pins = (line.partition(";") for line in lines)
    return {pin.strip() for pin, _, marker in pins if not marker.strip() or Marker(marker).evaluate({**LAMBDA})}


def test_layer_holds_what_is_locked_without_what_the_runtime_has() -> None:
    # Given the lock, and the layer's requirements
    requirements = (ROOT / "layers" / "powertools" / "requirements.txt").read_text().split()
    runtime = {pin.partition("==")[0] for pin in _locked("runtime")}
    # Then these are the group `layer` without the group `runtime`
    wanted = {pin for pin in _locked("layer") if pin.partition("==")[0] not in runtime}
    assert set(requirements) == wanted, "run 'make layer-requirements'"


@pytest.mark.parametrize(
    ("layer", "folder"),
    [
        ("PowertoolsLayer", "layers/powertools"),
        ("BellwetherLayer", "layers/bellwether"),
        ("JobsLayer", "jobs"),
        ("MigrationsLayer", "db"),
    ],
)
def test_each_layer_knows_how_it_is_built(layer: str, folder: str) -> None:
    resource = stack("foundation").body["Resources"][layer]
    assert resource["Metadata"] == {"BuildMethod": "makefile"}
    assert (stack("foundation").path.parent / resource["Properties"]["ContentUri"]).resolve() == ROOT / folder
    assert f"build-{layer}:" in (ROOT / folder / "Makefile").read_text()


def test_functions_run_what_the_project_runs() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert {function.setting("Runtime") for function in functions()} == {f"python{version}"}
    assert root().body["Parameters"]["Architecture"]["Default"] == "x86_64"


def test_functions_and_their_layers_fit_into_lambda() -> None:
    try:
        built = sizes(ROOT / ".aws-sam" / "build")
    except NotBuiltError as error:
        pytest.skip(str(error))
    too_large = {each.function: each.total_bytes for each in built if each.total_bytes > LIMIT_BYTES}
    assert not too_large
