"""AWS as moto knows it: in this process, with what the lifecycle's functions find in their environment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.models import sagemakerruntime_backends

from bellwether.shared.observability import metrics
from tests.builders import ACCOUNT, BUCKET, GROUP, REGION

DEPLOY_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:deploy"
JUDGE_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:judge"
ENDPOINT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/endpoint"


@dataclass
class Aws:
    """An account with a bucket, a model package group and a state machine."""

    client: Callable[[str], Any] = field(default=lambda service: boto3.client(service))

    def put(self, key: str, content: bytes) -> None:
        """Write an object of the data bucket."""
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        """Read an object of the data bucket."""
        content: bytes = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def approve(self, arn: str, status: str = "Approved") -> None:
        """Decide about a version as a person does; moto forgets metadata that is not given again, AWS does not."""
        client = self.client("sagemaker")
        metadata = client.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"]
        client.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=status, CustomerMetadataProperties=metadata
        )

    def endpoint_says(self, body: str) -> None:
        """What the endpoint answers to the next new question."""
        backend = sagemakerruntime_backends[ACCOUNT][REGION]
        backend.results.clear()
        backend.results_queue = [(body, "application/json", "AllTraffic", "")]


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
        "COST_CENTER": "research",
        "ENDPOINT_ROLE_ARN": ENDPOINT_ROLE,
        "DEPLOY_STATE_MACHINE_ARN": DEPLOY_MACHINE,
        "JUDGE_STATE_MACHINE_ARN": JUDGE_MACHINE,
        "INFERENCE_IMAGE": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
        "VERSIONS_MAX": "10",
        "ENDPOINTS_MAX": "1",
        "TRAINING_INSTANCE_TYPE": "ml.m5.large",
        "TRAINING_TIME_LIMIT_SECONDS": "3600",
        "RETRAIN_COOLDOWN_DAYS_MAX": "7",
        "POWERTOOLS_SERVICE_NAME": "models",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(metrics.provider, "namespace", "Bellwether")
    monkeypatch.setattr(metrics.provider, "service", "models")
    monkeypatch.setattr("moto.core.models.DEFAULT_ACCOUNT_ID", ACCOUNT, raising=False)
    monkeypatch.setattr(SageMakerResponse, "update_endpoint", _update_endpoint, raising=False)
    with mock_aws():
        world = Aws()
        world.client("s3").create_bucket(Bucket=BUCKET)
        world.client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
        for name in ("deploy", "judge"):
            world.client("stepfunctions").create_state_machine(
                name=name, definition="{}", roleArn=f"arn:aws:iam::{ACCOUNT}:role/states"
            )
        yield world


def _update_endpoint(self: Any) -> ActionResult:
    """UpdateEndpoint, which moto 5.2 lacks."""
    name, config = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
    self.sagemaker_backend.describe_endpoint_config(config)
    self.sagemaker_backend.describe_endpoint(name)
    endpoint = self.sagemaker_backend.endpoints[name]
    endpoint.endpoint_config_name = config
    return ActionResult({"EndpointArn": endpoint.arn})
