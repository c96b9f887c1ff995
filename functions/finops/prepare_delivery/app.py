"""Check a delivery of cost data, and write the query that adds it up."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.finops.adapters.glue_tables import GlueTables
from bellwether.finops.adapters.query_texts import packaged_queries
from bellwether.finops.domain.manifests import ManifestPlace
from bellwether.finops.usecases.prepare_delivery import PreparedDelivery, prepare_delivery
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of PrepareDeliveryFunction. `cost_center_tags`: tag keys of the cost center, the preferred first."""

    cost_database: Annotated[str, Field(min_length=1)]
    cost_center_tags: Annotated[str, Field(min_length=1)]


class Request(BaseModel):
    """The manifest of a billing period."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    export: str
    period: date
    manifest_key: str
    manifest_etag: str


class Prepared(BaseModel):
    """The delivery, and Athena's query unless it was refused."""

    model_config = ConfigDict(frozen=True)

    delivery: PreparedDelivery
    query: str


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Make the delivery readable, or refuse it with the reason."""
    settings = load(Settings)
    request = parse(Request, event)
    delivery, query = prepare_delivery(
        S3ObjectStore(settings.data_bucket),
        GlueTables(settings.data_bucket),
        ManifestPlace(request.export, request.period, request.manifest_key, request.manifest_etag),
        packaged_queries(),
        bucket=settings.data_bucket,
        database=settings.cost_database,
        cost_center_tags=[each.strip() for each in settings.cost_center_tags.split(",") if each.strip()],
    )
    logger.info("delivery prepared", extra=delivery.model_dump(mode="json"))
    return Prepared(delivery=delivery, query=query).model_dump(mode="json")
