"""SageMaker's endpoints, asked in JSON."""

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from bellwether.models.ports.predictor import EndpointResponse
from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import from_client_error, translated
from bellwether.shared.domain.errors import BellwetherError, InvalidInputError, TransientUpstreamError, UpstreamError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

JSON = "application/json"
NOT_READY = frozenset({"InternalDependencyException", "ModelNotReadyException", "ServiceUnavailable"})
COLD_STATUSES = frozenset({0, 408, 429, 502, 503, 504})  # what a container says, or is said to say, while it starts
UNUSABLE_STATUSES = frozenset({400, 413, 422})  # what a container says of a request that it understood well enough
READ_TIMEOUT_SECONDS = 25  # API Gateway waits 29 s


@once_per_process
def runtime_client() -> "SageMakerRuntimeClient":
    """One client for each process."""
    timely = Config(
        connect_timeout=3, read_timeout=READ_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 1}
    )
    return aws_client("sagemaker-runtime", config=timely)


class SageMakerPredictor:
    """Predictor, to be used from several threads. Needs sagemaker:InvokeEndpoint.

    Retries are the caller's: a person waits for the answer.
    """

    def __init__(self) -> None:
        runtime_client()  # here, and not when the threads first ask: making clients is not safe for several of them

    def invoke(self, endpoint_name: str, body: bytes) -> EndpointResponse:
        """Ask a model in JSON; errors as the port says."""
        started = time.perf_counter()
        with translated(f"endpoint {endpoint_name}"):
            try:
                response = runtime_client().invoke_endpoint(
                    EndpointName=endpoint_name, Body=body, ContentType=JSON, Accept=JSON
                )
                content = response["Body"].read()
            except ClientError as error:
                raise _from_runtime(error, endpoint_name) from error
        return EndpointResponse(content, (time.perf_counter() - started) * 1000)


def _from_runtime(error: ClientError, endpoint_name: str) -> BellwetherError:
    response: Any = error.response
    code = str(response.get("Error", {}).get("Code", ""))
    if code in NOT_READY:
        return TransientUpstreamError(f"endpoint {endpoint_name}: {code}")
    if code != "ModelError":
        return from_client_error(error, f"endpoint {endpoint_name}")
    status = int(response.get("OriginalStatusCode") or 0)
    message = str(response.get("OriginalMessage") or response.get("Error", {}).get("Message", ""))
    for finding in findings(message):
        return InvalidInputError(finding[1], field=finding[0])
    if status in UNUSABLE_STATUSES:
        return InvalidInputError("the model can't use this input", field="data")
    if status in COLD_STATUSES:
        return TransientUpstreamError(f"endpoint {endpoint_name}: the model answered {status}")
    return UpstreamError(f"endpoint {endpoint_name}: the model answered {status}: {message[:500]}")


def findings(message: str) -> Iterator[tuple[str, str]]:
    """Field and reason of each `{"field": …, "reason": …}` in a message, however deep the container has wrapped it."""
    decoder = json.JSONDecoder()
    position = message.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(message, position)
        except ValueError:
            end = position + 1
        else:
            yield from _findings_in(value)
        position = message.find("{", end)


def _findings_in(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("field"), str) and isinstance(value.get("reason"), str):
            yield value["field"], value["reason"]
            return
        for inner in value.values():
            yield from _findings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _findings_in(inner)
    elif isinstance(value, str):
        yield from findings(value)
