"""AWS as moto knows it: in this process, with what serving's functions find in their environment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from bellwether.shared.observability import metrics
from tests.builders import ACCOUNT, BUCKET, REGION


@dataclass
class Aws:
    """An account with a bucket and a queue of captures."""

    queue_url: str = ""
    client: Callable[[str], Any] = field(default=lambda service: boto3.client(service))

    def messages(self) -> list[str]:
        """What waits in the queue of captures."""
        received = self.client("sqs").receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [message["Body"] for message in received.get("Messages", [])]

    def objects(self) -> list[str]:
        """What lies in the data bucket."""
        return [each["Key"] for each in self.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    variables = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "MOTO_ACCOUNT_ID": ACCOUNT,
        "DATA_BUCKET": BUCKET,
        "ENVIRONMENT": "dev",
        "POWERTOOLS_SERVICE_NAME": "models",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")
    monkeypatch.setattr(metrics.provider, "service", "models")
    with mock_aws():
        world = Aws()
        world.client("s3").create_bucket(Bucket=BUCKET)
        world.queue_url = world.client("sqs").create_queue(QueueName="captures")["QueueUrl"]
        monkeypatch.setenv("CAPTURE_QUEUE_URL", world.queue_url)
        yield world
