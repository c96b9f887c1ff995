"""The watchdog's look around: what is stale, behind or broken, and what is still to be told of it."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.operations.adapters.postgres_watch import PostgresWatchtower
from bellwether.operations.domain.watch import Told, WatchPolicy
from bellwether.operations.usecases.check_freshness import check_freshness, confirm_alerts
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.domain.market_calendar import MarketHours


class Settings(DatabaseSettings):
    """Environment of CheckFreshnessFunction."""

    market_hours: MarketHours = MarketHours.NYSE


class Request(BaseModel):
    """Nothing: look. `confirmed`: alerts of an earlier look that people were told of; they don't come again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirmed: Annotated[tuple[Told, ...], Field(max_length=200)] = ()


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with alerts that nobody was told yet; without a heartbeat for a while, an alarm goes off."""
    settings, request = load(Settings), parse(Request, event)
    tower = PostgresWatchtower(application_database(settings))
    if request.confirmed:
        confirmed = confirm_alerts(request.confirmed, tower=tower)
        logger.info("alerts confirmed", extra={"confirmed": confirmed})
        return {"confirmed": confirmed}
    policy = WatchPolicy(market_hours=settings.market_hours)
    watched = check_freshness(tower=tower, clock=SystemClock(), policy=policy)
    for alert in watched.alerts:
        logger.warning("alert", extra=alert.model_dump(mode="json", exclude={"message"}))
    metrics.add_metric("WatchdogHeartbeat", MetricUnit.Count, watched.heartbeat)
    logger.info("freshness checked", extra={"open_incidents": watched.open, "alerts": watched.count})
    return watched.model_dump(mode="json")
