"""The secret that tells the stack which database to use: what RDS would have written, for the laptop's Postgres."""

import json
from typing import Any

from botocore.exceptions import ClientError

from localcloud.endpoints import Endpoints

SECRET_NAME = "ops-pipeline/db-local"  # noqa: S105  a name
_APPLICATION_SECRET_NAME = "ops-pipeline/db-application"  # noqa: S105  a name


def put_database_secret(endpoints: Endpoints) -> str:
    """Create the secret or bring it up to date; returns its ARN, which stays the same."""
    connection = endpoints.postgres
    content = {
        "engine": "postgres",
        "host": connection.host,
        "port": connection.port,
        "username": connection.username,
        "password": connection.password,
        "dbname": connection.dbname,
    }
    secrets = endpoints.client("secretsmanager")
    try:
        arn = str(secrets.describe_secret(SecretId=SECRET_NAME)["ARN"])
    except secrets.exceptions.ResourceNotFoundException:
        created = secrets.create_secret(Name=SECRET_NAME, SecretString=json.dumps(content))
        return str(created["ARN"])
    if _content(secrets, SECRET_NAME) != content:
        secrets.put_secret_value(SecretId=SECRET_NAME, SecretString=json.dumps(content))
    _move_application(secrets, connection.host, connection.port)
    return arn


def _move_application(secrets: Any, host: str, port: int) -> None:
    """The migrator wrote the address into the application's secret; when Postgres had to move, that moves with it."""
    content = _content(secrets, _APPLICATION_SECRET_NAME)
    if content and "port" in content and (content.get("host"), content["port"]) != (host, port):
        moved = {**content, "host": host, "port": port}
        secrets.put_secret_value(SecretId=_APPLICATION_SECRET_NAME, SecretString=json.dumps(moved))


def _content(secrets: Any, name: str) -> dict[str, Any]:
    try:
        content = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    except (ClientError, KeyError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
