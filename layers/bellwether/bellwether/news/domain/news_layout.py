"""Where news lies in the data bucket."""

from datetime import date
from uuid import UUID

FETCHED = "news/fetched/"
QUARANTINE = "news/quarantine/"
TICKER_LISTS = "news/tickers/"
FEED_LISTS = "news/feeds/"


def fetched_key(token: UUID) -> str:
    """Where results too large for a state machine wait for the next step; S3 removes them after some days."""
    return f"{FETCHED}{token}.json"


def quarantine_key(feed_id: str, sha256: str, received_on: date) -> str:
    """Where a feed's document goes that can't be read; its reason lies beside it, at `reason_key`."""
    return f"{QUARANTINE}{received_on.isoformat()}/{sha256[:12]}-{feed_id}"


def reason_key(quarantined: str) -> str:
    """Where the reason for a quarantined document lies."""
    return f"{quarantined}.reason.json"
