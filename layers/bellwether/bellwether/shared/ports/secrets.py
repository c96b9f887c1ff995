"""Secrets by name."""

from collections.abc import Mapping
from typing import Any, Protocol


class SecretStore(Protocol):
    """Secrets whose text is one JSON object."""

    def get_json(self, secret_id: str) -> dict[str, Any]:
        """Raises NotFoundError if the secret is missing or empty, InvalidInputError if it is not a JSON object."""

    def put_json(self, secret_id: str, value: Mapping[str, Any]) -> None:
        """Make `value` the secret's current version; raises NotFoundError when there is no such secret."""
