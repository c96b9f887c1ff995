"""Where everything listens, and AWS clients that are wired to it."""

import functools
import os
import re
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials

from localcloud.access_key import AccessKey
from localcloud.environment import ACCOUNT, REGION
from localcloud.postgres import Connection

STACK_NAME = "bellwether-local"
_REST_API_URL = re.compile(r"https?://(?P<id>[a-z0-9]+)\.execute-api\.[^/]+/(?P<stage>[A-Za-z0-9_-]+)(?P<path>/.*|)")
_LOCAL_SAGEMAKER = ("sagemaker", "sagemaker-runtime")


@dataclass(frozen=True)
class Endpoints:
    """The running cloud."""

    aws_url: str
    sagemaker_url: str
    postgres: Connection
    key: AccessKey
    region: str = REGION
    account: str = ACCOUNT
    stack_name: str = STACK_NAME
    replay_url: str = "http://127.0.0.1:4588"

    @property
    def credentials(self) -> Credentials:
        """What signs requests to the stack's API; valid nowhere else."""
        return Credentials(self.key.key_id, self.key.secret)

    def client(self, service: str) -> Any:
        """A boto3 client for the local cloud. The caller's AWS profile, credentials and proxies play no part."""
        url = {**dict.fromkeys(_LOCAL_SAGEMAKER, self.sagemaker_url), "ce": self.replay_url}.get(service, self.aws_url)
        return _client(service, url, self.region, self.key)

    def stack_outputs(self, stack_name: str | None = None) -> dict[str, str]:
        """Outputs of a deployed stack, by key."""
        stack = self.client("cloudformation").describe_stacks(StackName=stack_name or self.stack_name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def api_url(self, rest_api_id: str, stage: str) -> str:
        """Where a REST API answers; its own host name doesn't resolve everywhere."""
        return f"{self.aws_url}/_aws/execute-api/{rest_api_id}/{stage}"

    def reachable(self, url: str) -> str:
        """Where a REST API's URL (as a stack's output has it) answers here; other URLs stay as they are."""
        match = _REST_API_URL.fullmatch(url)
        return self.api_url(match["id"], match["stage"]) + match["path"] if match else url


@functools.cache
def _client(service: str, url: str, region: str, key: AccessKey) -> Any:
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
        aws_access_key_id=key.key_id,
        aws_secret_access_key=key.secret,
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
