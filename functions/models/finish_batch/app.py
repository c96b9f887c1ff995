"""Hold a batch's answers against its lines."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.domain.batch import BatchOrder
from bellwether.models.usecases.finish_batch import finish_batch
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of FinishBatchFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what became of the batch, and the decision that says so."""
    order = parse(BatchOrder, event)
    finished = finish_batch(order, objects=S3ObjectStore(load(Settings).data_bucket), clock=SystemClock())
    counts = {"lines": finished.lines, "answers": finished.answers, "refused": finished.refused}
    logger.info("batch finished", extra={"job_name": order.job_name, "complete": finished.complete, **counts})
    return finished.model_dump(mode="json")
