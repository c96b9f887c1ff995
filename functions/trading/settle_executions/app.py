"""Settle orders from the reports of execute_orders."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_dispatch import PostgresExecutions
from bellwether.trading.domain.executions import Execution
from bellwether.trading.usecases.settle_executions import settle_executions


class Settings(DatabaseSettings):
    """Environment of SettleExecutionsFunction."""


class Request(BaseModel):
    """Reports from execute_orders."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    executions: Annotated[tuple[Execution, ...], Field(max_length=50)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the number of reports by effect; a repeated report counts as known."""
    store = PostgresExecutions(application_database(load(Settings)))
    settled = settle_executions(parse(Request, event).executions, store=store)
    for each in settled.refused:
        logger.error("report refused", extra=each.model_dump())
    logger.info("executions settled", extra=settled.model_dump(exclude={"refused"}))
    return settled.model_dump(mode="json")
