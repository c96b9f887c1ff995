"""Messages wait for their batch: an event source with a window gathers for that long, and as many as it is told to.

ministack remembers `MaximumBatchingWindowInSeconds` and hands every message over at once, at most ten together.
"""

import time
from typing import Any

from ministack.services import lambda_svc, sqs

from localcloud.emulator.patching import replace, require

PAYLOAD_BYTES = 6_000_000  # what an invocation takes
_FIFO = ".fifo"


def apply() -> None:
    require(lambda_svc, "_iter_all_esms", ())
    require(sqs, "_queues_lock")
    replace(sqs, "_receive_messages_for_esm", ("queue_url", "max_number"), _gathering)


def _gathering(receive: Any) -> Any:
    def receive_messages_for_esm(queue_url: str, max_number: int) -> list[dict[str, Any]]:
        window_seconds = _window_seconds(queue_url)
        if not window_seconds or queue_url.endswith(_FIFO):
            messages: list[dict[str, Any]] = receive(queue_url, max_number)
            return messages
        batch: list[dict[str, Any]] = []
        if not _is_due(queue_url, max_number, window_seconds):
            return batch
        while len(batch) < max_number and sum(len(message["body"]) for message in batch) < PAYLOAD_BYTES:
            more = receive(queue_url, max_number - len(batch))
            if not more:
                break
            batch += more
        return batch

    return receive_messages_for_esm


def _window_seconds(queue_url: str) -> int:
    """The window of the event source over this queue; 0 without one."""
    name = queue_url.rsplit("/", 1)[-1]
    sources = (source for _account, _region, source in lambda_svc._iter_all_esms())
    windows = (
        int(source.get("MaximumBatchingWindowInSeconds") or 0)
        for source in sources
        if str(source.get("EventSourceArn", "")).rsplit(":", 1)[-1] == name
    )
    return next(windows, 0)


def _is_due(queue_url: str, enough: int, window_seconds: float) -> bool:
    """Whether enough messages wait, or the first of them has waited long enough."""
    now = time.time()
    with sqs._queues_lock:
        waiting = [message["sent_at"] for message in sqs._queues[queue_url]["messages"] if message["visible_at"] <= now]
    return bool(waiting) and (len(waiting) >= enough or now - min(waiting) >= window_seconds)
