"""Invoke a model's endpoint."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class EndpointResponse:
    """What an endpoint said, and how long it took."""

    body: bytes
    latency_ms: float


class Predictor(Protocol):
    """Models in service."""

    def invoke(self, endpoint_name: str, body: bytes) -> EndpointResponse:
        """Ask a model in JSON.

        Raises InvalidInputError with the field that the model refused, NotFoundError without such an endpoint,
        TransientUpstreamError when it is throttled, cold or starting, UpstreamError when the model itself failed.
        """
