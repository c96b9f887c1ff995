"""Take series in, from the inbox or from FRED, and bring the merged macro data up to date."""

import random
import time
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, field_validator

from bellwether.datasets.adapters.fred import FredApi, FredCsv
from bellwether.datasets.domain.fred_layout import INBOX
from bellwether.datasets.domain.monthly import month_end, parse_month
from bellwether.datasets.domain.series import SERIES_PATTERN
from bellwether.datasets.domain.series_catalogue import FETCHED
from bellwether.datasets.ports.series import SeriesSource
from bellwether.datasets.usecases.ingest_series import Ingestion, ingest_from, ingest_inbox
from bellwether.datasets.usecases.publish_dataset import Published, publish_as_of, publish_dataset
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse

Source = Literal["pack", "fred_csv", "fred_api"]
SeriesId = Annotated[str, Field(pattern=rf"^{SERIES_PATTERN.pattern}$")]
QUARANTINED_SHOWN = 200


class Settings(DataBucketSettings):
    """Environment of IngestSeriesFunction. `series` are fetched from FRED; a pack brings its own."""

    fred_source: Source
    fred_csv_url: HttpUrl = HttpUrl("https://fred.stlouisfed.org/graph/fredgraph.csv")
    fred_api_url: HttpUrl = HttpUrl("https://api.stlouisfed.org/fred")
    fred_api_key_secret_id: str = ""  # name or ARN of a secret {"api_key": …}; needed by source fred_api only
    series: tuple[SeriesId, ...] = FETCHED

    @field_validator("series", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


# --- event and result -----------------------------------------------------------------------------------------------


class Request(BaseModel):
    """What to ingest, as given by hand. Nothing given: the configured source and what lies in the inbox.

    `accept_shrunken`: series that may lose history this time. `vintages_since`: with source fred_api, every vintage
    from that day on. `as_of`: ingest nothing, write the data as known at that time beside the current one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source | None = None
    series: Annotated[tuple[SeriesId, ...], Field(max_length=1000)] = ()
    accept_shrunken: tuple[SeriesId, ...] = ()
    vintages_since: date | None = None
    as_of: AwareDatetime | None = None


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
    """The merged data as it lies there now. `changed`: by this run."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str
    rows: int
    first_month: str
    last_month: str
    series: int
    vintages: int
    changed: bool
    findings: tuple[dict[str, str], ...]


class Summary(Ingestion):
    """What came in, and what the merged data is now; None when there is none yet."""

    dataset: DatasetSummary | None


# --- handler --------------------------------------------------------------------------------------------------------


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Ingest, publish, measure. A run that finds nothing new changes nothing."""
    settings = load(Settings)
    match event.get("detail-type"):
        case "Object Created":
            ingestion, published = _ingest_object(parse(ObjectCreated, event), settings)
        case "Scheduled Event":
            ingestion, published = _ingest(Request(), settings)
        case _:
            ingestion, published = _ingest(parse(Request, event), settings)
    _measure(ingestion, published)
    return _summary(ingestion, published).model_dump(mode="json")


def _ingest_object(event: ObjectCreated, settings: Settings) -> tuple[Ingestion, Published | None]:
    bucket, key = event.detail.bucket.name, event.detail.object.key
    if bucket != settings.data_bucket:
        raise InvalidInputError(f"{bucket!r} is not the data bucket", field="detail.bucket.name")
    if not key.startswith(INBOX):
        raise InvalidInputError(f"{key!r} does not lie under {INBOX}", field="detail.object.key")
    store = S3ObjectStore(settings.data_bucket)
    ingestion = ingest_inbox(store, keys=[key])
    return ingestion, publish_dataset(store, pause=_pause)


def _ingest(request: Request, settings: Settings) -> tuple[Ingestion, Published | None]:
    store = S3ObjectStore(settings.data_bucket)
    if request.as_of:
        return Ingestion(), publish_as_of(store, request.as_of)
    source = request.source or settings.fred_source
    ingestion = Ingestion()
    if source == "pack" or request.source is None:
        ingestion += ingest_inbox(store, series=request.series)
    if source != "pack":
        series = request.series or settings.series
        if not series:
            raise InvalidInputError("no series to fetch: set SERIES or name them", field="series")
        ingestion += ingest_from(store, _source(source, request, settings), SystemClock(), series)
    return ingestion, publish_dataset(store, pause=_pause, accept_shrunken=request.accept_shrunken)


def _source(source: Source, request: Request, settings: Settings) -> SeriesSource:
    if source == "fred_csv":
        return FredCsv(str(settings.fred_csv_url))
    secret_id = settings.fred_api_key_secret_id
    if not secret_id:
        raise InvalidInputError("source fred_api needs FRED_API_KEY_SECRET_ID", field="source")
    key = SecretsManagerStore().get_json(secret_id).get("api_key")
    if not isinstance(key, str) or not key:
        raise InvalidInputError("the secret has no api_key", field=secret_id)
    return FredApi(str(settings.fred_api_url), key, vintages_since=request.vintages_since)


def _pause(attempt: int) -> None:
    """Step back at random, longer each time: the others are publishing the same."""
    time.sleep(random.uniform(0, min(0.1 * 2**attempt, 5)))  # noqa: S311 - no secret


# --- what is told ---------------------------------------------------------------------------------------------------


def _summary(ingestion: Ingestion, published: Published | None) -> Summary:
    shown = ingestion.model_copy(update={"quarantined": ingestion.quarantined[:QUARANTINED_SHOWN]})
    dataset = None
    if published:
        manifest = published.manifest
        dataset = DatasetSummary(
            key=published.key,
            sha256=manifest.sha256,
            rows=manifest.rows,
            first_month=manifest.first_month,
            last_month=manifest.last_month,
            series=len(manifest.series),
            vintages=published.vintages,
            changed=published.changed,
            findings=tuple(finding.model_dump() for finding in manifest.findings),
        )
    return Summary(**shown.model_dump(), dataset=dataset)


def _measure(ingestion: Ingestion, published: Published | None) -> None:
    new = [each for each in ingestion.ingested if each.new]
    metrics.add_metric("SeriesIngested", MetricUnit.Count, len(new))
    metrics.add_metric("RowsIngested", MetricUnit.Count, sum(each.added + each.revised for each in new))
    metrics.add_metric("RowsQuarantined", MetricUnit.Count, ingestion.rejections)
    if published:
        age = datetime.now(UTC).date() - month_end(parse_month(published.manifest.last_month))
        metrics.add_metric("DatasetAgeDays", MetricUnit.Count, age.days)
        for finding in published.manifest.findings:
            logger.warning("dataset finding", extra=finding.model_dump())
    for part in ingestion.quarantined[:QUARANTINED_SHOWN]:
        logger.warning("set aside", extra=part.model_dump())
    for failure in ingestion.failed:
        logger.error("series not available", extra=failure.model_dump())
    logger.info(
        "series ingested",
        extra={
            "series": len(ingestion.ingested),
            "new_vintages": len(new),
            "rejections": ingestion.rejections,
            "dataset_sha256": published.manifest.sha256 if published else None,
        },
    )
