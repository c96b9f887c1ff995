"""Keep bars in Postgres."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.postgres_telemetry import PostgresBars
from bellwether.trading.usecases.fetch_bars import Delivery
from bellwether.trading.usecases.store_bars import store_bars

SOURCE = "alpaca"
SPLITS_SHOWN = 50


class Settings(FunctionSettings):
    """Environment of StoreBarsFunction."""

    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode
    data_bucket: Annotated[str, Field(min_length=3)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what was new and what was corrected."""
    result = store_bars(parse(Delivery, event), store=_bars(), objects=_objects(), source=SOURCE)
    if result.stored:  # a metric is paid for by the hour in which it is told
        metrics.add_metric("BarsStored", MetricUnit.Count, result.stored)
    if result.splits:
        metrics.add_metric("SplitsSuspected", MetricUnit.Count, len(result.splits))
    for split in result.splits[:SPLITS_SHOWN]:
        logger.warning("suspected split", extra=split.model_dump(mode="json"))
    logger.info("bars stored", extra={"stored": result.stored, "revised": result.revised, "late": result.late})
    return result.model_copy(update={"splits": result.splits[:SPLITS_SHOWN]}).model_dump(mode="json")


@cache
def _objects() -> S3ObjectStore:
    return S3ObjectStore(load(Settings).data_bucket)


@cache
def _bars() -> PostgresBars:
    settings = load(Settings)
    secrets = SecretsManagerStore()
    return PostgresBars(
        Database(
            lambda: parse(DatabaseLogin, secrets.get_json(settings.application_secret_id)),
            sslmode=settings.database_sslmode,
        )
    )
