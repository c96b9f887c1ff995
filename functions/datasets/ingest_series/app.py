"""Take series in, from the inbox or from FRED, and bring the merged macro data up to date."""

from datetime import UTC, date, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import HttpUrl, field_validator

from bellwether.datasets.adapters.fred import FredApi, FredCsv
from bellwether.datasets.domain.fred_layout import INBOX
from bellwether.datasets.domain.monthly import month_end, parse_month
from bellwether.datasets.domain.series_catalogue import FETCHED
from bellwether.datasets.ports.series import SeriesSource
from bellwether.datasets.usecases.update_macro_data import (
    Fred,
    SeriesId,
    Source,
    Update,
    UpdateRequest,
    update_from_drop,
    update_macro_data,
)
from bellwether.shared.adapters.clock import SystemClock, pause_before_retry
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.adapters.secrets import SecretsManagerStore
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.object_created import OBJECT_CREATED, ObjectCreated, key_of
from bellwether.shared.observability import MetricUnit, logger, metrics, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


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


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Ingest, publish, measure. A run that finds nothing new changes nothing."""
    settings = load(Settings)
    store = S3ObjectStore(settings.data_bucket)
    kind = event.get("detail-type")
    if kind == OBJECT_CREATED:
        key = key_of(parse(ObjectCreated, event), bucket=settings.data_bucket, prefix=INBOX)
        update = update_from_drop(store, key, pause=pause_before_retry)
    else:
        update = update_macro_data(
            store,
            UpdateRequest() if kind == "Scheduled Event" else parse(UpdateRequest, event),
            source=settings.fred_source,
            series=settings.series,
            fred=_fred,
            clock=SystemClock(),
            pause=pause_before_retry,
        )
    _measure(update)
    return update.model_dump(mode="json")


def _fred(source: Fred, vintages_since: date | None) -> SeriesSource:
    settings = load(Settings)
    if source == "fred_csv":
        return FredCsv(str(settings.fred_csv_url))
    secret_id = settings.fred_api_key_secret_id
    if not secret_id:
        raise InvalidInputError("source fred_api needs FRED_API_KEY_SECRET_ID", field="source")
    key = SecretsManagerStore().get_json(secret_id).get("api_key")
    if not isinstance(key, str) or not key:
        raise InvalidInputError("the secret has no api_key", field=secret_id)
    return FredApi(str(settings.fred_api_url), key, vintages_since=vintages_since)


def _measure(update: Update) -> None:
    new = [each for each in update.ingested if each.new]
    metrics.add_metric("SeriesIngested", MetricUnit.Count, len(new))
    metrics.add_metric("RowsIngested", MetricUnit.Count, sum(each.added + each.revised for each in new))
    metrics.add_metric("RowsQuarantined", MetricUnit.Count, update.rejections)
    if update.dataset:
        age = datetime.now(UTC).date() - month_end(parse_month(update.dataset.last_month))
        metrics.add_metric("DatasetAgeDays", MetricUnit.Count, age.days)
        for finding in update.dataset.findings:
            logger.warning("dataset finding", extra=finding)
    for part in update.quarantined:
        logger.warning("set aside", extra=part.model_dump())
    for failure in update.failed:
        logger.error("series not available", extra=failure.model_dump())
    logger.info(
        "series ingested",
        extra={
            "series": len(update.ingested),
            "new_vintages": len(new),
            "rejections": update.rejections,
            "dataset_sha256": update.dataset.sha256 if update.dataset else None,
        },
    )
