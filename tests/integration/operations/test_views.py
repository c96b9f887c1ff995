"""Incidents as the command line and the portal read them."""

from bellwether.operations.views import OperationsViews
from bellwether.shared.adapters.postgres import Database


def test_only_open_incidents_are_listed(database: Database) -> None:
    with database.transaction() as connection:
        assert OperationsViews(connection).incidents() == []
        for key, closed in (("bars:late", None), ("feeds:late", "2026-03-02T13:00Z")):
            connection.execute(
                "INSERT INTO incidents (incident_key, opened_at, last_seen_at, closed_at, details) "
                "VALUES (%s, '2026-03-02T12:00Z', '2026-03-02T12:05Z', %s, '{}')",
                (key, closed),
            )
        (incident,) = OperationsViews(connection).incidents()
    assert (incident.incident_key, incident.notified_stage) == ("bars:late", None)
