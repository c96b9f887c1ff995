"""Keep bars in Postgres."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database
from bellwether.trading.adapters.postgres_telemetry import PostgresBars, PostgresGaps
from bellwether.trading.usecases.fetch_bars import Delivery
from bellwether.trading.usecases.store_bars import store_bars

SOURCE = "alpaca"
SPLITS_SHOWN = REFUSED_SHOWN = 50


class Settings(DataBucketSettings, DatabaseSettings):
    """Environment of StoreBarsFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what was new and what was corrected."""
    settings = load(Settings)
    database = application_database(settings)
    result = store_bars(
        parse(Delivery, event),
        store=PostgresBars(database),
        gaps=PostgresGaps(database),
        objects=S3ObjectStore(settings.data_bucket),
        source=SOURCE,
    )
    if result.stored:  # a metric is paid for by the hour in which it is told
        metrics.add_metric("BarsStored", MetricUnit.Count, result.stored)
    if result.splits:
        metrics.add_metric("SplitsSuspected", MetricUnit.Count, len(result.splits))
    for split in result.splits[:SPLITS_SHOWN]:
        logger.warning("suspected split", extra=split.model_dump(mode="json"))
    for gap in result.confirmed:
        logger.info("split confirmed", extra={"ticker": gap.ticker, "ratio": gap.ratio, "reason": gap.reason})
    for refused in result.refused[:REFUSED_SHOWN]:
        logger.warning("bar refused", extra={"ticker": refused.ticker, "reason": refused.reason})
    logger.info("bars stored", extra={"stored": result.stored, "revised": result.revised, "late": result.late})
    shown = {"splits": result.splits[:SPLITS_SHOWN], "refused": result.refused[:REFUSED_SHOWN]}
    return result.model_copy(update=shown).model_dump(mode="json")
