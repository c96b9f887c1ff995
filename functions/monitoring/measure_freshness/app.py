"""Tell how old datasets and features are."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from bellwether.monitoring.domain.dataset_freshness import DatasetFreshness
from bellwether.monitoring.usecases.measure_freshness import measure_freshness
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import MetricUnit, gauge, logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of MeasureFreshnessFunction."""


class Occasion(BaseModel):
    """A schedule's event: it says nothing but that it is time."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the ages, in days, by model."""
    parse(Occasion, event)
    found = measure_freshness(objects=S3ObjectStore(load(Settings).data_bucket), clock=SystemClock())
    for each in found.datasets:
        _measure(each)
    if found.problems:  # the others are measured; the failed run raises the alarm
        raise found.problems[0]
    return {"datasets": [asdict(each) for each in found.datasets]}


def _measure(found: DatasetFreshness) -> None:
    gauge("DatasetAgeDays", MetricUnit.Count, found.age_days, dataset=found.dataset)
    gauge("FeatureAgeDays", MetricUnit.Count, found.oldest_feature_days, model=found.model)
    gauge("StaleFeatures", MetricUnit.Count, len(found.stale), model=found.model)
    logger.info("freshness measured", extra=asdict(found))
