"""Hold the signal rule against every ticker in the news."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_telemetry import PostgresSignals
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.signals import INTRADAY
from bellwether.trading.usecases.make_recommendations import make_recommendations
from bellwether.trading.usecases.report_news import report_news

IDS_SHOWN = 200


class Settings(DatabaseSettings):
    """Environment of MakeRecommendationsFunction."""

    market_hours: MarketHours


class Request(BaseModel):
    """A schedule, or a person. With `show` nothing is recommended: the answer is the news as the rule sees it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    show: StrictBool = False
    ticker: Annotated[str, Field(max_length=20)] | None = None
    stories: Annotated[int, Field(ge=1, le=1000)] = 50


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with how many were recommended, and why the others were not."""
    request, settings = parse(Request, event), load(Settings)
    store = PostgresSignals(application_database(settings))
    if request.show:
        report = report_news(
            store=store,
            clock=SystemClock(),
            hours=settings.market_hours,
            rule=INTRADAY,
            ticker=request.ticker,
            limit=request.stories,
        )
        return report.model_dump(mode="json")
    result = make_recommendations(store=store, clock=SystemClock(), hours=settings.market_hours, rule=INTRADAY)
    if result.made:  # a metric is paid for by the hour in which it is told
        metrics.add_metric("RecommendationsMade", MetricUnit.Count, result.made)
    if result.failed:
        metrics.add_metric("TickersFailed", MetricUnit.Count, len(result.failed))
    for each in result.failed[:IDS_SHOWN]:
        logger.warning("ticker failed", extra=each.model_dump())
    logger.info("rule applied", extra=result.model_dump(mode="json", exclude={"recommendation_ids", "failed"}))
    shown = result.model_copy(
        update={"recommendation_ids": result.recommendation_ids[:IDS_SHOWN], "failed": result.failed[:IDS_SHOWN]}
    )
    return shown.model_dump(mode="json")
