"""SQS: the way that records take out of the request."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.config import Config

from bellwether.models.domain.capture import CaptureRecord, messages
from bellwether.shared.adapters.aws_clients import aws_client
from bellwether.shared.adapters.aws_errors import translated
from bellwether.shared.per_process import once_per_process

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@once_per_process
def sqs_client() -> "SQSClient":
    """One client for each process. A caller waits: better to lose a record than to let him wait for it."""
    hurried = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    return aws_client("sqs", config=hurried)


class SqsCaptureQueue:
    """CaptureQueue. Needs sqs:SendMessage."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, records: Iterable[CaptureRecord]) -> None:
        """Hand a request's records over in one message; raises TransientUpstreamError or UpstreamError."""
        held = tuple(records)
        with translated("queue of captures"):
            for message in messages(held) if held else ():
                sqs_client().send_message(QueueUrl=self._queue_url, MessageBody=message)
