"""What every ChargeStore does: the fake and Postgres."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from bellwether.finops.domain.reconciliation import Reconciliation, Rejected, Totals
from bellwether.finops.ports.charge_store import ChargeStore, DeliveryRecord
from bellwether.shared.domain.errors import ConflictError

MAY = date(2026, 5, 1)
KEY = ChargeKey(
    date(2026, 5, 4), "0012", "AmazonEC2", "BoxUsage", "us-east-1", "retail", ChargeCategory.USAGE, False, "USD"
)
OTHER = replace(KEY, cost_center="")


def at(day: int) -> datetime:
    """Six in the morning of a day in May."""
    return datetime(2026, 5, day, 6, tzinfo=UTC)


def charge(key: ChargeKey = KEY, effective: str = "1.00", rows: int = 1) -> Charge:
    """A charge whose billed cost is its effective cost."""
    return Charge(key, Decimal(effective), Decimal(effective), None, rows)


def delivery(number: int, known_at: datetime, period: date = MAY) -> DeliveryRecord:
    """A delivery of a period."""
    return DeliveryRecord(f"{period:%Y-%m}-{number}", "focus", "FOCUS", period, "manifest.json", known_at, 1, 10)


class ChargeStoreSuite:
    """Derive a test class from it that has a fixture `charges`, empty."""

    def test_each_time_has_its_own_figures(self, charges: ChargeStore) -> None:
        # Given two deliveries of a month, the second with another amount and without one of the charges
        charges.load(delivery(1, at(5)), [charge(), charge(OTHER)], [], [])
        moved = charges.load(delivery(2, at(6)), [charge(effective="3.50", rows=2)], [], [])
        # Then each time has what was known then
        assert charges.as_known_at(at(4), MAY, date(2026, 5, 31)) == []
        assert charges.as_known_at(at(5), MAY, date(2026, 5, 31)) == [charge(OTHER), charge()]
        assert charges.as_known_at(at(9), MAY, date(2026, 5, 31)) == [charge(effective="3.50", rows=2)]
        # And the second one says what it changed
        assert moved is not None
        assert (moved.new, moved.changed, moved.vanished) == (0, 1, 1)
        assert {currency: tuple(map(Decimal, each)) for currency, each in moved.by_currency.items()} == {
            "USD": (Decimal("1.50"), Decimal("1.50"))
        }

    def test_the_same_delivery_twice_is_once(self, charges: ChargeStore) -> None:
        assert charges.load(delivery(1, at(5)), [charge()], [], []) is not None
        assert charges.load(delivery(1, at(6)), [charge()], [], []) is None
        assert charges.as_known_at(at(9), MAY, date(2026, 5, 31)) == [charge()]

    def test_unchanged_charges_move_nothing(self, charges: ChargeStore) -> None:
        charges.load(delivery(1, at(5)), [charge()], [], [])
        moved = charges.load(delivery(2, at(6)), [charge()], [], [])
        assert moved is not None
        assert (moved.new, moved.changed, moved.vanished, dict(moved.by_currency)) == (0, 0, 0, {})

    def test_an_older_delivery_is_a_conflict_and_changes_nothing(self, charges: ChargeStore) -> None:
        charges.load(delivery(2, at(6)), [charge()], [], [])
        with pytest.raises(ConflictError):
            charges.load(delivery(1, at(5)), [charge(effective="9.00")], [], [])
        assert charges.as_known_at(at(9), MAY, date(2026, 5, 31)) == [charge()]
        assert [each.delivery_id for each in charges.deliveries_as_known_at(at(9))] == ["2026-05-2"]

    def test_a_correction_of_a_later_period_is_added_to_its_day(self, charges: ChargeStore) -> None:
        # Given May's delivery, and June's with a correction of a day in May
        correction = replace(KEY, correction=True)
        charges.load(delivery(1, at(5)), [charge()], [], [])
        charges.load(delivery(1, at(6), date(2026, 6, 1)), [charge(correction, "-0.25")], [], [])
        # Then May's charge stays, and the correction stands beside it, on its day
        found = charges.as_known_at(at(9), MAY, date(2026, 5, 31))
        assert found == [charge(), charge(correction, "-0.25")]

    def test_a_refused_delivery_changes_no_charge(self, charges: ChargeStore) -> None:
        charges.load(delivery(1, at(5)), [charge()], [], [])
        refused = replace(delivery(2, at(6)), reason="a file is missing")
        assert charges.refuse(refused)
        assert not charges.refuse(refused)
        assert charges.as_known_at(at(9), MAY, date(2026, 5, 31)) == [charge()]
        assert [each.delivery_id for each in charges.deliveries_as_known_at(at(9))] == ["2026-05-1"]

    def test_totals_and_rejected_line_items_are_taken(self, charges: ChargeStore) -> None:
        totals = Totals(1, Decimal(1), Decimal(1))
        reconciliation = Reconciliation("USD", totals, {ChargeCategory.USAGE: totals}, Decimal(1))
        rejected = Rejected("s3://bucket/file.csv.gz", "negative usage", "a|b", Decimal(-1), "USD", 7)
        assert charges.load(delivery(1, at(5)), [charge()], [reconciliation], [rejected]) is not None
        # And the last delivery has them, until a refused one comes
        last = charges.last_delivery(MAY, at(9))
        assert last is not None
        assert (last.status, [(each.billed, each.agrees) for each in last.totals]) == ("loaded", [(Decimal(1), True)])
        charges.refuse(replace(delivery(2, at(6)), reason="a file is missing"))
        refused = charges.last_delivery(MAY, at(9))
        assert refused is not None
        assert (refused.status, refused.reason, refused.totals) == ("quarantined", "a file is missing", ())
        assert charges.last_delivery(date(2026, 4, 1), at(9)) is None
