"""Secrets Manager: secrets whose text is one JSON object."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bellwether.domain.errors import (
    BellwetherError,
    InvalidInputError,
    NotFoundError,
    TransientUpstreamError,
    UpstreamError,
)

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_TRANSIENT = {"InternalServiceError", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable"}


class SecretsManagerStore:
    """SecretStore over Secrets Manager. Values are read anew each time: a rotated secret is seen at once."""

    def __init__(self) -> None:
        timely = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 3})
        self._client: SecretsManagerClient = boto3.client("secretsmanager", config=timely)

    def get_json(self, secret_id: str) -> dict[str, Any]:
        """Raises NotFoundError when the secret is missing or has no value, InvalidInputError when it is no object."""
        try:
            text = self._client.get_secret_value(SecretId=secret_id)["SecretString"]
            value = json.loads(text)
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, secret_id) from error
        except (KeyError, ValueError):  # without `from`: the text of a JSON error is the secret
            raise InvalidInputError("the secret is no JSON", field=secret_id) from None
        if not isinstance(value, dict):
            raise InvalidInputError("the secret is no JSON object", field=secret_id)
        return value

    def put_json(self, secret_id: str, value: Mapping[str, Any]) -> None:
        """Make `value` the secret's current version; raises NotFoundError when there is no such secret."""
        try:
            self._client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(dict(value)))
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, secret_id) from error


def _translated(error: ClientError | BotoCoreError, secret_id: str) -> BellwetherError:
    if not isinstance(error, ClientError):
        return TransientUpstreamError(f"Secrets Manager: {error}")
    code = error.response.get("Error", {}).get("Code", "")
    if code == "ResourceNotFoundException":
        return NotFoundError("no such secret, or it has no value yet", field=secret_id)
    if code in _TRANSIENT or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400) >= 500:
        return TransientUpstreamError(f"Secrets Manager: {code}")
    return UpstreamError(f"Secrets Manager refused {secret_id}: {code}")
