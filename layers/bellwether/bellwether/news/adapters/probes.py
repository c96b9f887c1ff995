"""What the watchdog checks of the news: feeds are read, stories arrive and are classified."""

from datetime import timedelta

from bellwether.shared.domain.probes import Arrival, Backlog, Failure, Probe


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
