"""Ingest sales of houses from the inbox, and update the dataset that the valuation model is trained on."""

from datetime import UTC, date, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.datasets.usecases.update_sales import (
    SalesUpdate,
    SalesUpdateRequest,
    update_sales,
    update_sales_from_drop,
)
from bellwether.models.domain.catalogue import valuation_spec
from bellwether.monitoring.adapters.captures_s3 import S3ActualsStore
from bellwether.shared.adapters.clock import pause_before_retry
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.object_created import OBJECT_CREATED, ObjectCreated, key_of
from bellwether.shared.observability import MetricUnit, gauge, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of IngestSalesFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Ingest and measure. A run that finds nothing new changes nothing."""
    bucket = load(Settings).data_bucket
    store = S3ObjectStore(bucket)
    actuals = S3ActualsStore(bucket)
    if event.get("detail-type") == OBJECT_CREATED:
        key = key_of(parse(ObjectCreated, event), bucket=bucket)
        update = update_sales_from_drop(store, actuals, key, pause=pause_before_retry)
    else:
        update = update_sales(store, actuals, parse(SalesUpdateRequest, event), pause=pause_before_retry)
    _measure(update)
    return update.model_dump(mode="json")


def _measure(update: SalesUpdate) -> None:
    added = sum(each.added for each in update.ingested)
    corrected = sum(each.corrected for each in update.ingested)
    metrics.add_metric("SalesIngested", MetricUnit.Count, added)
    metrics.add_metric("SalesCorrected", MetricUnit.Count, corrected)
    metrics.add_metric("RowsQuarantined", MetricUnit.Count, update.rejections)
    if update.dataset:
        age = datetime.now(UTC).date() - date.fromisoformat(update.dataset.last_day)
        gauge("DatasetAgeDays", MetricUnit.Count, age.days, dataset=valuation_spec(update.model).dataset.name)
    for part in update.quarantined:
        logger.warning("set aside", extra=part.model_dump())
    for correction in update.corrections:
        logger.warning("sale corrected", extra=correction.model_dump())
    logger.info(
        "sales ingested",
        extra={
            "model": update.model,
            "files": len(update.ingested),
            "added": added,
            "corrected": corrected,
            "actuals": update.actuals,
            "rejections": update.rejections,
            "dataset_sha256": update.dataset.sha256 if update.dataset else None,
        },
    )
