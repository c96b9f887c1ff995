"""Endpoints, and the SageMaker models and configurations that they are made from."""

from typing import Protocol

from bellwether.models.domain.deployment import EndpointState


class EndpointStates(Protocol):
    """Read the state of endpoints."""

    def find(self, endpoint_name: str) -> EndpointState | None:
        """None when there is no such endpoint."""


class RemovableEndpoints(EndpointStates, Protocol):
    """Endpoints, to be removed. An endpoint that is changing takes no order: ConflictError."""

    def delete(self, endpoint_name: str) -> None:
        """Remove it; nothing happens when it is gone."""


class Endpoints(RemovableEndpoints, Protocol):
    """Endpoints, to be changed. An endpoint that is changing takes no order: ConflictError."""

    def create(self, endpoint_name: str, config_name: str) -> None:
        """Raises ConflictError when it is there."""

    def update(self, endpoint_name: str, config_name: str) -> None:
        """Move it to another configuration without an interruption; raises NotFoundError."""


class ServingModels(Protocol):
    """The SageMaker models and serverless configurations that endpoints are made of."""

    def ensure_model(self, model_name: str, model_package_arn: str) -> None:
        """Make the model of a registered version; ConflictError when the name belongs to another version."""

    def ensure_config(self, config_name: str, model_name: str, *, memory_mb: int, max_concurrency: int) -> None:
        """Make the serverless configuration of a model, unless it is there."""
