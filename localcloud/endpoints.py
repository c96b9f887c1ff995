"""Where everything listens, and AWS clients that are wired to it."""

import functools
import os
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from localcloud.environment import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY
from localcloud.postgres import Connection

STACK_NAME = "bellwether-local"
_LOCAL_SAGEMAKER = ("sagemaker", "sagemaker-runtime")


@dataclass(frozen=True)
class Endpoints:
    """The running cloud."""

    aws_url: str
    sagemaker_url: str
    postgres: Connection
    region: str = REGION
    account: str = ACCOUNT

    def client(self, service: str) -> Any:
        """A boto3 client for the local cloud. The caller's AWS profile, credentials and proxies play no part."""
        return _client(service, self.sagemaker_url if service in _LOCAL_SAGEMAKER else self.aws_url, self.region)

    def stack_outputs(self, stack_name: str = STACK_NAME) -> dict[str, str]:
        """Outputs of a deployed stack, by key."""
        stack = self.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def api_url(self, rest_api_id: str, stage: str) -> str:
        """Where a REST API answers; its own host name doesn't resolve everywhere."""
        return f"{self.aws_url}/_aws/execute-api/{rest_api_id}/{stage}"


@functools.cache
def _client(service: str, url: str, region: str) -> Any:
    nothing: tuple[None, None, None, None] = (None, None, None, None)
    bare = botocore.session.Session(
        session_vars={
            "profile": nothing,
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    session = boto3.Session(
        botocore_session=bare,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=region,
    )
    return session.client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        config=Config(
            proxies={},
            inject_host_prefix=False,
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 3},
        ),
    )
