"""Take sales of houses in, from the inbox, and bring the dataset that they are valued by up to date."""

import random
import time
from datetime import UTC, date, datetime
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from bellwether.datasets.domain.sales import KeptManifest
from bellwether.datasets.usecases.ingest_sales import SalesIngestion, ingest_sales, published, start_over
from bellwether.models.domain.catalogue import CATALOGUE, valuation_spec
from bellwether.models.domain.specs import ValuationSpec
from bellwether.monitoring.adapters.captures_s3 import S3ActualsStore
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.observability import MetricUnit, gauge, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse

QUARANTINED_SHOWN = 200


class Settings(DataBucketSettings):
    """Environment of IngestSalesFunction."""


# --- event and result -----------------------------------------------------------------------------------------------


class Request(BaseModel):
    """Ingest what lies in a model's inbox; with `start_over` the dataset before is put out of the way first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    start_over: bool = False


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


class DatasetSummary(BaseModel):
    """The sales as they lie there now."""

    model_config = ConfigDict(frozen=True)

    key: str
    layout: str
    sha256: str
    rows: int
    first_day: str
    last_day: str
    files: int


class Summary(SalesIngestion):
    """What came in, and what the dataset is now; None when there is none. `earlier`: where the one before is kept."""

    model: str
    dataset: DatasetSummary | None
    earlier: str | None = None


# --- handler --------------------------------------------------------------------------------------------------------


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Ingest and measure. A run that finds nothing new changes nothing."""
    settings = load(Settings)
    store = S3ObjectStore(settings.data_bucket)
    actuals = S3ActualsStore(settings.data_bucket)
    earlier: str | None = None
    if event.get("detail-type") == "Object Created":
        spec, keys = _dropped(parse(ObjectCreated, event), settings)
    else:
        request = parse(Request, event)
        spec, keys = valuation_spec(request.model), None
        earlier = start_over(store, spec) if request.start_over else None
    ingestion = ingest_sales(store, actuals, spec, pause=_pause, keys=keys)
    manifest = published(store, spec)
    _measure(spec, ingestion, manifest)
    shown = ingestion.model_copy(update={"quarantined": ingestion.quarantined[:QUARANTINED_SHOWN]})
    dataset = _summary(spec, manifest) if manifest else None
    return Summary(**shown.model_dump(), model=spec.name, dataset=dataset, earlier=earlier).model_dump(mode="json")


def _dropped(event: ObjectCreated, settings: Settings) -> tuple[ValuationSpec, list[str]]:
    bucket, key = event.detail.bucket.name, event.detail.object.key
    if bucket != settings.data_bucket:
        raise InvalidInputError(f"{bucket!r} is not the data bucket", field="detail.bucket.name")
    for spec in CATALOGUE.values():
        if isinstance(spec, ValuationSpec) and key.startswith(spec.dataset.inbox):
            return spec, [key]
    raise InvalidInputError(f"{key!r} lies in no inbox for sales", field="detail.object.key")


def _pause(attempt: int) -> None:
    """Step back at random, longer each time: the others are publishing too."""
    time.sleep(random.uniform(0, min(0.1 * 2**attempt, 5)))  # noqa: S311 - no secret


# --- what is told ---------------------------------------------------------------------------------------------------


def _summary(spec: ValuationSpec, manifest: KeptManifest) -> DatasetSummary:
    return DatasetSummary(
        key=spec.dataset.data_key,
        layout=manifest.layout,
        sha256=manifest.sha256,
        rows=manifest.rows,
        first_day=manifest.first_day,
        last_day=manifest.last_day,
        files=len(manifest.files),
    )


def _measure(spec: ValuationSpec, ingestion: SalesIngestion, manifest: KeptManifest | None) -> None:
    added = sum(each.added for each in ingestion.ingested)
    corrected = sum(each.corrected for each in ingestion.ingested)
    metrics.add_metric("SalesIngested", MetricUnit.Count, added)
    metrics.add_metric("SalesCorrected", MetricUnit.Count, corrected)
    metrics.add_metric("RowsQuarantined", MetricUnit.Count, ingestion.rejections)
    if manifest:
        age = datetime.now(UTC).date() - date.fromisoformat(manifest.last_day)
        gauge("DatasetAgeDays", MetricUnit.Count, age.days, dataset=spec.dataset.name)
    for part in ingestion.quarantined[:QUARANTINED_SHOWN]:
        logger.warning("set aside", extra=part.model_dump())
    for correction in ingestion.corrections:
        logger.warning("sale corrected", extra=correction.model_dump())
    logger.info(
        "sales ingested",
        extra={
            "model": spec.name,
            "files": len(ingestion.ingested),
            "added": added,
            "corrected": corrected,
            "actuals": ingestion.actuals,
            "rejections": ingestion.rejections,
            "dataset_sha256": manifest.sha256 if manifest else None,
        },
    )
