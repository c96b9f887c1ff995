"""Carry out one act of the archive."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.adapters.object_marks import S3ObjectMarks
from bellwether.models.adapters.sagemaker import SageMakerEndpointStates, SageMakerServingParts, SageMakerVersionMarks
from bellwether.models.domain.archive import ArchiveStep
from bellwether.models.usecases.archive_version import archive_version
from bellwether.shared.adapters.clock import SystemClock
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load, parse


class Settings(DataBucketSettings):
    """Environment of ArchiveVersionFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what became of the decision."""
    act = parse(ArchiveStep, event)
    outcome = archive_version(
        act,
        endpoints=SageMakerEndpointStates(),
        parts=SageMakerServingParts(),
        marks=SageMakerVersionMarks(),
        objects=S3ObjectMarks(load(Settings).data_bucket),
        clock=SystemClock(),
    )
    logger.info("archive changed", extra={"subject": act.decision.subject, "status": outcome.status})
    return outcome.model_dump(mode="json")
