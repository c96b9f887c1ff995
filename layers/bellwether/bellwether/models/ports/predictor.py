"""Invoke a model's endpoint."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class EndpointResponse:
    """Response of an endpoint and its latency."""

    body: bytes
    latency_ms: float


class Predictor(Protocol):
    """Invoke models in service."""

    def invoke(self, endpoint_name: str, body: bytes) -> EndpointResponse:
        """Send a JSON request.

        Raises InvalidInputError with the field that the model refused, NotFoundError without such an endpoint,
        TransientUpstreamError when it is throttled, cold or starting, UpstreamError when the model itself failed.
        """
