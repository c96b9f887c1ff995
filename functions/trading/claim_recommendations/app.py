"""Put waiting recommendations through the risk gates, and hand out what passed."""

from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal
from uuid import uuid4

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.postgres_dispatch import PostgresRecommendations
from bellwether.trading.domain.dispatch import DRY_RUN, PAPER, DispatchPolicy
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.usecases.claim_recommendations import Claimed, claim_recommendations

Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Settings(FunctionSettings):
    """Environment of ClaimRecommendationsFunction: the limits."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode
    trading_mode: Literal["dry-run", "paper"]
    market_hours: MarketHours = MarketHours.NYSE
    max_trades_per_day: Annotated[int, Field(ge=0)]
    max_trade_notional_usd: Amount
    max_position_notional_usd: Amount
    max_daily_loss_usd: Amount
    cooldown_seconds: Annotated[int, Field(ge=0)]
    short_selling: bool = False
    max_quote_age_seconds: Annotated[int, Field(gt=0)] = 900
    max_price_move_bps: Amount = Decimal(200)
    max_failures: Annotated[int, Field(gt=0)] = 3
    failure_window_seconds: Annotated[int, Field(gt=0)] = 3600
    spread_bps: Amount = Decimal(4)
    slippage_bps: Amount = Decimal(5)
    fee_bps: Amount = Decimal(0)

    def policy(self) -> DispatchPolicy:
        """Raises InvalidInputError for limits that contradict each other."""
        limits = self.model_dump(exclude={"application_secret_id", "database_sslmode", "trading_mode"})
        return DispatchPolicy(broker=PAPER if self.trading_mode == "paper" else DRY_RUN, **limits)


class Request(BaseModel):
    """How many to take into hand at once; few enough to be sent within the window."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Annotated[int, Field(ge=1, le=50)] = 10


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the orders that passed every gate, and with what was refused and why."""
    claimed = claim_recommendations(
        store=_store(),
        clock=SystemClock(),
        policy=load(Settings).policy(),
        actor=context.function_name,
        token=uuid4(),
        limit=parse(Request, event).limit,
    )
    _log(claimed)
    return claimed.model_dump(mode="json")


def _log(claimed: Claimed) -> None:
    for refusal in claimed.refused:
        logger.info("recommendation refused", extra=refusal.model_dump(mode="json"))
    for order in claimed.orders:
        logger.info("order approved", extra=order.model_dump(mode="json", exclude={"claim_token"}))
    logger.info("recommendations claimed", extra={"orders": claimed.count, "refused": len(claimed.refused)})


@cache
def _store() -> PostgresRecommendations:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresRecommendations(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
