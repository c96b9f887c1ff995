"""Hold the signal rule against every ticker in the news."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.postgres_telemetry import PostgresSignals
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import INTRADAY
from bellwether.trading.usecases.make_recommendations import make_recommendations

IDS_SHOWN = 200


class Settings(FunctionSettings):
    """Environment of MakeRecommendationsFunction."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode
    market_hours: MarketHours


class Occasion(BaseModel):
    """A schedule, or a person: there is nothing to say."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with how many were recommended, and why the others were not."""
    parse(Occasion, event)
    result = make_recommendations(
        store=_signals(), clock=SystemClock(), hours=load(Settings).market_hours, rule=INTRADAY
    )
    if result.made:  # a metric is paid for by the hour in which it is told
        metrics.add_metric("RecommendationsMade", MetricUnit.Count, result.made)
    logger.info("rule applied", extra=result.model_dump(mode="json", exclude={"recommendation_ids"}))
    shown = result.model_copy(update={"recommendation_ids": result.recommendation_ids[:IDS_SHOWN]})
    return shown.model_dump(mode="json")


@cache
def _signals() -> PostgresSignals:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresSignals(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
