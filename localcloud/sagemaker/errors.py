"""Errors as callers see them.

SageMakerError             any error with a code and an HTTP status
├── ValidationError        code ValidationException: also "not found" and "exists already" of most resources, as in AWS
├── ResourceInUseError     code ResourceInUse: a job of that name exists
├── ResourceNotFoundError  code ResourceNotFound
├── ConflictError          code ConflictException
└── InvocationError        errors of InvokeEndpoint
    ├── RuntimeValidationError   code ValidationError
    ├── ThrottledError           code ThrottlingException: more requests at once than MaxConcurrency
    ├── PayloadTooLargeError     code 413
    └── ModelFailure             code ModelError: the inference code failed
JobError                   why a job failed: goes into FailureReason, never over the wire
"""

from typing import Any


class SageMakerError(Exception):
    """An error with AWS's code; `details` are further fields of the error document."""

    code = "InternalFailure"
    status = 400

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class ValidationError(SageMakerError):
    """The request can't be carried out as it is."""

    code = "ValidationException"


class ResourceInUseError(SageMakerError):
    """A job of that name exists."""

    code = "ResourceInUse"


class ResourceNotFoundError(SageMakerError):
    """A named thing is not there."""

    code = "ResourceNotFound"


class ConflictError(SageMakerError):
    """The thing is in a state that forbids this."""

    code = "ConflictException"


class InvocationError(SageMakerError):
    """Root of what InvokeEndpoint raises."""


class RuntimeValidationError(InvocationError):
    """No such endpoint or variant, or it is not in service."""

    code = "ValidationError"


class ThrottledError(InvocationError):
    """More requests at once than the serverless endpoint's MaxConcurrency."""

    code = "ThrottlingException"
    status = 429


class PayloadTooLargeError(InvocationError):
    """The request body exceeds the endpoint's limit."""

    code = "413"
    status = 413


class ModelFailure(InvocationError):  # noqa: N818 - a failure of the model, called ModelError by AWS
    """The inference code answered with an error; details hold OriginalStatusCode and OriginalMessage."""

    code = "ModelError"
    status = 424


class JobError(Exception):
    """Why a job failed, worded as FailureReason is: `ClientError: …` or `AlgorithmError: …`."""
