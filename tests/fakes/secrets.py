"""SecretStore in memory."""

from collections.abc import Mapping
from typing import Any

from bellwether.shared.domain.errors import NotFoundError


class InMemorySecrets:
    """Secrets by id; those in `empty` exist without a value, as CloudFormation creates them."""

    def __init__(self, values: Mapping[str, Mapping[str, Any]] | None = None, *, empty: tuple[str, ...] = ()) -> None:
        self.values = {secret_id: dict(value) for secret_id, value in (values or {}).items()}
        self.puts: list[str] = []
        self._known = {*self.values, *empty}

    def get_json(self, secret_id: str) -> dict[str, Any]:
        if secret_id not in self.values:
            raise NotFoundError("no such secret, or it has no value yet", field=secret_id)
        return dict(self.values[secret_id])

    def put_json(self, secret_id: str, value: Mapping[str, Any]) -> None:
        if secret_id not in self._known:
            raise NotFoundError("no such secret, or it has no value yet", field=secret_id)
        self.values[secret_id] = dict(value)
        self.puts.append(secret_id)
