"""Send what is remembered of a request on its way."""

from collections.abc import Sequence
from dataclasses import dataclass

from bellwether.models.domain.capture import CaptureRecord
from bellwether.models.ports.captures import CaptureQueue
from bellwether.shared.domain.errors import BellwetherError


@dataclass(frozen=True)
class SendResult:
    """Whether the records are on their way; `reason` says why they are lost."""

    sent: bool
    reason: str = ""


def send_captures(records: Sequence[CaptureRecord], *, queue: CaptureQueue) -> SendResult:
    """Hand a request's records to the queue. A queue that does not take them is told, not raised: an answer waits."""
    try:
        queue.send(records)
    except BellwetherError as error:
        return SendResult(sent=False, reason=str(error))
    return SendResult(sent=True)
