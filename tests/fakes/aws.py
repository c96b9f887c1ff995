"""An AWS account by moto, in this process, with what the functions of models and monitoring read from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
_VARIABLES = {
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


@dataclass(frozen=True)
class Aws:
    """An account with a data bucket, a model package group, two state machines and the queue of captures."""

    queue_url: str

    def client(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]

    def put(self, key: str, content: bytes) -> None:
        """Write an object of the data bucket."""
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        """Read an object of the data bucket."""
        content: bytes = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def list_keys(self, prefix: str = "") -> list[str]:
        """List the objects of the data bucket."""
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in listed]

    def messages(self) -> list[str]:
        """Receive up to ten messages from the queue of captures."""
        received = self.client("sqs").receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [message["Body"] for message in received.get("Messages", [])]

    def approve(self, arn: str, status: str = "Approved") -> None:
        """Set a version's approval status; moto drops metadata that is not given again, AWS does not."""
        client = self.client("sagemaker")
        metadata = client.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"]
        client.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=status, CustomerMetadataProperties=metadata
        )

    def endpoint_says(self, body: str) -> None:
        """Set the endpoint's answer to the next new question."""
        backend = sagemakerruntime_backends[ACCOUNT][REGION]
        backend.results.clear()
        backend.results_queue = [(body, "application/json", "AllTraffic", "")]


@contextmanager
def in_process_aws(patch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Start the account with the functions' environment."""
    for name, value in _VARIABLES.items():
        patch.setenv(name, value)
    patch.setattr(metrics.provider, "namespace", "Bellwether")
    patch.setattr(metrics.provider, "service", "models")
    patch.setattr("moto.core.models.DEFAULT_ACCOUNT_ID", ACCOUNT, raising=False)
    patch.setattr(SageMakerResponse, "update_endpoint", _update_endpoint, raising=False)
    with mock_aws():
        aws = Aws(boto3.client("sqs").create_queue(QueueName="captures")["QueueUrl"])
        patch.setenv("CAPTURE_QUEUE_URL", aws.queue_url)
        aws.client("s3").create_bucket(Bucket=BUCKET)
        aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
        for name in ("deploy", "judge"):
            aws.client("stepfunctions").create_state_machine(
                name=name, definition="{}", roleArn=f"arn:aws:iam::{ACCOUNT}:role/states"
            )
        yield aws


def _update_endpoint(self: Any) -> ActionResult:
    """UpdateEndpoint, which moto 5.2 lacks."""
    name, config = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
    self.sagemaker_backend.describe_endpoint_config(config)
    self.sagemaker_backend.describe_endpoint(name)
    endpoint = self.sagemaker_backend.endpoints[name]
    endpoint.endpoint_config_name = config
    return ActionResult({"EndpointArn": endpoint.arn})
