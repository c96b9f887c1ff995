"""Bring the database to the shipped schema and give the application its role."""

from pydantic import BaseModel, ConfigDict

from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.domain.errors import ConflictError, InvalidInputError
from bellwether.shared.domain.migrations import plan
from bellwether.shared.ports.database import DatabaseSchema, MigrationFiles
from bellwether.shared.ports.secrets import SecretStore


class MigrationResult(BaseModel):
    """What a run of the migrator did: the versions it applied, and the one the database has now."""

    model_config = ConfigDict(frozen=True)

    applied: tuple[str, ...]
    version: str | None


def migrate_database(
    *,
    schema: DatabaseSchema,
    files: MigrationFiles,
    secrets: SecretStore,
    application: DatabaseLogin,
    application_secret_id: str,
    tolerate_newer: bool = False,
) -> MigrationResult:
    """Apply what is pending, each migration in a transaction of its own; safe to repeat and to run twice at once.

    `application` is the login that the application shall have, with a fresh password that is used only when the one
    in its secret is missing or refused. `tolerate_newer` is for going back to older code: migrations only go forward,
    so a newer database is left as it is. Raises InvalidInputError for edited or unknown migrations, ConflictError when
    the database is newer or another migrator holds it for too long.
    """
    shipped = files.migrations()
    with schema.exclusively():
        todo = plan(shipped, schema.applied())
        if todo.newer and not tolerate_newer:
            raise ConflictError(f"the database has migrations that this code does not know: {', '.join(todo.newer)}")
        for migration in todo.pending:
            schema.apply(migration)
        _ensure_application_login(schema, secrets, application, application_secret_id)
        if not todo.newer:  # an older statement of the grants would take rights away from newer tables' users
            schema.grant(files.grants(), application.username)
    return MigrationResult(applied=tuple(migration.version for migration in todo.pending), version=todo.version)


def _ensure_application_login(
    schema: DatabaseSchema, secrets: SecretStore, application: DatabaseLogin, secret_id: str
) -> None:
    stored = _stored_login(secrets, secret_id)
    if stored is not None:
        kept = application.model_copy(update={"password": stored.password})
        if schema.accepts(kept):
            if stored != kept:  # the database moved: same role, other host
                secrets.put_json(secret_id, kept.model_dump(mode="json"))
            return
    # Secret last: should it fail, the next run finds the password refused and makes another.
    schema.set_password(application.username, application.password)
    secrets.put_json(secret_id, application.model_dump(mode="json"))


def _stored_login(secrets: SecretStore, secret_id: str) -> DatabaseLogin | None:
    try:
        return DatabaseLogin.model_validate(secrets.get_json(secret_id))
    except (InvalidInputError, ValueError):  # no value yet, no JSON, or not a login: made anew
        return None
