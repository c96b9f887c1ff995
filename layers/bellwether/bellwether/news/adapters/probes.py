"""What the watchdog checks of the news: feeds are read, stories arrive and are classified."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bellwether.shared.domain.probes import Arrival, Backlog, Check, Failure, Finding, Probe, Row, duration_text


@dataclass(frozen=True, slots=True)
class DeadFeeds:
    """Each feed that has not been read for days is an incident of its own, also when all others are read."""

    limit: timedelta = timedelta(days=3)
    key: str = "dead:feed_state"
    query: str = """
        SELECT feed_id, coalesce(moved_to, url) AS url, retired_at IS NOT NULL AS retired, failures, last_error,
            last_success_at, coalesce(last_success_at, added_at) AS since
        FROM feed_state WHERE listed AND (failures > 0 OR retired_at IS NOT NULL)
        ORDER BY since LIMIT 50
    """

    def find(self, rows: Sequence[Row], check: Check) -> Iterator[Finding]:
        """One finding for each feed; failures within the limit are not reported here."""
        for row in rows:
            since: datetime = row["since"]
            age = check.now - since
            if age <= self.limit:
                continue
            tried = "it answered 410 (gone)" if row["retired"] else f"it failed {row['failures']} times in a row"
            yield Finding(
                f"{self.key}:{row['feed_id']}",
                f"Feed {row['feed_id']} has not been read for {duration_text(age)}",
                f"The feed {row['feed_id']} ({row['url']}) has not been read for {duration_text(age)}: {tried}. "
                f"Last success: {since.isoformat() if row['last_success_at'] else 'never'}. "
                f"Last error: {row['last_error'] or 'none'}.",
            )


def news_probes() -> tuple[Probe, ...]:
    """Nothing is expected to arrive while no feed is configured."""
    return (
        Arrival(
            table="feed_state",
            what="no feed was read",
            limit=timedelta(minutes=20),
            query="""
                SELECT max(last_success_at) AS newest FROM feed_state WHERE listed AND retired_at IS NULL
                HAVING count(*) > 0
            """,
        ),
        Arrival(
            table="inbound_events_raw",
            what="no story came in",
            limit=timedelta(hours=12),
            query="""
                SELECT (SELECT first_seen_at FROM inbound_events_raw ORDER BY first_seen_at DESC LIMIT 1) AS newest
                WHERE EXISTS (SELECT FROM feed_state WHERE listed AND retired_at IS NULL)
            """,
        ),
        Backlog(
            table="inbound_events_classified",
            what="the oldest story waits to be classified",
            limit=timedelta(minutes=45),
            query="""
                SELECT min(content_seen_at) AS oldest, count(*) AS waiting FROM inbound_events_raw
                WHERE processed_at IS NULL AND set_aside_at IS NULL
            """,  # since its present text was seen: an old story that was edited waits from then on
        ),
        DeadFeeds(),
        Failure(
            key="failed:feed_state",
            subject="{failing} of {feeds} feeds fail",
            message="{failing} of {feeds} feeds have failed several times in a row; feed_state.last_error says why.",
            query="""
                SELECT failing, feeds FROM (
                    SELECT count(*) AS feeds, count(*) FILTER (WHERE failures >= 5) AS failing
                    FROM feed_state WHERE listed AND retired_at IS NULL
                ) AS counted
                WHERE failing > 0 AND failing * 2 >= feeds
            """,
        ),
        Failure(
            key="failed:inbound_events_classified",
            subject="{stories} story(s) set aside",
            message="{stories} story(s) could not be classified within {window} and were set aside; "
            "inbound_events_raw.set_aside_reason says why.",
            query="""
                SELECT count(*) AS stories FROM inbound_events_raw WHERE set_aside_at >= %(failures_since)s
                HAVING count(*) > 0
            """,
        ),
    )
