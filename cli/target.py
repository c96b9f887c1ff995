"""Which deployment a command talks to: the embedded cloud, or an AWS account when asked for by name."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

from bellwether.models.views import ModelViews
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.ports.objects import ObjectStore
from cli.problems import CommandError
from localcloud import environment
from localcloud.control import Cloud

TARGET_VARIABLE = "BELLWETHER_TARGET"
STACK_VARIABLE = "BELLWETHER_STACK"


@dataclass(frozen=True)
class Target:
    """A deployed stack and how to reach it. `where` is what a person reads: `embedded cloud` or the account."""

    where: str
    stack: str
    client: Callable[[str], Any]
    region: str
    credentials: Any = field(repr=False, default=None)
    local_api_url: Callable[[str, str], str] | None = None
    function_endpoints: dict[str, str] = field(default_factory=dict)  # what a function has to be told; none in AWS

    @cached_property
    def description(self) -> dict[str, Any]:
        """The root stack as CloudFormation describes it."""
        try:
            found: dict[str, Any] = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        except (ClientError, BotoCoreError) as error:
            raise CommandError(f"The stack {self.stack} can't be read in the {self.where}: {error}") from error
        return found

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Outputs of the root stack."""
        return {output["OutputKey"]: output["OutputValue"] for output in self.description.get("Outputs", [])}

    @cached_property
    def environment(self) -> str:
        """The stack's parameter `Environment`: local, dev or prod."""
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in self.description.get("Parameters", [])}
        return str(parameters["Environment"])

    @cached_property
    def caller(self) -> str:
        """ARN of whoever runs the command."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    @cached_property
    def objects(self) -> ObjectStore:
        """The stack's data bucket."""
        return S3ObjectStore(self.output("DataBucketName"), self.client("s3"))

    @cached_property
    def models(self) -> ModelViews:
        """The stack's models."""
        return ModelViews(self.environment, self.client("sagemaker"), self.client("ssm"))

    @property
    def api_base(self) -> str:
        """URL of the stack's REST API, the stage included."""
        if self.local_api_url is None:
            return self.output("PredictApiUrl")
        return self.local_api_url(self.output("PredictApiId"), self.environment)

    def output(self, key: str) -> str:
        """One output of the root stack; a missing one means that an older template is deployed."""
        try:
            return self.outputs[key]
        except KeyError:
            raise CommandError(
                f"The stack {self.stack} has no output {key}: deploy the current template first"
            ) from None

    def invoke(self, function_name: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function and return its result; its error becomes a CommandError."""
        answer = self.client("lambda").invoke(FunctionName=function_name, Payload=json.dumps(event).encode())
        payload: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
        if answer.get("FunctionError"):
            raise CommandError(f"{function_name} failed: {payload.get('errorType')}: {payload.get('errorMessage')}")
        return payload

    def post(self, url: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST JSON to the stack's API, signed with the caller's credentials; returns status and JSON answer."""
        request = AWSRequest("POST", url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        if self.credentials is not None:
            SigV4Auth(self.credentials, "execute-api", self.region).add_auth(request)
        response = URLLib3Session(timeout=65).send(request.prepare())
        try:
            return response.status_code, json.loads(response.content or b"{}")
        except ValueError as error:
            raise CommandError(f"{urlsplit(url).netloc} answered {response.status_code} without JSON") from error


def current_target() -> Target:
    """The embedded cloud, unless BELLWETHER_TARGET=aws asks for the account of the ordinary AWS credentials."""
    wanted = os.environ.get(TARGET_VARIABLE, "local")
    if wanted == "local":
        return local_target(Cloud())
    if wanted == "aws":
        return aws_target()
    raise CommandError(f"{TARGET_VARIABLE} is {wanted!r}; it is either 'local' or 'aws'")


def local_target(cloud: Cloud) -> Target:
    """The stack in the embedded cloud; a cloud that is down is a CommandError that says how to start it."""
    endpoints = cloud.endpoints()
    if endpoints is None:
        raise CommandError(
            f"The embedded cloud is down: start it with 'bellwether up', or set {TARGET_VARIABLE}=aws for your account"
        )
    return Target(
        where="embedded cloud",
        stack=endpoints.stack_name,
        client=endpoints.client,
        region=endpoints.region,
        local_api_url=endpoints.api_url,
        function_endpoints=environment.local_aws(endpoints.aws_url, endpoints.sagemaker_url, endpoints.key),
        credentials=endpoints.credentials,
    )


def aws_target() -> Target:
    """The stack named by BELLWETHER_STACK in the account of the ordinary AWS credentials."""
    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None or session.region_name is None:
        raise CommandError("No AWS credentials or no region: 'aws configure' sets both")
    stack = os.environ.get(STACK_VARIABLE, "bellwether-dev")
    account = session.client("sts").get_caller_identity()["Account"]
    return Target(
        where=f"account {account}, {session.region_name}",
        stack=stack,
        client=lambda service: session.client(service),  # type: ignore[call-overload]  # by name, as the user named it
        region=session.region_name,
        credentials=credentials,
    )
