"""Secrets Manager: secrets whose text is one JSON object."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


@once_per_process
def secretsmanager_client() -> "SecretsManagerClient":
    """One client for each process."""
    timely = Config(connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return aws_client("secretsmanager", config=timely)


class SecretsManagerStore:
    """SecretStore. Values are read anew each time, so that a rotated secret is seen at once.

    Needs secretsmanager:GetSecretValue, and secretsmanager:PutSecretValue for those that are written.
    """

    def __init__(self) -> None:
        self._client = secretsmanager_client()

    def get_json(self, secret_id: str) -> dict[str, Any]:
        """Raises NotFoundError if the secret is missing or empty, InvalidInputError if it is not a JSON object."""
        with translated(f"secret {secret_id}"):
            secret = self._client.get_secret_value(SecretId=secret_id)
        try:
            value = json.loads(secret["SecretString"])
        except (KeyError, ValueError):  # not `from` it: the error would show the secret's text
            raise InvalidInputError("does not contain JSON", field=f"secret {secret_id}") from None
        if not isinstance(value, dict):
            raise InvalidInputError("does not contain a JSON object", field=f"secret {secret_id}")
        return value

    def put_json(self, secret_id: str, value: Mapping[str, Any]) -> None:
        """Make `value` the secret's current version; raises NotFoundError when there is no such secret."""
        with translated(f"secret {secret_id}"):
            self._client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(dict(value)))
