"""Bring together what came true: from a model's dataset, and from files that people drop."""

from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.monitoring.adapters.captures_s3 import S3ActualsStore
from bellwether.monitoring.domain.actual_files import INBOX
from bellwether.monitoring.usecases.collect_actuals import Collected, collect_actuals, collect_file
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of CollectActualsFunction."""


class Request(BaseModel):
    """Everything new of one model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str


class _Bucket(BaseModel):
    name: str


class _Object(BaseModel):
    key: Annotated[str, Field(min_length=1, max_length=1024)]


class _Detail(BaseModel):
    bucket: _Bucket
    object: _Object


class ObjectCreated(BaseModel):
    """EventBridge's notice that S3 stored an object."""

    detail: _Detail


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what came in; a run that finds nothing new changes nothing."""
    settings = load(Settings)
    if event.get("detail-type") == "Object Created":
        collected = _collect_dropped(parse(ObjectCreated, event), settings)
    else:
        collected = collect_actuals(
            parse(Request, event).model,
            objects=S3ObjectStore(settings.data_bucket),
            actuals=S3ActualsStore(settings.data_bucket),
            clock=SystemClock(),
        )
    if collected.actuals:
        metrics.add_metric("ActualsCollected", MetricUnit.Count, collected.actuals)
    if collected.rejections:
        metrics.add_metric("RowsQuarantined", MetricUnit.Count, collected.rejections)
    for part in collected.quarantined:
        logger.warning("set aside", extra=part.model_dump())
    logger.info("actuals collected", extra={"files": collected.files, "actuals": collected.actuals})
    return collected.model_dump(mode="json")


def _collect_dropped(event: ObjectCreated, settings: Settings) -> Collected:
    bucket, key = event.detail.bucket.name, event.detail.object.key
    if bucket != settings.data_bucket:
        raise InvalidInputError(f"{bucket!r} is not the data bucket", field="detail.bucket.name")
    if not key.startswith(INBOX):
        raise InvalidInputError(f"{key!r} does not lie under {INBOX}", field="detail.object.key")
    return collect_file(key, objects=S3ObjectStore(bucket), actuals=S3ActualsStore(bucket))
