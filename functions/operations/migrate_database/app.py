"""Bring the database to the shipped schema: at each deployment, and by hand."""

from secrets import token_urlsafe
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from bellwether.operations.adapters.cloudformation import CustomResourceRequest, answer_failure, answer_success
from bellwether.operations.adapters.migration_files import PackagedMigrations
from bellwether.operations.adapters.postgres_schema import PostgresSchema
from bellwether.operations.usecases.migrate_database import MigrationResult, migrate_database
from bellwether.shared.adapters.postgres import SslMode
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin, RoleName
from bellwether.shared.domain.field_types import NonEmptyText
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse

ANSWER_RESERVE_SECONDS = 15
"""Kept back of the function's time, so that CloudFormation is answered even when a statement runs into its limit."""


class Settings(FunctionSettings):
    """Environment of MigrateDatabaseFunction."""

    database_secret_id: NonEmptyText
    application_secret_id: NonEmptyText
    application_role: RoleName
    database_sslmode: SslMode


class DirectInvocation(BaseModel):
    """By hand: nothing to say."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Migrate for CloudFormation or for a person; only the latter sees an error as an exception."""
    if CustomResourceRequest.is_in(event):
        return _answer_cloudformation(parse(CustomResourceRequest, event), context)
    parse(DirectInvocation, event)
    return _migrate(context).model_dump()


def _answer_cloudformation(request: CustomResourceRequest, context: LambdaContext) -> dict[str, Any]:
    if request.request_type == "Delete":  # data outlives stacks
        answer_success(request)
        return {}
    try:
        result = _migrate(context, tolerate_newer=_goes_back(request))
    except Exception as error:  # noqa: BLE001 - whatever it is, unanswered CloudFormation would wait for an hour
        logger.exception("migration failed")
        answer_failure(request, f"{type(error).__name__}: {error} (log stream {context.log_stream_name})")
        return {}
    answer_success(request, {"Version": result.version or "", "Applied": ",".join(result.applied)})
    return result.model_dump()


def _goes_back(request: CustomResourceRequest) -> bool:
    """Whether CloudFormation rolls back to older code; refused there, the stack would be stuck half-way."""
    old, new = request.old_properties.get("MigrationsVersion"), request.properties.get("MigrationsVersion")
    return request.request_type == "Update" and old is not None and new is not None and old > new


def _migrate(context: LambdaContext, *, tolerate_newer: bool = False) -> MigrationResult:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    owner = parse(DatabaseLogin, secrets.get_json(settings.database_secret_id))
    result = migrate_database(
        schema=PostgresSchema(
            owner,
            sslmode=settings.database_sslmode,
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - ANSWER_RESERVE_SECONDS,
        ),
        files=PackagedMigrations(),
        secrets=secrets,
        application=owner.model_copy(update={"username": settings.application_role, "password": token_urlsafe(32)}),
        application_secret_id=settings.application_secret_id,
        tolerate_newer=tolerate_newer,
    )
    logger.info("database migrated", extra=result.model_dump())
    return result
