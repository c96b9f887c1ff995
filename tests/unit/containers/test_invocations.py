"""What `make test-containers` makes of a build, and of what `sam local invoke` prints."""

import json
from pathlib import Path

import pytest

from localcloud.flat_template import TemplateError, flatten
from tests.containers import world
from tests.containers.cases import CASES, Case
from tests.containers.run import differences, understand
from tests.places import EVENTS, ROOT

STACKS = ROOT / "stacks"
FOUNDATION = """
Resources:
  PowertoolsLayer: { Type: "AWS::Serverless::LayerVersion", Properties: { ContentUri: PowertoolsLayer } }
  JobsLayer: { Type: "AWS::Serverless::LayerVersion", Properties: { ContentUri: JobsLayer } }
"""
MODELS = """
Globals:
  Function:
    Runtime: python3.13
    Timeout: 60
    Layers: [!Ref PowertoolsLayerArn]
    Environment: { Variables: { SERVICE: models } }
Resources:
  TrainFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: TrainFunction
      Handler: app.handler
      Timeout: 300
      Role: !GetAtt Role.Arn
      Layers: [!Ref JobsLayerArn]
      Environment: { Variables: { DATA_BUCKET: !Ref DataBucketName } }
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for name, text in {"": "Resources: {}", "Foundation": FOUNDATION, "Models": MODELS}.items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "template.yaml").write_text(text)
    return tmp_path


def test_a_nested_build_becomes_one_template(build: Path) -> None:
    # Given a build of two nested stacks, when it is made flat
    flat = flatten(build, {"DATA_BUCKET": "data"}, {"AWS_ENDPOINT_URL": "http://aws"}, architecture="arm64")
    # Then the function has its own and the shared properties, its layers, and values for its variables
    assert flat["Globals"] == {"Function": {"Architectures": ["arm64"]}}
    assert flat["Resources"]["TrainFunction"]["Properties"] == {
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "Timeout": 300,
        "CodeUri": str(build / "Models/TrainFunction"),
        "Layers": [{"Ref": "PowertoolsLayer"}, {"Ref": "JobsLayer"}],
        "Environment": {
            "Variables": {"SERVICE": "models", "DATA_BUCKET": "data", "AWS_ENDPOINT_URL": "http://aws"},
        },
    }
    assert flat["Resources"]["JobsLayer"]["Properties"] == {"ContentUri": str(build / "Foundation/JobsLayer")}
    json.dumps(flat)


def test_a_variable_that_nobody_knows_is_named(build: Path) -> None:
    with pytest.raises(TemplateError, match="TrainFunction has a variable DATA_BUCKET"):
        flatten(build, {}, {})


def test_a_layer_that_is_not_built_is_named(build: Path) -> None:
    (build / "Foundation/template.yaml").write_text(FOUNDATION.replace("JobsLayer:", "OtherLayer:"))
    with pytest.raises(TemplateError, match="JobsLayer"):
        flatten(build, {"DATA_BUCKET": "data"}, {})


def test_without_a_build_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="make build"):
        flatten(tmp_path, {}, {})


@pytest.mark.parametrize(
    ("stdout", "wrong"),
    [
        ('{"recorded": true, "decision_id": "1"}', ""),
        ('{"log": "a line"}\n{"recorded": true}\n', ""),
        ('{"recorded": false}', "gave"),
        ('{"errorMessage": "no", "errorType": "NotFoundError"}', "NotFoundError"),
        ("", "no result"),
        ("Error: no Docker", "no result"),
    ],
)
def test_only_the_expected_result_is_a_success(stdout: str, wrong: str) -> None:
    found = differences(Case("a/b_c/d", {"recorded": True}), understand(stdout, "log"))
    assert wrong in found
    assert bool(found) == bool(wrong)


@pytest.mark.parametrize(
    ("stdout", "wrong"),
    [
        ('{"files": [{"known": true, "rows": 1}]}', ""),
        ('{"files": [{"known": false}]}', "gave"),
        ('{"files": []}', "gave"),
        ('{"files": [{"known": true}, {"known": true}]}', "gave"),
        ('{"files": null}', "gave"),
    ],
)
def test_each_element_of_a_list_needs_to_have_what_is_expected_of_it(stdout: str, wrong: str) -> None:
    found = differences(Case("a/b_c/d", {"files": [{"known": True}]}), understand(stdout, "log"))
    assert wrong in found
    assert bool(found) == bool(wrong)


def test_an_expected_error_is_a_success_and_another_one_is_not() -> None:
    case = Case("a/b_c/d", error="NotFoundError")
    assert not differences(case, understand('{"errorMessage": "no", "errorType": "NotFoundError"}', ""))
    assert differences(case, understand('{"errorMessage": "no", "errorType": "ConflictError"}', ""))
    assert differences(case, understand("{}", ""))


def test_containers_have_a_value_for_each_variable_of_each_stack(tmp_path: Path) -> None:
    # Given the stacks as a build lays them out
    for stack in [*STACKS.glob("*.yaml"), ROOT / "template.yaml"]:
        target = tmp_path if stack.stem == "template" else tmp_path / stack.stem
        target.mkdir(exist_ok=True)
        (target / "template.yaml").write_text(stack.read_text())

    # When they are flattened with the values of the containers' world, Then none is missing
    flat = flatten(tmp_path, world.values("http://172.17.0.1:4566"), {})
    assert "RequestRetrainingFunction" in flat["Resources"]


def test_each_sample_event_has_one_case() -> None:
    names = sorted(str(path.relative_to(EVENTS).with_suffix("")) for path in EVENTS.glob("*/*/*.json"))
    assert sorted(case.name for case in CASES) == names
