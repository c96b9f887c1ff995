"""Endpoints: how they come up, answer, fail, change and go."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud.sagemaker.harness import (
    ACCOUNT,
    DOUBLER,
    IMAGE,
    REGION,
    ROLE,
    Cloud,
    SageMakerProcess,
    ask,
    create_config,
    put_bundle,
    settled,
)
from tests.waiting import wait_for


def serve(server: SageMakerProcess, cloud: Cloud, name: str, factor: str = "2", *, max_concurrency: int = 5) -> str:
    """An endpoint that is in service."""
    create_config(server, name, put_bundle(cloud, name, factor), max_concurrency=max_concurrency)
    server.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = settled(server, name)
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    return name


def test_endpoint_comes_into_service_and_answers(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given a model and a serverless configuration
    create_config(sagemaker, name, put_bundle(cloud, name, "3"))
    # When an endpoint is created
    sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert sagemaker.api.describe_endpoint(EndpointName=name)["EndpointStatus"] in {"Creating", "InService"}
    endpoint = settled(sagemaker, name)
    # Then it is InService with the variant, and runs the bundle's own code
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == name
    variant = endpoint["ProductionVariants"][0]
    assert variant["VariantName"] == "AllTraffic"
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    answer = sagemaker.runtime.invoke_endpoint(EndpointName=name, ContentType="application/json", Body='{"x": 14}')
    assert json.loads(answer["Body"].read())["y"] == 42
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    # And its changes are events, with the status written as AWS writes it there
    statuses = wait_for(
        lambda: found if len(found := [e["detail"]["EndpointStatus"] for e in _events(cloud, name)]) >= 2 else None,
        "the events have arrived",
    )
    assert statuses == ["CREATING", "IN_SERVICE"]


def test_one_worker_answers_all(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given an endpoint, when it is asked often, then one process answers, though the code prints
    serve(sagemaker, cloud, name)
    assert len({ask(sagemaker, name, {"x": x})["pid"] for x in range(5)}) == 1


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({"tampered": True}, "BundleTampered: factor differs from its hash", id="tampered"),
        pytest.param({"code": "import no_such_module"}, "ModuleNotFoundError", id="import"),
        pytest.param({"code": "def model_fn(d): return 1"}, "neither predict_fn nor transform_fn", id="no-predict"),
        pytest.param({"code": "import os; os._exit(9)"}, "exit status 9", id="dies"),
    ],
)
def test_bundle_that_does_not_load_fails_the_endpoint(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str, files: dict[str, Any], reason: str
) -> None:
    # Given a bundle that can't be loaded
    create_config(sagemaker, name, put_bundle(cloud, name, **files))
    # When an endpoint is made from it
    sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    # Then it is Failed with the reason, does not answer, and can only be deleted
    endpoint = settled(sagemaker, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert reason in endpoint["FailureReason"]
    with pytest.raises(ClientError) as caught:
        ask(sagemaker, name, {"x": 1})
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="in status Failed"):
        sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.api.delete_endpoint(EndpointName=name)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.api.describe_endpoint(EndpointName=name)


def test_not_an_archive_fails_the_endpoint(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    create_config(sagemaker, name, cloud.put(f"models/{name}/model.tar.gz", "no tar"))
    sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = settled(sagemaker, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "can't unpack" in endpoint["FailureReason"]


@pytest.mark.parametrize(
    ("request_body", "status", "message"),
    [
        ({"z": 1}, 400, '{"field": "x", "reason": "is missing"}'),
        ({"x": []}, 500, "TypeError: can't multiply sequence by non-int of type 'float'"),
    ],
    ids=["bad-input", "bug"],
)
def test_error_of_the_model_is_a_model_error(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str, request_body: Any, status: int, message: str
) -> None:
    # Given an endpoint
    serve(sagemaker, cloud, name)
    # When its code raises
    with pytest.raises(sagemaker.runtime.exceptions.ModelError) as caught:
        ask(sagemaker, name, request_body)
    # Then the caller gets AWS's ModelError with the container's status and message
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] == message
    assert f"error ({status}) from primary" in response["Error"]["Message"]
    # And the endpoint goes on
    assert ask(sagemaker, name, {"x": 1})["y"] == 2


def test_dead_worker_is_replaced(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given an endpoint whose process dies while it is asked
    serve(sagemaker, cloud, name)
    with pytest.raises(sagemaker.runtime.exceptions.ModelError, match="exit status 3"):
        ask(sagemaker, name, {"x": 1, "die": True})
    # When it is asked again, then a new process answers
    first = ask(sagemaker, name, {"x": 1})
    # And also after it was killed between two requests
    os.kill(first["pid"], signal.SIGKILL)
    assert wait_for(lambda: _try(sagemaker, name), "a new worker answers")["pid"] != first["pid"]


def test_more_at_once_than_max_concurrency_is_throttled(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str, tmp_path: Path
) -> None:
    # Given an endpoint for one request at a time, which is busy until we let go
    serve(sagemaker, cloud, name, max_concurrency=1)
    let_go = tmp_path / "let-go"
    busy = threading.Thread(target=ask, args=(sagemaker, name, {"x": 1, "hold": str(let_go)}))
    busy.start()
    log = sagemaker.home / "logs" / "endpoints" / f"{name}.log"
    wait_for(lambda: str(let_go) in log.read_text(), "the model has the request")
    # When another request comes, then it is refused as AWS refuses it
    with pytest.raises(ClientError) as caught:
        ask(sagemaker, name, {"x": 1})
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"
    # And the next is answered
    let_go.touch()
    busy.join()
    assert ask(sagemaker, name, {"x": 1})["y"] == 2


def test_update_moves_to_the_new_configuration(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given an endpoint, and another configuration
    serve(sagemaker, cloud, name)
    slow = DOUBLER.replace("def model_fn(model_dir):", "def model_fn(model_dir):\n    time.sleep(0.7)")
    create_config(sagemaker, f"{name}-v2", put_bundle(cloud, f"{name}-v2", "10", code=slow))
    # When it is updated, it says so and answers all the time
    sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-v2")
    during = sagemaker.api.describe_endpoint(EndpointName=name)
    assert during["EndpointStatus"] == "Updating"
    assert during["EndpointConfigName"] == name
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == f"{name}-v2"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=name)
    assert ask(sagemaker, name, {"x": 1})["y"] == 2
    endpoint = settled(sagemaker, name)
    # Then the new model answers
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", f"{name}-v2")
    assert "PendingDeploymentSummary" not in endpoint
    assert ask(sagemaker, name, {"x": 1})["y"] == 10


def test_failed_update_goes_back(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given an endpoint, and a configuration whose bundle was tampered with
    serve(sagemaker, cloud, name)
    create_config(sagemaker, f"{name}-v2", put_bundle(cloud, f"{name}-v2", "10", tampered=True))
    # When it is updated
    sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-v2")
    endpoint = settled(sagemaker, name)
    # Then it is InService with the configuration before, says why, and answers as before
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", name)
    assert "BundleTampered" in endpoint["FailureReason"]
    assert ask(sagemaker, name, {"x": 1})["y"] == 2
    # And the next update that works clears the reason
    sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=name)
    assert "FailureReason" not in settled(sagemaker, name)


def test_names_are_used_once(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    serve(sagemaker, cloud, name)
    for create, what in (
        (lambda: create_config(sagemaker, name, put_bundle(cloud, name)), "model"),
        (
            lambda: sagemaker.api.create_endpoint_config(
                EndpointConfigName=name,
                ProductionVariants=[
                    {
                        "VariantName": "v",
                        "ModelName": name,
                        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
                    }
                ],
            ),
            "endpoint configuration",
        ),
        (lambda: sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=name), "endpoint"),
    ):
        with pytest.raises(ClientError) as caught:
            create()
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert f'Cannot create already existing {what} "arn:aws:sagemaker:' in str(caught.value)


def test_model_data_have_to_be_there(sagemaker: SageMakerProcess, name: str) -> None:
    with pytest.raises(ClientError, match=r"Could not find model data at s3://data/none\.tar\.gz"):
        sagemaker.api.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://data/none.tar.gz"},
        )


@pytest.mark.parametrize(
    ("variants", "more", "message"),
    [
        ([{}, {"VariantName": "B"}], {}, "Multiple production variants"),
        (
            [{}],
            {
                "DataCaptureConfig": {
                    "EnableCapture": True,
                    "InitialSamplingPercentage": 100,
                    "DestinationS3Uri": "s3://data/capture",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "DataCaptureConfig",
        ),
        ([{"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}], {}, "MemorySizeInMB"),
        ([{"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 201}}], {}, "maxConcurrency"),
        ([{"ModelName": "nobody"}], {}, "Could not find model"),
    ],
    ids=["second-variant", "capture", "memory", "concurrency", "model"],
)
def test_serverless_refuses_what_aws_refuses(
    sagemaker: SageMakerProcess, cloud: Cloud, name: str, variants: list[dict[str, Any]], more: Any, message: str
) -> None:
    # Given a model
    create_config(sagemaker, name, put_bundle(cloud, name))
    usual = {
        "VariantName": "A",
        "ModelName": name,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    # When a configuration asks for what serverless does not have, then it is refused
    with pytest.raises(ClientError, match=message) as caught:
        sagemaker.api.create_endpoint_config(
            EndpointConfigName=f"{name}-x", ProductionVariants=[usual | variant for variant in variants], **more
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_model_from_an_approved_package_serves(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given a version in the registry
    sagemaker.api.create_model_package_group(ModelPackageGroupName=name)
    package = sagemaker.api.create_model_package(
        ModelPackageGroupName=name,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": put_bundle(cloud, name, "7")}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    # When a model is made from it, and an endpoint from that
    sagemaker.api.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": package}])
    sagemaker.api.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
            }
        ],
    )
    sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    # Then the package's model answers
    assert settled(sagemaker, name)["EndpointStatus"] == "InService"
    assert ask(sagemaker, name, {"x": 6})["y"] == 42


def test_unknown_endpoint_is_a_validation_error(sagemaker: SageMakerProcess) -> None:
    with pytest.raises(ClientError) as caught:
        ask(sagemaker, "nobody", {})
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["Error"]["Message"] == f"Endpoint nobody of account {ACCOUNT} not found."


def test_too_large_a_request_is_refused(sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    serve(sagemaker, cloud, name)
    with pytest.raises(ClientError) as caught:
        ask(sagemaker, name, {"x": "0" * (4 * 1024 * 1024)})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_what_is_not_ours_goes_to_moto(sagemaker: SageMakerProcess, name: str) -> None:
    # When an action is used that this server does not carry out itself, then moto answers with our account
    arn = sagemaker.api.create_experiment(ExperimentName=name)["ExperimentArn"]
    assert arn == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:experiment/{name}"


def _events(cloud: Cloud, name: str) -> list[dict[str, Any]]:
    return cloud.events("SageMaker Endpoint State Change", name)


def _try(server: SageMakerProcess, name: str) -> dict[str, Any] | None:
    try:
        return ask(server, name, {"x": 1})
    except ClientError:
        return None
