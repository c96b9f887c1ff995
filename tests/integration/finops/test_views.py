"""The read side of cost data, over what the functions wrote."""

from datetime import date

import psycopg
import pytest

from bellwether.finops.adapters.postgres_charges import PostgresCharges
from bellwether.finops.views import CostViews
from bellwether.shared.adapters.postgres import Database
from bellwether.shared.domain.database import DatabaseLogin
from tests.fakes.charges_suite import MAY, at
from tests.fakes.cost_exports import FOCUS_ROW, CostWorld


@pytest.fixture
def world(database: Database) -> CostWorld:
    made = CostWorld(PostgresCharges(database))
    for day, amount in ((6, "1.00"), (7, "2.50")):
        made.deliver([FOCUS_ROW | {"EffectiveCost": amount}, FOCUS_ROW | {"BilledCost": "-1"}], refresh=f"{day}")
        made.refresh(at(day))
    return made


def test_a_month_is_read_as_known_at_a_time(world: CostWorld, migrated: DatabaseLogin) -> None:
    # Given a month in two deliveries, read as the command line and pages read it
    with psycopg.connect(
        host=migrated.host,
        port=migrated.port,
        dbname=migrated.dbname,
        user=migrated.username,
        password=migrated.password,
    ) as connection:
        views = CostViews(connection)
        for day, amount in ((6, "1.00"), (7, "2.50")):
            summary = views.month(MAY, date(2026, 5, 31), at(day))
            (currency,) = summary.currencies
            assert (f"{currency.usage:.2f}", summary.delivered_at) == (amount, at(day))
        # And the rejected line item is kept with its place
        rows = connection.execute("SELECT file, line, reason, amount::text FROM cost_quarantine").fetchall()
    assert {(file.rpartition("/")[2], line, reason, amount) for file, line, reason, amount in rows} == {
        ("focus-00001.csv.gz", 3, "negative usage", "-1.000000000000000000")
    }
