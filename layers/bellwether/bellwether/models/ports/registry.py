"""The model registry, and the current version of each model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from bellwether.models.domain.deployment import Approval, CurrentVersion, RegisteredVersion


@dataclass(frozen=True)
class Registration:
    """A candidate to register. `token` is the same whenever the same candidate is registered.

    `approval`: pending for one that a person decides about, rejected for one that its gate refused.
    """

    package_group: str
    token: UUID
    description: str
    model_data_url: str
    image_uri: str
    environment: Mapping[str, str]
    evidence_uri: str
    metadata: Mapping[str, str]
    approval: Approval = Approval.PENDING


class ModelRegistry(Protocol):
    """Register versions for approval."""

    def register(self, registration: Registration) -> RegisteredVersion:
        """Register with the given approval status; returns the existing version when the token was used before."""


class RegisteredVersions(Protocol):
    """Read the registry."""

    def describe(self, arn: str) -> RegisteredVersion:
        """Raises NotFoundError."""


class CurrentVersions(Protocol):
    """Which version of each model serves."""

    def get(self, model: str) -> CurrentVersion | None:
        """None before the first promotion; raises InvalidInputError for what can't be read."""


class Promotions(CurrentVersions, Protocol):
    """Read and change the current version."""

    def put(self, model: str, current: CurrentVersion) -> None:
        """Make this version the current one."""
