"""Settle orders from the reports of execute_orders."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.postgres_dispatch import PostgresExecutions
from bellwether.trading.domain.executions import Execution
from bellwether.trading.usecases.settle_executions import settle_executions


class Settings(FunctionSettings):
    """Environment of SettleExecutionsFunction."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode


class Request(BaseModel):
    """Reports from execute_orders."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    executions: Annotated[tuple[Execution, ...], Field(max_length=50)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the number of reports by effect; a repeated report counts as known."""
    settled = settle_executions(parse(Request, event).executions, store=_store())
    logger.info("executions settled", extra=settled.model_dump())
    return settled.model_dump(mode="json")


@cache
def _store() -> PostgresExecutions:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresExecutions(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
