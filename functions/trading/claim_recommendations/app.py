"""Evaluate pending recommendations against the risk gates and claim the approved orders."""

from typing import Annotated, Any
from uuid import uuid4

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_dispatch import PostgresRecommendations
from bellwether.trading.domain.risk_gates import DispatchPolicy
from bellwether.trading.usecases.claim_recommendations import Claimed, claim_recommendations


class Settings(DispatchPolicy, DatabaseSettings):
    """Environment of ClaimRecommendationsFunction: the dispatch policy and the database."""


class Request(BaseModel):
    """How many orders to claim at once; few enough to be sent within the send window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Annotated[int, Field(ge=1, le=50)] = 10


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the orders that passed every gate, and the refused recommendations with reasons."""
    settings = load(Settings)
    claimed = claim_recommendations(
        store=PostgresRecommendations(application_database(settings)),
        clock=SystemClock(),
        policy=settings,
        actor=context.function_name,
        token=uuid4(),
        limit=parse(Request, event).limit,
    )
    _log(claimed)
    return claimed.model_dump(mode="json")


def _log(claimed: Claimed) -> None:
    for refusal in claimed.refused:
        logger.info("recommendation refused", extra=refusal.model_dump(mode="json"))
    for failure in claimed.failed:
        logger.warning("recommendation not usable", extra=failure.model_dump(mode="json"))
    for order in claimed.orders:
        logger.info("order approved", extra=order.model_dump(mode="json", exclude={"claim_token"}))
    logger.info("recommendations claimed", extra={"orders": claimed.count, "refused": len(claimed.refused)})
