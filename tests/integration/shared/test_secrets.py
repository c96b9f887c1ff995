"""Secrets: the adapter and the fake keep the same promises."""

import boto3
import pytest

from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.ports.secrets import SecretStore
from tests.fakes.secrets import InMemorySecrets


@pytest.fixture(params=["fake", "adapter"])
def secrets(request: pytest.FixtureRequest, environment: dict[str, str]) -> SecretStore:
    """One secret without a value, whose id is APPLICATION_SECRET_ID."""
    if request.param == "fake":
        return InMemorySecrets(empty=(environment["APPLICATION_SECRET_ID"],))
    return SecretsManagerStore()


def test_a_secret_has_the_value_it_was_given_last(secrets: SecretStore, environment: dict[str, str]) -> None:
    secret_id = environment["APPLICATION_SECRET_ID"]
    with pytest.raises(NotFoundError):
        secrets.get_json(secret_id)
    for value in ({"password": "one"}, {"password": "two", "port": 5432}):
        secrets.put_json(secret_id, value)
        assert secrets.get_json(secret_id) == value


def test_an_unknown_secret_is_not_found(secrets: SecretStore) -> None:
    with pytest.raises(NotFoundError, match="nobody/knows"):
        secrets.get_json("nobody/knows")
    with pytest.raises(NotFoundError, match="nobody/knows"):
        secrets.put_json("nobody/knows", {})


@pytest.mark.parametrize("text", ["hunter2", '["hunter2"]', '"hunter2"'])
def test_what_is_no_json_object_is_refused_without_being_shown(environment: dict[str, str], text: str) -> None:
    secret_id = environment["APPLICATION_SECRET_ID"]
    boto3.client("secretsmanager").put_secret_value(SecretId=secret_id, SecretString=text)
    with pytest.raises(InvalidInputError) as refused:
        SecretsManagerStore().get_json(secret_id)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
