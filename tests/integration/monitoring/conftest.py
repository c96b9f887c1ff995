"""AWS as moto knows it: in this process, with what the monitor's functions find in their environment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from bellwether.shared.observability import metrics
from tests.builders import ACCOUNT, BUCKET, GROUP, REGION


@dataclass
class Aws:
    """An account with a bucket and a model package group."""

    client: Callable[[str], Any] = field(default=lambda service: boto3.client(service))

    def put(self, key: str, content: bytes) -> None:
        """Write an object of the data bucket."""
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        """Read an object of the data bucket."""
        content: bytes = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> list[str]:
        """What lies in the data bucket."""
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in listed]


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
    monkeypatch.setattr("moto.core.models.DEFAULT_ACCOUNT_ID", ACCOUNT, raising=False)
    with mock_aws():
        world = Aws()
        world.client("s3").create_bucket(Bucket=BUCKET)
        world.client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
        yield world
