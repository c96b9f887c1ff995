"""The commands of the README as a person types them: `sam` without options, in the repository's root."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from localcloud import environment
from tests.containers import base_image, docker
from tests.integration.localcloud.conftest import Probe
from tests.places import ROOT

SAM = ROOT / ".venvs/sam/bin"
BIN = ROOT / ".venv/bin"
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.slow


def _commands(heading: str) -> list[str]:
    """Lines of the shell block below a heading of the README."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return section.partition("```sh\n")[2].partition("```")[0].splitlines()


def _typed(command: str, answer: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the README with the PATH that it sets."""
    known = environment.without_account() | {"SAM_CLI_TELEMETRY": "0", "PATH": f"{BIN}:{SAM}:{os.environ['PATH']}"}
    return subprocess.run(
        shlex.split(command),
        cwd=ROOT,
        env=known | variables,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_the_readme_names_the_plain_commands() -> None:
    commands = _commands("Deploy to AWS")
    assert [each for each in commands if each.startswith("sam ")] == ["sam validate", "sam build", "sam deploy"]
    assert commands[1] == 'export PATH="$PWD/.venv/bin:$PWD/.venvs/sam/bin:$PATH"'
    invocations = _commands("Invoke a function locally")
    assert invocations[0] == "sam local invoke PredictFunction --event events/models/predict/current_figures.json"
    assert all((ROOT / each.rpartition(" ")[2]).exists() for each in invocations)


@pytest.mark.skipif(not SAM.exists(), reason="make sam has not run")
def test_sam_validate() -> None:
    finished = _typed("sam validate")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "valid" in finished.stdout


@pytest.mark.aws
def test_sam_build_and_sam_deploy(probe: Probe) -> None:
    # Given the repository as it is, When the two commands are typed, and the change set is refused
    built = _typed("sam build")
    assert built.returncode == 0, built.stdout + built.stderr
    account = environment.local_aws(probe.endpoints.aws_url, probe.endpoints.sagemaker_url, probe.endpoints.key)
    deployed = _typed("sam deploy", "n\n", **account)
    shown = re.sub(r"\s+", " ", deployed.stdout)
    # Then the development stack was chosen without an option, and its change set shown before anything is created
    assert "Stack name : bellwether-dev" in shown, shown
    assert "Confirm changeset : True" in shown
    assert '"Environment": "dev"' in shown
    assert "+ Add Foundation" in shown
    assert "Deploy this changeset? [y/N]:" in shown
    stacks = probe.client("cloudformation").list_stacks()["StackSummaries"]
    assert not any(each["StackName"].startswith("bellwether-dev-") for each in stacks)


@pytest.mark.aws
@pytest.mark.parametrize("command", _commands("Invoke a function locally"))
def test_sam_local_invoke(command: str) -> None:
    # Given Lambda's image, its own or a stand-in under its name, and what `sam build` has built
    try:
        docker.find()
    except docker.NoDockerError as reason:
        pytest.skip(f"no Docker daemon: {reason}")
    if not docker.has_image(base_image.published()):
        pytest.skip(f"{base_image.published()} is not here: pull it, or tag a stand-in with this name")
    if not (ROOT / ".aws-sam/build/template.yaml").exists():
        assert _typed("sam build").returncode == 0
    # When a function is invoked as the README says; Then it ends in a result
    finished = _typed(command, DOCKER_HOST=docker.host())
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout.strip().splitlines()[-1])
    assert "errorMessage" not in result, result
    if "PredictFunction" in command:
        assert result["statusCode"] == 200
        assert json.loads(result["body"])["model"] == "macro"


def test_local_template_is_what_sam_reads_after_a_build(tmp_path: Path) -> None:
    # Given no Docker at all, When a function is invoked; Then the template is read and only Docker is missing
    finished = _typed(_commands("Invoke a function locally")[0], DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
    assert finished.returncode != 0
    assert re.search("container runtime|Docker", finished.stderr), finished.stderr
