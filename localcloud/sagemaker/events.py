"""State changes on EventBridge, as AWS shapes them. They wait in an outbox until the emulator has taken them."""

import json
import logging
import threading
import time
import uuid

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.sagemaker.clients import events_client
from localcloud.sagemaker.configuration import Configuration
from localcloud.sagemaker.documents import Document
from localcloud.sagemaker.store import Store

logger = logging.getLogger(__name__)

_KIND = "outbox"
_MAXIMUM_AGE_SECONDS = 24 * 3600  # EventBridge itself gives up after a day


class EventPublisher:
    """Publishes in order, at least once, also after a restart. Nobody waits for it."""

    def __init__(self, configuration: Configuration, store: Store) -> None:
        self._client = events_client(configuration.events_url, configuration.region)
        self._store = store
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to send, with what was left over from before."""
        self._thread.start()
        self._wake.set()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """Send what is waiting, if that is possible quickly; the rest stays in the outbox."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(grace_seconds)

    def publish(self, detail_type: str, arn: str, detail: Document) -> None:
        """Queue `detail` as an event of source `aws.sagemaker` about the resource `arn`."""
        identifier = uuid.uuid4().hex
        entry = {
            "id": identifier,
            "queued_at": time.time(),
            "detail_type": detail_type,
            "arn": arn,
            "detail": json.dumps(detail),
        }
        self._store.put(_KIND, identifier, entry)
        self._wake.set()

    def _run(self) -> None:
        delay_seconds = 0.2
        while True:
            self._wake.wait()
            self._wake.clear()
            for entry in self._store.all(_KIND):
                if not self._send(entry):
                    self._wake.set()
                    break
                self._store.delete(_KIND, entry["id"])
                delay_seconds = 0.2
            if self._stopped.is_set():
                return
            if self._wake.is_set():
                self._stopped.wait(delay_seconds)
                delay_seconds = min(delay_seconds * 2, 5.0)

    def _send(self, entry: Document) -> bool:
        """True when the entry is done with: taken, refused for good, or too old."""
        try:
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": "aws.sagemaker",
                        "DetailType": entry["detail_type"],
                        "Resources": [entry["arn"]],
                        "Detail": entry["detail"],
                    }
                ]
            )
        except (BotoCoreError, ClientError) as error:
            if time.time() - entry["queued_at"] > _MAXIMUM_AGE_SECONDS:
                logger.warning("event dropped: %s %s: %s", entry["detail_type"], entry["arn"], error)
                return True
            logger.info("event delayed: %s %s: %s", entry["detail_type"], entry["arn"], error)
            return False
        if answer.get("FailedEntryCount"):
            logger.error("event rejected: %s %s: %s", entry["detail_type"], entry["arn"], answer["Entries"])
        return True
