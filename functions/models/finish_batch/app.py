"""Hold a batch's answers against its lines."""

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from bellwether.models.domain.batch import BatchOrder
from bellwether.models.usecases.finish_batch import finish_batch
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.adapters.s3 import S3ObjectStore
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import FunctionSettings, load, parse

object_store = cache(S3ObjectStore)  # one client for each process


class Settings(FunctionSettings):
    """Environment of FinishBatchFunction."""

    data_bucket: Annotated[str, Field(min_length=3)]


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what became of the batch, and the decision that says so."""
    order = parse(BatchOrder, event)
    finished = finish_batch(order, objects=object_store(load(Settings).data_bucket), clock=SystemClock())
    counts = {"lines": finished.lines, "answers": finished.answers, "refused": finished.refused}
    logger.info("batch finished", extra={"job_name": order.job_name, "complete": finished.complete, **counts})
    return finished.model_dump(mode="json")
