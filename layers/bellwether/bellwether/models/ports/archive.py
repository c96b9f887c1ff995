"""The registry, the endpoints and the bundles as the archive sees them."""

from collections.abc import Mapping
from typing import Protocol

from bellwether.models.domain.archive import ListedEndpoint
from bellwether.models.domain.deployment import RegisteredVersion


class VersionGroups(Protocol):
    """Every version of a model."""

    def versions(self, package_group: str) -> tuple[RegisteredVersion, ...]:
        """Those that a model can be made of, newest first; none for a group that is not there."""


class EndpointInventory(Protocol):
    """Every endpoint of the account."""

    def listed(self) -> tuple[ListedEndpoint, ...]:
        """All of them."""

    def tags(self, arn: str) -> Mapping[str, str]:
        """The tags of one."""


class ServingParts(Protocol):
    """What a version is served by, to be taken away. Nothing happens to what is gone."""

    def delete_model(self, model_name: str) -> None:
        """Remove a SageMaker model; endpoints that were made from it go on."""

    def delete_config(self, config_name: str) -> None:
        """Remove an endpoint configuration."""

    def delete_endpoint(self, endpoint_name: str) -> None:
        """Remove an endpoint; raises ConflictError while it is changing."""


class VersionMarks(Protocol):
    """What is written on a registered version."""

    def mark(self, model_package_arn: str, *, archived: bool) -> None:
        """Write whether it is archived."""


class ObjectMarks(Protocol):
    """What is written on an object; a lifecycle rule of the bucket reads it."""

    def mark(self, uri: str, *, archived: bool) -> None:
        """Tag whether it is archived; other tags stay. What is gone or lies elsewhere is left alone."""
