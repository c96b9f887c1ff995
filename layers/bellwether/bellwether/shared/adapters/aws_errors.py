"""The one place where botocore's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from bellwether.shared.domain.errors import (
    BellwetherError,
    ConflictError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)

THROTTLED = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
    }
)
MISSING = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchKey",
        "NotFound",
        "ParameterNotFound",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ExecutionDoesNotExist",
        "StateMachineDoesNotExist",
    }
)
HELD = frozenset({"ConflictException", "ExecutionAlreadyExists", "ResourceInUse", "ResourceInUseException"})
# SageMaker says most things by ValidationException and words
MISSING_WORDS = ("could not find", "not found", "does not exist")
HELD_WORDS = ("already exist", "cannot update in-progress", "in-progress endpoint")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn botocore's errors into TransientUpstreamError, NotFoundError, ConflictError or UpstreamError.

    `what` names the thing asked for, as in `endpoint Fred-Serverless-Endpoint`.
    """
    try:
        yield
    except ClientError as error:
        raise from_client_error(error, what) from error
    except (ConnectionError, HTTPClientError) as error:
        raise TransientUpstreamError(f"{what}: no answer ({type(error).__name__})") from error
    except BotoCoreError as error:
        raise UpstreamError(f"{what}: {error}") from error


def from_client_error(error: ClientError, what: str) -> BellwetherError:
    """The error of our own that says the same."""
    response: Any = error.response
    code = str(response.get("Error", {}).get("Code", ""))
    message = str(response.get("Error", {}).get("Message", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in THROTTLED or status >= 500 or status == 429:
        return TransientUpstreamError(f"{what}: {code}: {message}")
    words = message.lower() if code.startswith("Validation") else ""
    if code in HELD or any(phrase in words for phrase in HELD_WORDS):
        return ConflictError(f"{what}: {message}")
    if code in MISSING or any(phrase in words for phrase in MISSING_WORDS):
        return NotFoundError(message or "is not there", field=what)
    return UpstreamError(f"{what}: {code}: {message}")
