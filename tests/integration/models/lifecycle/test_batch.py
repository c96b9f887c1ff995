"""The two functions around a batch's transform job, whole, on moto's AWS."""

import json
from typing import Any

import pytest

from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from tests.builders import BUCKET, package_arn
from tests.fakes.aws import Aws
from tests.integration.models.lifecycle.test_functions import invoke
from tests.places import sample_event

FOLDER = "batch/housing/scenarios/"
LINES = b'{"data": {"sqft_living": 1800}}\n{"data": {"sqft_living": "large"}}\n'
ANSWERS = (
    b'{"prediction": 512000.0}\n{"error": "invalid_input", "field": "sqft_living", "message": "has to be a number"}\n'
)


@pytest.fixture
def serving(aws: Aws) -> Aws:
    """A version of housing serves, and there are lines for it."""
    current = {
        "version": 2,
        "endpoint_config_name": "housing-v2-bbbbbbbb",
        "model_package_arn": package_arn(2),
        "bundle_sha256": "b" * 64,
        "promoted_at": "2026-03-01T12:00:00Z",
    }
    aws.client("ssm").put_parameter(Name="/bellwether/dev/housing/current", Value=json.dumps(current), Type="String")
    aws.put(f"{FOLDER}input.jsonl", LINES)
    return aws


def start(aws: Aws, order: dict[str, Any]) -> None:
    """Create the job that an order asks for, as the state machine does."""
    aws.client("sagemaker").create_transform_job(
        TransformJobName=order["job_name"],
        ModelName=order["model_name"],
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": order["input_uri"]}},
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": order["output_uri"], "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )


def test_lines_become_an_order_and_answers_a_report(serving: Aws) -> None:
    # Given an order, and the answers of its job
    order = invoke("prepare_batch", sample_event("prepare_batch/scenarios"))
    assert (order["state"], order["lines"], order["model_name"]) == ("ready", 2, "housing-v2-bbbbbbbb")
    place = order["output_uri"].removeprefix(f"s3://{BUCKET}/")
    serving.put(f"{place}/input.jsonl.out", ANSWERS)
    # When it is finished
    finished = invoke("finish_batch", order)
    # Then the batch is complete, the refused line is told, and the report lies there
    assert (finished["complete"], finished["answers"], finished["refused"]) == (True, 2, 1)
    assert finished["refusals"] == [{"line": 2, "field": "sqft_living", "message": "has to be a number"}]
    assert json.loads(serving.get(f"{FOLDER}report.json"))["job_name"] == order["job_name"]
    # And the same lines are not answered again
    assert invoke("prepare_batch", sample_event("prepare_batch/scenarios"))["state"] == "done"


def test_a_job_that_has_run_is_followed_by_the_next_attempt(serving: Aws) -> None:
    # Given a job of the same name whose answers nobody finished; moto completes jobs at once
    first = invoke("prepare_batch", sample_event("prepare_batch/scenarios"))
    start(serving, first)
    second = invoke("prepare_batch", sample_event("prepare_batch/scenarios"))
    assert second["job_name"] != first["job_name"]
    assert second["job_name"][:-1] == first["job_name"][:-1]


def test_a_batch_without_lines_is_told(serving: Aws) -> None:
    with pytest.raises(NotFoundError):
        invoke("prepare_batch", sample_event("prepare_batch/no_lines"))


def test_answers_of_other_lines_are_told(serving: Aws) -> None:
    order = invoke("prepare_batch", sample_event("prepare_batch/scenarios"))
    serving.put(f"{FOLDER}input.jsonl", LINES * 2)
    with pytest.raises(InvalidInputError, match="was changed"):
        invoke("finish_batch", order)
