"""The workflows run what the README says, with actions that nobody can exchange and no keys that last."""

import re
from typing import Any

import pytest
import yaml

from tests.places import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def _jobs(name: str) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())["jobs"]
    return jobs


@every_workflow
def test_actions_are_pinned_to_commits(path: Any) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


@every_workflow
def test_jobs_have_limits_and_few_rights(path: Any) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert set(job.get("permissions", {})) <= {"contents", "id-token"}


def test_ci_runs_what_the_readme_says() -> None:
    runs = [step["run"] for job in _jobs("ci.yml").values() for step in job["steps"] if "run" in step]
    assert ".ci/run" in runs
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_deployment_waits_for_a_person_and_has_no_keys() -> None:
    (job,) = _jobs("deploy.yml").values()
    # Given an environment, whose reviewers are asked; Then the role is taken by OIDC
    assert job["environment"] == "${{ inputs.environment }}"
    assert job["permissions"]["id-token"] == "write"
    assert "secrets." not in (ROOT / ".github" / "workflows" / "deploy.yml").read_text()
