"""Secrets by name."""

from collections.abc import Mapping
from typing import Any, Protocol


class SecretStore(Protocol):
    """Secrets whose text is one JSON object."""

    def get_json(self, secret_id: str) -> dict[str, Any]:
        """Raises NotFoundError when the secret is missing or has no value, InvalidInputError when it is no object."""

    def put_json(self, secret_id: str, value: Mapping[str, Any]) -> None:
        """Make `value` the secret's current version; raises NotFoundError when there is no such secret."""
