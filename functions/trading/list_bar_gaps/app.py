"""Say which bars have to be fetched."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.postgres import Database, SslMode
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.database import DatabaseLogin
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse
from bellwether.trading.adapters.postgres_telemetry import PostgresBars
from bellwether.trading.domain.bars import TelemetryPolicy
from bellwether.trading.domain.market_calendar import MarketHours
from bellwether.trading.usecases.list_bar_gaps import TickerList, list_bar_gaps, read_tickers


class Settings(FunctionSettings):
    """Environment of ListBarGapsFunction."""

    data_bucket: Annotated[str, Field(min_length=3)]
    application_secret_id: Annotated[str, Field(min_length=1)]
    database_sslmode: SslMode
    market_hours: MarketHours


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the requests of this run; none when every bar that can be had is there."""
    wanted = parse(TickerList, event)
    plan = list_bar_gaps(
        read_tickers(wanted.file, objects=_objects()) if wanted.file else wanted.tickers,
        store=_bars(),
        clock=SystemClock(),
        hours=load(Settings).market_hours,
        policy=TelemetryPolicy(),
    )
    logger.info("bars planned", extra={"requests": len(plan.requests), "bars_missing": plan.bars_missing})
    return plan.model_dump(mode="json")


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
