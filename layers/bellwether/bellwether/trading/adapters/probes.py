"""What the watchdog checks of trading: bars arrive, recommendations and orders come to an end, nobody has halted."""

from datetime import datetime, timedelta

from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.domain.probes import Arrival, Backlog, Failure, Probe, elapsed
from bellwether.trading.domain.market_calendar import MarketHours, open_time_between


def trading_probes(market_hours: MarketHours) -> tuple[Probe, ...]:
    """Bars are late by the time for which the market was open."""
    return (
        Arrival(
            table="lane_telemetry",
            what="no bar came in during trading time",
            limit=timedelta(minutes=25),
            query="SELECT (SELECT ts FROM lane_telemetry ORDER BY ts DESC LIMIT 1) AS newest",
            age=trading_time if market_hours is MarketHours.NYSE else elapsed,
        ),
        Backlog(
            table="dispatch_recommendations",
            what="the oldest recommendation waits for the gates",
            limit=timedelta(minutes=10),
            query="""
                SELECT min(made_at) AS oldest, count(*) AS waiting FROM dispatch_recommendations
                WHERE status = 'PENDING'
            """,
        ),
        Backlog(
            table="dispatch_executions",
            what="the oldest approved order is not settled",
            limit=timedelta(minutes=20),
            query="""
                SELECT min(approved_at) AS oldest, count(*) AS waiting FROM dispatch_executions
                WHERE settled_at IS NULL
            """,
        ),
        Failure(
            key="failed:dispatch_executions",
            subject="{orders} order(s) failed or stayed unclear",
            message="{orders} order(s) failed or stayed unclear within {window}. The latest: {latest}",
            query="""
                SELECT count(*) AS orders,
                    (array_agg(ticker || ': ' || coalesce(last_error, 'no reason was given')
                        ORDER BY last_error_at DESC))[1] AS latest
                FROM dispatch_executions WHERE last_error_at >= %(failures_since)s
                HAVING count(*) > 0
            """,
        ),
        Failure(
            key="unreviewed:price_gaps",
            subject="{gaps} price gap(s) may be splits",
            message="{gaps} price gap(s) may be splits. Their tickers get no signals until `bellwether gaps confirm`. "
            "The latest: {latest}",
            query="""
                SELECT count(*) AS gaps,
                    (array_agg(ticker || ' from ' || before || ' to ' || after ORDER BY at DESC))[1] AS latest
                FROM reviewed_price_gaps WHERE new_shares IS NULL
                HAVING count(*) > 0
            """,
        ),
        Failure(
            key="kill_switch:manual",
            subject="Dispatching is halted",
            message="{actor} halted dispatching at {changed_at:%Y-%m-%d %H:%M} UTC: {reason}",
            query="""
                SELECT actor, reason, changed_at AT TIME ZONE 'UTC' AS changed_at
                FROM (SELECT * FROM dispatch_controls ORDER BY control_id DESC LIMIT 1) AS latest
                WHERE halted
            """,
        ),
    )


def trading_time(start: datetime, end: datetime) -> timedelta:
    """How long the market was open between two instants; wall-clock time beyond the calendar."""
    try:
        return open_time_between(start, end)
    except InvalidInputError:
        return end - start
