"""One cloud (moto's S3, EventBridge, SQS and CloudWatch Logs) and one local SageMaker for all tests here."""

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.integration.localcloud.sagemaker.harness import BUCKET, Cloud, SageMakerProcess, client


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    s3, sqs, events = client("s3", url), client("sqs", url), client("events", url)
    s3.create_bucket(Bucket=BUCKET)
    queue_url = sqs.create_queue(QueueName="sagemaker-events")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": queue_arn}])
    yield Cloud(url, s3, sqs, queue_url, client("logs", url))
    server.stop()


@pytest.fixture(scope="session")
def sagemaker(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerProcess]:
    server = SageMakerProcess(tmp_path_factory.mktemp("sagemaker") / "home", cloud.url)
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def own_sagemaker(cloud: Cloud, tmp_path: Path) -> Iterator[SageMakerProcess]:
    """A server that the test may stop and kill."""
    server = SageMakerProcess(tmp_path / "home", cloud.url)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(server.home)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t-{uuid.uuid4().hex[:10]}"
