"""Bring together what came true: from a model's dataset, and from files that people drop."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from bellwether.monitoring.adapters.captures_s3 import S3ActualsStore
from bellwether.monitoring.domain.actual_files import INBOX
from bellwether.monitoring.usecases.collect_actuals import collect_actuals, collect_file
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.object_created import OBJECT_CREATED, ObjectCreated, key_of
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of CollectActualsFunction."""


class Request(BaseModel):
    """Everything new of one model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what came in; a run that finds nothing new changes nothing."""
    bucket = load(Settings).data_bucket
    objects = S3ObjectStore(bucket)
    actuals = S3ActualsStore(bucket)
    if event.get("detail-type") == OBJECT_CREATED:
        key = key_of(parse(ObjectCreated, event), bucket=bucket, prefix=INBOX)
        collected = collect_file(key, objects=objects, actuals=actuals)
    else:
        model = parse(Request, event).model
        collected = collect_actuals(model, objects=objects, actuals=actuals, clock=SystemClock())
    if collected.actuals:
        metrics.add_metric("ActualsCollected", MetricUnit.Count, collected.actuals)
    if collected.rejections:
        metrics.add_metric("RowsQuarantined", MetricUnit.Count, collected.rejections)
    for failure in collected.failed:
        logger.error("file not collected", extra={"failure": failure})
    for part in collected.quarantined:
        logger.warning("set aside", extra=part.model_dump())
    logger.info("actuals collected", extra={"files": collected.files, "actuals": collected.actuals})
    return collected.model_dump(mode="json")
