"""Tags of everything that this server owns, by ARN."""

from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.store import Store

_KIND = "tags"


class Tags:
    """Key and value by ARN; ARNs are compared without regard to case, as SageMaker does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, arn: str, tags: list[Document] | None) -> list[Document]:
        """Add or replace; gives back all tags of the resource."""
        merged = self.of(arn) | {tag["Key"]: tag["Value"] for tag in tags or []}
        if merged:
            self._store.put(_KIND, arn.lower(), merged)
        return _as_list(merged)

    def remove(self, arn: str, keys: list[str]) -> None:
        """Remove those keys."""
        left = {key: value for key, value in self.of(arn).items() if key not in keys}
        self._store.put(_KIND, arn.lower(), left)

    def forget(self, arn: str) -> None:
        """The resource is gone."""
        self._store.delete(_KIND, arn.lower())

    def of(self, arn: str) -> dict[str, str]:
        """The tags as one mapping: the form events have."""
        return self._store.get(_KIND, arn.lower()) or {}

    def listed(self, arn: str) -> list[Document]:
        """The tags as the API lists them."""
        return _as_list(self.of(arn))


def _as_list(tags: dict[str, str]) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
