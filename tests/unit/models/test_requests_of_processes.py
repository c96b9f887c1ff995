"""State machines refuse a request with a field of the wrong type before they do anything."""

from typing import Any

import pytest

from tests.fakes.process import Process

SUBSTITUTIONS = {"ArchiveMode": "apply", "ModelNames": "['macro']"}
DEPLOY = {"model": "macro", "action": "deploy", "version": 3, "model_package_arn": "arn:x", "actor": "ada"}
WELL_FORMED: list[tuple[str, dict[str, Any]]] = [
    ("archive_versions", {}),
    ("archive_versions", {"dry_run": True}),
    ("archive_versions", {"dry_run": False}),
    ("monitor_models", {}),
    ("monitor_models", {"models": ["macro", "housing"]}),
    ("predict_batch", {"model": "macro", "name": "scenarios"}),
    ("train_model", {"model": "macro"}),
    ("train_model", {"model": "macro", "hyperparameters": {"seed": 1}, "trigger": "manual", "requested_by": "ada"}),
    ("train_model", {"model": "sentiment", "bundle": "sentiment-1"}),
    ("deploy_model", DEPLOY),
    ("deploy_model", DEPLOY | {"promote": True, "experiment_id": "e", "event_id": "1"}),
    ("deploy_model", {"model": "macro", "action": "stop_challenge", "version": "unknown", "actor": "ada"}),
]
ILL_TYPED: list[tuple[str, Any]] = [
    ("archive_versions", {"dry_run": "true"}),
    ("archive_versions", {"dry_run": 1}),
    ("archive_versions", {"dry_run": None}),
    ("archive_versions", {"dryrun": True}),
    ("archive_versions", "dry_run"),
    ("archive_versions", [True]),
    ("archive_versions", None),
    ("monitor_models", {"models": "macro"}),
    ("monitor_models", {"models": ["macro", 1]}),
    ("monitor_models", {"model": "macro"}),
    ("predict_batch", {"model": "macro", "name": 1}),
    ("predict_batch", {"name": "scenarios"}),
    ("train_model", {"model": ["macro"]}),
    ("train_model", {"model": "macro", "trigger": None}),
    ("train_model", {"model": "macro", "requested_by": None}),
    ("train_model", {"model": "macro", "hyperparameters": "seed=1"}),
    ("deploy_model", DEPLOY | {"version": "3"}),
    ("deploy_model", DEPLOY | {"version": "unknown"}),
    ("deploy_model", DEPLOY | {"version": True}),
    ("deploy_model", DEPLOY | {"promote": "false"}),
    ("deploy_model", DEPLOY | {"actor": None}),
    ("deploy_model", DEPLOY | {"experiment_id": None}),
    ("deploy_model", {name: value for name, value in DEPLOY.items() if name != "actor"}),
]


@pytest.mark.parametrize(("machine", "request_"), WELL_FORMED)
def test_a_well_formed_request_is_read(machine: str, request_: dict[str, Any]) -> None:
    ending = Process(machine, SUBSTITUTIONS).run(request_, {"Plan Archive": {"acts": [], "postponed": 0}})
    assert ending.path[:2] == ["Check Request", "Read Request"]


@pytest.mark.parametrize(("machine", "request_"), ILL_TYPED)
def test_a_field_of_the_wrong_type_is_refused_before_anything_is_done(machine: str, request_: Any) -> None:
    # When a process is started with it
    ending = Process(machine, SUBSTITUTIONS).run(request_, {})
    # Then it fails, and no task was carried out
    assert (ending.status, ending.error) == ("FAILED", "InvalidInputError")
    assert (ending.path, ending.given) == (["Check Request", "Refuse Request"], {})
