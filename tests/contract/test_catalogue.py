"""Only the catalogue names the models: code reads it, templates repeat lines generated from it."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bellwether.models.domain.catalogue import CATALOGUE, model_spec, trained_spec
from bellwether.models.domain.model_families import family_of
from bellwether.models.domain.retraining import Trigger
from bellwether.models.domain.specs import ModelSpec, TrainedSpec
from bellwether.models.domain.training import job_prefix
from stacks.generate import TEMPLATES, with_models, without_models
from tests.contract.stacks import STACKS, Stack, Statement, read_stack, referred, stack, walk
from tests.places import ROOT

MODEL_STACKS = tuple(name for name in ("models", "serving", "monitoring") if name in STACKS)
PLACES = ("functions", "layers/bellwether/bellwether", "localcloud", "cli")
MAY_NAME = {
    "layers/bellwether/bellwether/models/domain/catalogue.py",  # the one place
    "layers/bellwether/bellwether/news/domain/sentiment.py",  # says which model the news are read by
    "layers/bellwether/bellwether/news/views.py",  # a column of its query
    "layers/bellwether/bellwether/trading/views.py",
    "layers/bellwether/bellwether/trading/adapters/postgres_telemetry.py",  # a column of its query
    "cli/weights.py",  # module that packs FinBERT
    "cli/bundles.py",  # packs the one bundle that comes with the repository
    "cli/backtest/command.py",  # columns of a user's file
    "cli/backtest/market_files.py",
}
DEMONSTRATION = ROOT / "cli" / "demo"  # shows one model after the other
every_model = pytest.mark.parametrize("spec", CATALOGUE.values(), ids=lambda spec: spec.name)
every_trained_model = pytest.mark.parametrize(
    "spec", [each for each in CATALOGUE.values() if isinstance(each, TrainedSpec)], ids=lambda spec: spec.name
)
every_alarmed_model = pytest.mark.parametrize(
    "spec",
    [each for each in CATALOGUE.values() if isinstance(each, TrainedSpec) and each.has_error_alarm],
    ids=lambda spec: spec.name,
)


# --- the catalogue itself --------------------------------------------------------------------------------------------


def test_no_two_models_share_a_name() -> None:
    for attribute in ("name", "package_group", "endpoint_name", "challenger_endpoint_name"):
        names = [getattr(spec, attribute).lower() for spec in CATALOGUE.values()]
        assert len(set(names)) == len(names), attribute
    # And no model's name begins with another's: rights are given by prefix
    assert not [(a, b) for a in CATALOGUE for b in CATALOGUE if a != b and f"{a}-".startswith(f"{b}-")]


@every_model
def test_sagemaker_takes_the_names(spec: ModelSpec) -> None:
    for name in (
        spec.package_group,
        spec.endpoint_name,
        spec.challenger_endpoint_name,
        spec.artifact_name(999, "0" * 64),
    ):
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name), name
    assert spec.endpoint_memory_mb in range(1024, 6145, 1024)
    assert 1 <= spec.endpoint_max_concurrency <= 200


@every_model
def test_every_kind_of_model_is_judged(spec: ModelSpec) -> None:
    assert family_of(spec).report.model_fields.keys() >= {"model", "target", "bundle_sha256"}
    assert model_spec(spec.name) is spec


@every_trained_model
def test_a_trained_model_brings_its_job_what_it_needs(spec: TrainedSpec) -> None:
    assert trained_spec(spec.name) is spec
    assert spec.hyperparameters["model"] == spec.name
    assert spec.hyperparameters["target"] == spec.target
    assert len(job_prefix(spec.name, "0" * 64, spec.hyperparameters, "0" * 64)) <= 60
    assert spec.dataset.manifest_key.startswith(f"{spec.dataset.folder}/")


# --- nothing else names a model --------------------------------------------------------------------------------------


def _python() -> list[Path]:
    files = (path for place in PLACES for path in sorted((ROOT / place).rglob("*.py")))
    return [path for path in files if str(path.relative_to(ROOT)) not in MAY_NAME and DEMONSTRATION not in path.parents]


@pytest.mark.parametrize("path", _python(), ids=lambda path: str(path.relative_to(ROOT)))
def test_code_reads_the_catalogue_instead_of_naming_models(path: Path) -> None:
    names = [name for spec in CATALOGUE.values() for name in (spec.name, spec.package_group, spec.endpoint_name)]
    named = re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, names)) + r")(?![\w-])")
    assert [(line, text) for line, text in _texts(path) if named.search(text)] == []


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Strings that the code works with: docstrings and comments aside."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


# --- templates: what they repeat per model is generated --------------------------------------------------------------

every_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)


@every_template
def test_generated_lines_are_current(path: Path) -> None:
    assert path.read_text() == with_models(path.read_text()), "run 'make templates'"


@pytest.mark.parametrize("path", [each for each in TEMPLATES if each.stem != "news"], ids=lambda path: path.stem)
def test_no_line_written_by_hand_names_a_model(path: Path) -> None:
    # Given every template but that of the news, which are classified by one model of their choice
    names = [spec.name for spec in CATALOGUE.values()]
    names += [name for spec in CATALOGUE.values() for name in (spec.package_group, spec.endpoint_name)]
    named = re.compile(rf"(?<![a-z])({'|'.join(names)})(?![a-z])", re.IGNORECASE)
    assert [line for line in without_models(path.read_text()).splitlines() if named.search(line)] == []


@every_model
def test_a_new_model_of_a_known_family_takes_an_entry_in_the_catalogue(
    spec: ModelSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given one more model of the same family in the catalogue, with a dataset of its own where it has one
    new = replace(spec, name="rents", package_group="RentModels", endpoint_name="Rents-Serverless-Endpoint")
    if isinstance(new, TrainedSpec):
        new = replace(new, dataset=replace(new.dataset, name="rents", folder="rents-data"))
    catalogue = {**CATALOGUE, new.name: new}

    @cache
    def generated(name: str) -> Stack:
        path = tmp_path / f"{name}.yaml"
        path.write_text(with_models(stack_file(name).read_text(), catalogue.values()))
        return read_stack(name, path)

    monkeypatch.setitem(globals(), "CATALOGUE", catalogue)
    monkeypatch.setitem(globals(), "stack", generated)
    # When its templates are generated; Then they hold all that a model needs
    for _, statement in _statements():
        test_a_statement_that_names_one_model_names_them_all(statement)
    test_every_kind_of_name_is_given_rights_somewhere()
    test_decisions_about_versions_of_every_model_are_heard()
    test_every_model_is_monitored()
    test_a_model_has_its_group_and_the_logs_of_its_endpoints(new)
    if isinstance(new, TrainedSpec):
        test_a_trained_model_is_trained_by_schedule_and_from_its_own_data(new)
    if isinstance(new, TrainedSpec) and new.has_error_alarm:
        test_a_trained_model_is_trained_anew_when_it_errs_more_than_its_policy_allows(new)


def stack_file(name: str) -> Path:
    return ROOT / "stacks" / f"{name}.yaml"


# --- templates list names for IAM, and all of them -------------------------------------------------------------------


def _statements() -> list[tuple[str, Statement]]:
    return [
        (f"{name}.{role}.{statement.sid}", statement)
        for name in MODEL_STACKS
        for role in stack(name).of_type("AWS::IAM::Role")
        for statement in stack(name).statements(role)
    ]


def _kinds(spec: ModelSpec) -> dict[str, set[str]]:
    """How a model is named in resources, by kind; AWS writes some names into ARNs in lower case."""
    cases = (str, str.lower)
    kinds = {
        "endpoint": {f":endpoint/{case(spec.endpoint_name)}" for case in cases},
        "challenger": {f":endpoint/{case(spec.challenger_endpoint_name)}" for case in cases},
        "versions": {f":model-package/{case(spec.package_group)}/*" for case in cases},
        "group": {f":model-package-group/{case(spec.package_group)}" for case in cases},
        "model": {f":model/{spec.name}-v*"},
        "configuration": {f":endpoint-config/{spec.name}-v*"},
    }
    return kinds | ({"job": {f":training-job/{spec.name}-*"}} if isinstance(spec, TrainedSpec) else {})


@pytest.mark.parametrize("statement", [pytest.param(each, id=name) for name, each in _statements()])
def test_a_statement_that_names_one_model_names_them_all(statement: Statement) -> None:
    given = [_plain(resource) for resource in statement.resources]
    for kind in _kinds(model_spec(next(iter(CATALOGUE)))):
        wanted = [name for spec in CATALOGUE.values() for name in _kinds(spec).get(kind, ())]
        found = [name for name in wanted if any(resource.endswith(name) for resource in given)]
        assert not found or found == wanted, kind


def _plain(resource: Any) -> str:
    text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
    return str(text)


def test_every_kind_of_name_is_given_rights_somewhere() -> None:
    given = [_plain(resource) for _, statement in _statements() for resource in statement.resources]
    for spec in CATALOGUE.values():
        for kind, names in _kinds(spec).items():
            assert all(any(each.endswith(name) for each in given) for name in names), (spec.name, kind)


@every_model
def test_a_model_has_its_group_and_the_logs_of_its_endpoints(spec: ModelSpec) -> None:
    resources = {
        properties["ModelPackageGroupName"]: logical_id
        for logical_id, properties in stack("models").of_type("AWS::SageMaker::ModelPackageGroup").items()
    }
    group = stack("models").body["Resources"][resources[spec.package_group]]
    assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    groups = {
        properties["LogGroupName"]: logical_id
        for name in MODEL_STACKS
        for logical_id, properties in stack(name).of_type("AWS::Logs::LogGroup").items()
        if isinstance(properties["LogGroupName"], str)
    }
    written = {
        referred(resource)
        for statement in stack("models").statements("EndpointRole")
        if "logs:PutLogEvents" in statement.actions
        for resource in statement.resources
    }
    for endpoint in (spec.endpoint_name, spec.challenger_endpoint_name):
        # And its container may write there
        assert groups[f"/aws/sagemaker/Endpoints/{endpoint}"] in written


def test_decisions_about_versions_of_every_model_are_heard() -> None:
    patterns = [
        value["detail"]["ModelPackageGroupName"]
        for value in walk(dict(stack("models").body))
        if isinstance(value, dict) and "ModelPackageGroupName" in (value.get("detail") or {})
    ]
    assert [sorted(each) for each in patterns] == [sorted(spec.package_group for spec in CATALOGUE.values())]


@every_trained_model
def test_a_trained_model_is_trained_by_schedule_and_from_its_own_data(spec: TrainedSpec) -> None:
    schedules = [
        event["Properties"]
        for event in stack("models")
        .of_type("AWS::Serverless::StateMachine")["TrainModelStateMachine"]["Events"]
        .values()
        if event["Type"] == "ScheduleV2" and f'"model": "{spec.name}"' in event["Properties"]["Input"]
    ]
    (schedule,) = schedules
    assert schedule["ScheduleExpression"] == spec.schedule
    assert '"trigger": "schedule"' in schedule["Input"]
    readable = [
        _plain(resource)
        for statement in stack("models").statements("PrepareTrainingRole")
        if "s3:GetObject" in statement.actions
        for resource in statement.resources
    ]
    assert any(each.endswith(f"/{spec.dataset.folder}/train/*") for each in readable)


@every_alarmed_model
def test_a_trained_model_is_trained_anew_when_it_errs_more_than_its_policy_allows(spec: TrainedSpec) -> None:
    # Given the alarm on the model's error; Then its limit is the policy's
    name = f"{spec.name.capitalize()}ErrorAlarm"
    alarm = stack("monitoring").of_type("AWS::CloudWatch::Alarm")[name]
    assert {"Name": "model", "Value": spec.name} in alarm["Dimensions"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("RmseRatio", spec.monitor.rmse_ratio_max)
    # And a rule asks for a training of that model
    rule = stack("monitoring").of_type("AWS::Events::Rule")[f"Retrain{spec.name.capitalize()}Rule"]
    assert [referred(each) for each in rule["EventPattern"]["resources"]] == [name]
    (target,) = rule["Targets"]
    assert referred(target["Arn"]) == "TrainModelStateMachineArn"
    request = json.loads(target["Input"])
    assert (request["model"], Trigger(request["trigger"])) == (spec.name, Trigger.ALARM)


def test_every_model_is_monitored() -> None:
    machine = stack("monitoring").of_type("AWS::Serverless::StateMachine")["MonitorModelsStateMachine"]
    assert ast.literal_eval(machine["DefinitionSubstitutions"]["ModelNames"]) == list(CATALOGUE)
