"""Take sales of houses in, from the inbox, and bring the dataset that they are valued by up to date."""

from datetime import UTC, date, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict

from bellwether.datasets.domain.sales import KeptManifest
from bellwether.datasets.usecases.ingest_sales import SalesIngestion, ingest_sales, published, start_over
from bellwether.models.domain.catalogue import CATALOGUE, valuation_spec
from bellwether.models.domain.specs import ValuationSpec
from bellwether.monitoring.adapters.captures_s3 import S3ActualsStore
from bellwether.shared.adapters.clock import pause_before_retry
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.object_created import OBJECT_CREATED, ObjectCreated, key_of
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
    if event.get("detail-type") == OBJECT_CREATED:
        key = key_of(parse(ObjectCreated, event), bucket=settings.data_bucket)
        spec, keys = _spec_of(key), [key]
    else:
        request = parse(Request, event)
        spec, keys = valuation_spec(request.model), None
        earlier = start_over(store, spec) if request.start_over else None
    ingestion = ingest_sales(store, actuals, spec, pause=pause_before_retry, keys=keys)
    manifest = published(store, spec)
    _measure(spec, ingestion, manifest)
    shown = ingestion.model_copy(update={"quarantined": ingestion.quarantined[:QUARANTINED_SHOWN]})
    dataset = _summary(spec, manifest) if manifest else None
    return Summary(**shown.model_dump(), model=spec.name, dataset=dataset, earlier=earlier).model_dump(mode="json")


def _spec_of(key: str) -> ValuationSpec:
    for spec in CATALOGUE.values():
        if isinstance(spec, ValuationSpec) and key.startswith(spec.dataset.inbox):
            return spec
    raise InvalidInputError(f"{key!r} lies in no inbox for sales", field="detail.object.key")


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
