"""What a stop and a start, or a kill, leave behind."""

import os
from pathlib import Path

from tests.integration.localcloud.sagemaker.harness import (
    IMAGE,
    Cloud,
    SageMakerProcess,
    ask,
    create_config,
    put_bundle,
    settled,
    start_training,
    trained,
)
from tests.waiting import wait_for

SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def _fill(server: SageMakerProcess, cloud: Cloud, name: str) -> str:
    """One of everything; the ARN of the model package."""
    server.api.create_model_package_group(ModelPackageGroupName=name)
    package: str = server.api.create_model_package(
        ModelPackageGroupName=name,
        CustomerMetadataProperties={"bundle_sha256": "ab"},
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://data/x"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    server.api.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    create_config(server, name, put_bundle(cloud, name))
    server.api.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=[{"Key": "App", "Value": "x"}])
    settled(server, name)
    start_training(server, cloud, f"{name}-done", "")
    trained(server, f"{name}-done")
    start_training(server, cloud, name, SLEEPER)
    return package


def _running_pid(server: SageMakerProcess, name: str) -> int:
    log = server.home / "logs" / "training" / f"{name}.log"

    def look() -> int | None:
        text = log.read_text().strip() if log.exists() else ""
        return int(text) if text else None

    return wait_for(look, "the job has started")


def _check(server: SageMakerProcess, name: str, package: str, before: dict[str, object]) -> None:
    described = server.api.describe_model_package(ModelPackageName=package)
    described.pop("ResponseMetadata")
    assert described == before
    endpoint = server.api.describe_endpoint(EndpointName=name)
    assert endpoint["EndpointStatus"] == "InService"
    assert ask(server, name, {"x": 21})["y"] == 42
    assert server.api.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"] == [{"Key": "App", "Value": "x"}]
    assert server.api.describe_training_job(TrainingJobName=f"{name}-done")["TrainingJobStatus"] == "Completed"
    job = trained(server, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "the local SageMaker was stopped while the job was running" in job["FailureReason"]


def test_everything_is_there_after_a_clean_stop(own_sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given a server with one of everything, and a job that runs
    package = _fill(own_sagemaker, cloud, name)
    pid = _running_pid(own_sagemaker, name)
    before = own_sagemaker.api.describe_model_package(ModelPackageName=package)
    before.pop("ResponseMetadata")
    # When it is stopped and started
    assert own_sagemaker.stop() == 0
    assert not _alive(pid)
    own_sagemaker.start()
    # Then everything is as it was, the endpoint answers, and the job is Failed with its reason
    _check(own_sagemaker, name, package, before)


def test_everything_is_there_after_a_kill(own_sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given a server with one of everything, and a job that runs
    package = _fill(own_sagemaker, cloud, name)
    pid = _running_pid(own_sagemaker, name)
    worker = ask(own_sagemaker, name, {"x": 1})["pid"]
    before = own_sagemaker.api.describe_model_package(ModelPackageName=package)
    before.pop("ResponseMetadata")
    # When it is killed, then nothing of it goes on running
    own_sagemaker.kill()
    wait_for(lambda: not _alive(pid) and not _alive(worker), "its processes are gone")
    # And when it is started again, everything is as it was
    own_sagemaker.start()
    _check(own_sagemaker, name, package, before)


def test_busy_worker_does_not_outlive_its_server(own_sagemaker: SageMakerProcess, cloud: Cloud, name: str) -> None:
    # Given an endpoint whose code hangs while it loads
    code = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
    create_config(own_sagemaker, name, put_bundle(cloud, name, code=code))
    own_sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    log = own_sagemaker.home / "logs" / "endpoints" / f"{name}.log"
    pid = int(wait_for(lambda: (log.exists() and log.read_text().strip()) or None, "the code has started"))
    # When the server is killed, then the process ends, too
    own_sagemaker.kill()
    wait_for(lambda: not _alive(pid), "the process is gone")


def test_endpoint_that_was_coming_up_comes_up_after_a_kill(
    own_sagemaker: SageMakerProcess, cloud: Cloud, name: str
) -> None:
    # Given an endpoint whose model takes a while to load
    code = "import time; time.sleep(1.5)\ndef model_fn(d): return 2\ndef predict_fn(x, m): return {'y': x['x'] * m}\n"
    create_config(own_sagemaker, name, put_bundle(cloud, name, code=code))
    own_sagemaker.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    # When the server is killed meanwhile and started again
    own_sagemaker.kill()
    own_sagemaker.start()
    # Then the endpoint comes into service
    assert settled(own_sagemaker, name)["EndpointStatus"] == "InService"
    assert ask(own_sagemaker, name, {"x": 4})["y"] == 8


def test_events_wait_until_somebody_takes_them(cloud: Cloud, own_sagemaker: SageMakerProcess, name: str) -> None:
    # Given a server that can't reach EventBridge
    own_sagemaker.kill()
    own_sagemaker.cloud_url, reachable = "http://127.0.0.1:9", own_sagemaker.cloud_url
    own_sagemaker.start()
    own_sagemaker.api.create_model_package(ModelPackageName=name)
    own_sagemaker.kill()
    # When it comes back with EventBridge in reach
    own_sagemaker.cloud_url = reachable
    own_sagemaker.start()
    # Then the event arrives
    wait_for(lambda: cloud.events("SageMaker Model Package State Change", name), "the event has arrived")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()
