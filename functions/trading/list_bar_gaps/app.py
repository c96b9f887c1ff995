"""Say which bars have to be fetched."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_telemetry import PostgresBars, PostgresGaps
from bellwether.trading.domain.bars import TelemetryPolicy
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.domain.ticker_list import select_tickers
from bellwether.trading.usecases.list_bar_gaps import TickerList, list_bar_gaps, read_tickers

REPORTED_PROBLEMS = 50


class Settings(DataBucketSettings, DatabaseSettings):
    """Environment of ListBarGapsFunction."""

    market_hours: MarketHours


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the requests of this run; none when every bar that can be had is there."""
    settings, wanted = load(Settings), parse(TickerList, event)
    objects = S3ObjectStore(settings.data_bucket)
    selection = select_tickers(read_tickers(wanted.file, objects=objects) if wanted.file else wanted.tickers)
    for problem in selection.problems[:REPORTED_PROBLEMS]:
        logger.warning("ticker list has a fault", extra={"problem": problem})
    if selection.problems:
        metrics.add_metric("TickerListProblems", MetricUnit.Count, len(selection.problems))
    database = application_database(settings)
    plan = list_bar_gaps(
        selection.tickers,
        store=PostgresBars(database),
        clock=SystemClock(),
        hours=settings.market_hours,
        policy=TelemetryPolicy(),
        price_gaps=PostgresGaps(database).gaps(),
    )
    logger.info("bars planned", extra={"requests": len(plan.requests), "bars_missing": plan.bars_missing})
    return plan.model_dump(mode="json")
