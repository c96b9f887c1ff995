"""What functions with a database wire alike."""

from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.field_types import NonEmptyText
from bellwether.shared.per_process import once_per_process
from bellwether.shared.settings import FunctionSettings, parse


class DatabaseSettings(FunctionSettings):
    """Settings of a function that uses the database with the application's rights."""

    application_secret_id: NonEmptyText
    database_sslmode: SslMode


@once_per_process
def application_database(settings: DatabaseSettings) -> Database:
    """The database as the application's role sees it; the secret is read again for each new connection."""
    secrets = SecretsManagerStore()
    return Database(
        lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
        sslmode=settings.database_sslmode,
    )
