"""The registry, the endpoints and the bundles as the archive sees them, in memory."""

from collections.abc import Iterable, Mapping

from bellwether.models.domain.archive import ListedEndpoint
from bellwether.models.domain.deployment import RegisteredVersion
from bellwether.shared.domain.errors import ConflictError


class VersionsByGroup:
    """VersionGroups from a list."""

    def __init__(self, versions: Iterable[RegisteredVersion]) -> None:
        self._versions = tuple(versions)

    def versions(self, package_group: str) -> tuple[RegisteredVersion, ...]:
        mine = (version for version in self._versions if version.package_group == package_group)
        return tuple(sorted(mine, key=lambda version: version.version, reverse=True))


class TaggedEndpoints:
    """EndpointInventory from a list; `tags` by name."""

    def __init__(self, endpoints: Iterable[ListedEndpoint], tags: Mapping[str, Mapping[str, str]]) -> None:
        self._endpoints, self._tags = tuple(endpoints), tags

    def listed(self) -> tuple[ListedEndpoint, ...]:
        return self._endpoints

    def tags(self, arn: str) -> Mapping[str, str]:
        return self._tags.get(arn.rpartition("/")[2], {})


class Shelves:
    """ServingParts, VersionMarks and ObjectMarks that remember what was done, in order."""

    def __init__(self, *, changing: str = "") -> None:
        self.done: list[tuple[str, str]] = []
        self._changing = changing

    def delete_model(self, model_name: str) -> None:
        self.done.append(("model", model_name))

    def delete_config(self, config_name: str) -> None:
        self.done.append(("config", config_name))

    def delete_endpoint(self, endpoint_name: str) -> None:
        if endpoint_name == self._changing:
            raise ConflictError(f"endpoint {endpoint_name}: in-progress endpoint")
        self.done.append(("endpoint", endpoint_name))

    def mark(self, name: str, *, archived: bool) -> None:
        self.done.append(("archived" if archived else "restored", name))
