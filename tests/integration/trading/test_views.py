"""Recommendations and bars as the command line and the portal read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from psycopg.types.json import Jsonb

from bellwether.shared.adapters.postgres import Database
from bellwether.trading.views import BarsView, PriceView, TradingViews

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_recommendations_are_paged_by_key_and_old_gates_stay_readable(database: Database) -> None:
    # Given three recommendations, two of one instant, one of them refused by a gate with a name that is no longer made
    gates = [
        {"name": "Market hours", "observed": "open", "limit": "open", "passed": True},
        {"name": "Shares-held", "observed": 0, "limit": 36, "passed": False},
    ]
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO decisions (decision_id, kind, subject, verdict, actor, made_at, gates, evidence) "
            "VALUES (%s, 'place_trade', 'BETA', 'refused', 'test', %s, %s, '{}')",
            (UUID(int=9), NOON, Jsonb(gates)),
        )
        for number, (ticker, minutes, decision) in enumerate(
            (("ACME", 0, None), ("BETA", 0, UUID(int=9)), ("CORP", -5, None))
        ):
            connection.execute(
                """
                INSERT INTO dispatch_recommendations (recommendation_id, ticker, side, quantity, reference_price,
                    rule_version, evidence, made_at, expires_at, decision_id)
                VALUES (%s, %s, 'BUY', 5, 10.5, 'r', '{"sentiment": 0.5, "sma": 10.25}', %s, %s, %s)
                """,
                (UUID(int=number), ticker, NOON + timedelta(minutes=minutes), NOON + timedelta(hours=1), decision),
            )
        views = TradingViews(connection)
        # When pages of one are read
        pages, last = [], None
        while page := views.recommendations(before=last, limit=1):
            last = page[-1]
            pages.append(last)
    # Then each comes once, newest first, with what refused it
    assert [each.ticker for each in pages] == ["ACME", "BETA", "CORP"]
    assert [each.refused_by for each in pages] == [(), ("Shares-held: 0 (limit 36)",), ()]
    assert (pages[0].quantity, pages[0].sma, pages[0].execution) == (Decimal(5), Decimal("10.25"), None)


def test_bars(database: Database) -> None:
    with database.transaction() as connection:
        views = TradingViews(connection)
        assert views.bars() == BarsView(count=0, tickers=0, newest=None)
        for minutes in (5, 0):
            connection.execute(
                "INSERT INTO lane_telemetry (ticker, ts, open, high, low, close, volume, source) "
                "VALUES ('ACME', %s, 1, 2, 1, 1.5, 100, 'test')",
                (NOON + timedelta(minutes=minutes),),
            )
        assert views.bars() == BarsView(count=2, tickers=1, newest=NOON + timedelta(minutes=5))
        assert views.prices("ACME", NOON + timedelta(minutes=1)) == [
            PriceView(start=NOON + timedelta(minutes=5), close=Decimal("1.5"))
        ]
