"""Send the capture records of a request to the capture queue."""

from collections.abc import Sequence
from dataclasses import dataclass

from bellwether.models.domain.capture import CaptureRecord
from bellwether.models.ports.captures import CaptureQueue
from bellwether.shared.domain.errors import BellwetherError


@dataclass(frozen=True)
class SendResult:
    """Whether the queue took the records; `reason` says why they are lost."""

    sent: bool
    reason: str = ""


def send_captures(records: Sequence[CaptureRecord], *, queue: CaptureQueue) -> SendResult:
    """Send records to the queue. Queue errors are returned, not raised, so that the prediction is never delayed."""
    try:
        queue.send(records)
    except BellwetherError as error:
        return SendResult(sent=False, reason=str(error))
    return SendResult(sent=True)
