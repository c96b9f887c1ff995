"""Records of predictions from their queue into S3, a batch at a time."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from bellwether.models.domain.capture import CaptureRecord, read_message
from bellwether.monitoring.adapters.captures_s3 import S3CaptureStore
from bellwether.monitoring.usecases.store_captures import store_captures
from bellwether.shared.observability import logger, observed
from bellwether.shared.settings import DataBucketSettings, load


class Settings(DataBucketSettings):
    """Environment of StoreCapturesFunction."""


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> PartialItemFailureResponse:
    """Keep what can be read; messages that can't are told to SQS, which sets them aside after some tries."""
    records: list[CaptureRecord] = []

    def read(record: SQSRecord) -> None:
        try:
            records.extend(read_message(record.body))
        except Exception as error:
            logger.error("message refused", extra={"message_id": record.message_id, "reason": str(error)})
            raise

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event["Records"], read):
        processor.process()
    kept = store_captures(records, captures=S3CaptureStore(load(Settings).data_bucket))
    logger.info("captures stored", extra={"records": kept, "refused": len(processor.fail_messages)})
    return processor.response()
