"""List positions, cash and profit."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_dispatch import PostgresRecommendations
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.usecases.list_positions import list_positions


class Settings(DispatchPolicy, DatabaseSettings):
    """Environment of ListPositionsFunction: the dispatch policy and the database."""


class Request(BaseModel):
    """An empty request."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the positions at the broker of the trading mode, as the risk gates see them."""
    parse(Request, event)
    settings = load(Settings)
    portfolio = list_positions(
        store=PostgresRecommendations(application_database(settings)), clock=SystemClock(), policy=settings
    )
    logger.info("positions listed", extra={"positions": len(portfolio.positions)})
    return portfolio.model_dump(mode="json")
