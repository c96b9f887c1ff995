"""Store the daily charges of a delivery of cost data."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.finops.adapters.postgres_charges import PostgresCharges
from bellwether.finops.usecases.prepare_delivery import PreparedDelivery
from bellwether.finops.usecases.store_charges import store_charges
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse
from bellwether.shared.wiring import DatabaseSettings, application_database


class Settings(DataBucketSettings, DatabaseSettings):
    """Environment of StoreChargesFunction."""


class Request(BaseModel):
    """A prepared delivery with Athena's result; a refused one has no result. `expected`: totals by currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: PreparedDelivery
    known_at: AwareDatetime
    result: str | None = None
    scanned_bytes: int = 0
    expected: dict[str, Decimal] = {}


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Store a delivery once, whole or not at all."""
    settings = load(Settings)
    request = parse(Request, event)
    stored = store_charges(
        PostgresCharges(application_database(settings)),
        S3ObjectStore(settings.data_bucket),
        request.delivery,
        known_at=request.known_at,
        result_key=urlsplit(request.result).path.lstrip("/") if request.result else None,
        scanned_bytes=request.scanned_bytes,
        expected=request.expected,
    )
    report = stored.model_dump(mode="json")
    if stored.outcome == "quarantined" or stored.rejections or not all(each.agrees for each in stored.reconciliations):
        logger.warning("delivery has findings", extra=report)
    else:
        logger.info("charges stored", extra=report)
    return report
