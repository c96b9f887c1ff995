"""Run the watchdog: find what is stale, behind or broken, and return the alerts that are not sent yet."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.news.adapters.probes import news_probes
from bellwether.operations.adapters.postgres_incidents import PostgresIncidents
from bellwether.operations.domain.incidents import SentAlert, WatchPolicy
from bellwether.operations.usecases.run_watchdog import confirm_alerts, run_watchdog
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.probes import trading_probes
from bellwether.trading.domain.market_calendar import MarketHours


class Settings(DatabaseSettings):
    """Environment of RunWatchdogFunction."""

    market_hours: MarketHours = MarketHours.NYSE


class Request(BaseModel):
    """Empty: run. `confirmed`: alerts of an earlier run that were sent; they are not repeated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirmed: Annotated[tuple[SentAlert, ...], Field(max_length=200)] = ()


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return unsent alerts; an alarm fires when the heartbeat stays away."""
    settings, request = load(Settings), parse(Request, event)
    incidents = PostgresIncidents(application_database(settings))
    if request.confirmed:
        confirmed = confirm_alerts(request.confirmed, store=incidents)
        logger.info("alerts confirmed", extra={"confirmed": confirmed})
        return {"confirmed": confirmed}
    probes = (*news_probes(), *trading_probes(settings.market_hours))
    report = run_watchdog(probes, store=incidents, clock=SystemClock(), policy=WatchPolicy())
    for alert in report.alerts:
        logger.warning("alert", extra=alert.model_dump(mode="json", exclude={"message"}))
    metrics.add_metric("WatchdogHeartbeat", MetricUnit.Count, report.heartbeat)
    logger.info("watchdog run", extra={"open_incidents": report.open, "alerts": report.count})
    return report.model_dump(mode="json")
