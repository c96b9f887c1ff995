"""Batch transform and processing jobs."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud.sagemaker.harness import (
    BUCKET,
    IMAGE,
    ROLE,
    Cloud,
    SageMakerProcess,
    create_config,
    put_bundle,
)
from tests.waiting import wait_for

LINES = """
import json
def model_fn(model_dir):
    return 2
def transform_fn(model, body, content_type, accept):
    answers = []
    for line in body.splitlines():
        if line == "bad":
            raise ValueError(json.dumps({"field": "line", "reason": "is bad"}))
        answers.append(str(int(line) * model))
    return "+".join(answers), accept
"""


def transform(server: SageMakerProcess, name: str, uri: str, **more: Any) -> dict[str, Any]:
    """Run a transform job to its end; its description."""
    server.api.create_transform_job(
        **{
            "TransformJobName": name,
            "ModelName": name,
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out/{name}", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **more,
        }
    )

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = server.api.describe_transform_job(TransformJobName=name)
        return job if job["TransformJobStatus"] not in {"InProgress", "Stopping"} else None

    return wait_for(look, f"{name} is over")


@pytest.mark.parametrize(("strategy", "expected"), [("SingleRecord", b"2\n4\n6\n"), ("MultiRecord", b"2+4+6\n")])
def test_every_object_goes_through_the_model(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str, strategy: str, expected: bytes
) -> None:
    # Given a model and two input objects
    create_config(sagemaker, name, put_bundle(cloud, name, code=LINES))
    cloud.put(f"in/{name}/a.csv", "1\n2\n3\n")
    cloud.put(f"in/{name}/deep/b.csv", "4")
    # When they are transformed
    job = transform(sagemaker, name, f"s3://{BUCKET}/in/{name}/", BatchStrategy=strategy)
    # Then each has its output beside the name it had
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert cloud.read(f"out/{name}/a.csv.out") == expected
    assert cloud.read(f"out/{name}/deep/b.csv.out") == b"8\n"
    events = wait_for(
        lambda: found if len(found := cloud.events("SageMaker Transform Job State Change", name)) >= 3 else None,
        "the events have arrived",
    )
    assert events[-1]["detail"]["TransformJobStatus"] == "Completed"


def test_object_that_the_model_refuses_fails_the_job_after_the_others(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str
) -> None:
    # Given an input that the model refuses, and one that it takes
    create_config(sagemaker, name, put_bundle(cloud, name, code=LINES))
    cloud.put(f"in/{name}/a.csv", "bad\n")
    cloud.put(f"in/{name}/b.csv", "1\n")
    # When they are transformed
    job = transform(sagemaker, name, f"s3://{BUCKET}/in/{name}/")
    # Then the job is Failed, and the good one has its output
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: See job logs for more information")
    assert "is bad" in job["FailureReason"]
    assert cloud.read(f"out/{name}/b.csv.out") == b"2\n"


def test_transform_needs_its_model_and_its_input(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    with pytest.raises(ClientError, match="Could not find model"):
        transform(sagemaker, name, f"s3://{BUCKET}/in/")
    create_config(sagemaker, name, put_bundle(cloud, name, code=LINES))
    job = transform(sagemaker, name, f"s3://{BUCKET}/nowhere/")
    assert "matched no files on s3" in job["FailureReason"]


JSON_LINES = """
import json
def model_fn(model_dir):
    return 2
def answer(line, model):
    try:
        return {"y": json.loads(line)["x"] * model}
    except (ValueError, KeyError, TypeError):
        return {"error": "invalid_input", "field": "x", "message": "can't be used"}
def transform_fn(model, body, content_type, accept):
    lines = body.split("\\n") if content_type == "application/jsonlines" else [body]
    return "\\n".join(json.dumps(answer(line, model)) for line in lines if line.strip()), accept
"""


@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_ten_thousand_lines_come_back_in_order_a_bad_one_answered_in_its_place(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str, strategy: str
) -> None:
    # Given ten thousand requests, of which one is nonsense, in more than one payload
    create_config(sagemaker, name, put_bundle(cloud, name, code=JSON_LINES))
    lines = [json.dumps({"x": number, "filler": "é" * 40}, ensure_ascii=False) for number in range(10_000)]
    lines[4_321] = '{"x": oh dear}'
    cloud.put(f"in/{name}/input.jsonl", "\n".join(lines))
    # When they are transformed as JSON lines
    job = transform(
        sagemaker,
        name,
        f"s3://{BUCKET}/in/{name}/input.jsonl",
        BatchStrategy=strategy,
        MaxPayloadInMB=1,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/{name}/input.jsonl"}},
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{BUCKET}/out/{name}",
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
        },
    )
    # Then every line has its answer, in its place
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    answers = [json.loads(line) for line in cloud.read(f"out/{name}/input.jsonl.out").splitlines()]
    assert len(answers) == 10_000
    assert answers.pop(4_321)["error"] == "invalid_input"
    assert [each["y"] for each in answers] == [2 * number for number in range(10_000) if number != 4_321]


SCRIPT = """
import os, pathlib, sys
source, target = sys.argv[1], os.environ["TARGET"]
total = sum(int(p.read_text()) for p in pathlib.Path(source).iterdir())
if total > 100:
    pathlib.Path(os.environ["OPT_ML_DIR"], "output", "message").write_text("too much")
    sys.exit(5)
pathlib.Path(target, "total.txt").write_text(str(total))
"""


def process(server: SageMakerProcess, cloud: Cloud, name: str) -> dict[str, Any]:
    """Run a processing job over `in/<name>/` to its end; its description."""
    code = cloud.put(f"code/{name}/script.py", SCRIPT)
    inputs = {"code": code, "data": f"s3://{BUCKET}/in/{name}/"}
    server.api.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
            "ContainerArguments": ["/opt/ml/processing/input/data"],
        },
        Environment={"TARGET": "/opt/ml/processing/output"},
        ProcessingInputs=[
            {
                "InputName": key,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/input/{key}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for key, uri in inputs.items()
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "total",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/out/{name}",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}},
    )

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = server.api.describe_processing_job(ProcessingJobName=name)
        return job if job["ProcessingJobStatus"] not in {"InProgress", "Stopping"} else None

    return wait_for(look, f"{name} is over")


def test_processing_job_maps_inputs_and_outputs(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given two inputs
    cloud.put(f"in/{name}/one", "40")
    cloud.put(f"in/{name}/two", "2")
    # When a job adds them up
    job = process(sagemaker, cloud, name)
    # Then its output is in S3
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert cloud.read(f"out/{name}/total.txt") == b"42"


def test_failed_processing_job_says_why(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given an input that the script gives up on
    cloud.put(f"in/{name}/one", "101")
    # When the job runs
    job = process(sagemaker, cloud, name)
    # Then its message is kept
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "too much"
    assert job["FailureReason"] == "AlgorithmError: too much, exit code: 5"
