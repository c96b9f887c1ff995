from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from bellwether.finops.domain.charges import Charge, ChargeCategory
from bellwether.finops.domain.cost_summary import Part, summarize
from bellwether.finops.usecases.summarize_costs import summarize_costs
from tests.fakes.charges import InMemoryCharges
from tests.fakes.charges_suite import KEY, MAY, at, charge, delivery

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOON


def test_a_month_is_summed_by_service_and_cost_center() -> None:
    # Given usage of two cost centers, one of them untagged and provisional, a credit, and another currency
    charges = [
        charge(replace(KEY, day=date(2026, 5, 2)), "6.00"),
        charge(replace(KEY, day=date(2026, 5, 5), cost_center="", service="AmazonS3"), "2.00"),
        charge(replace(KEY, category=ChargeCategory.CREDIT), "-1.00"),
        Charge(replace(KEY, category=ChargeCategory.PURCHASE), Decimal(100), Decimal(0), None, 1),
        charge(replace(KEY, currency="NOK"), "9.00"),
    ]
    nok, usd = summarize(MAY, NOON, charges, []).currencies
    # Then usage, credits and purchases stand apart, and currencies are never added up
    assert (nok.currency, nok.usage) == ("NOK", Decimal(9))
    assert [usd.usage, usd.credits, usd.purchases, usd.billed] == [8, -1, 100, 107]
    assert usd.services == (
        Part("AmazonEC2", Decimal(6), Decimal("0.7500")),
        Part("AmazonS3", Decimal(2), Decimal("0.2500")),
    )
    assert [part.name for part in usd.cost_centers] == ["retail", ""]
    # And the day before yesterday can still change
    assert (usd.provisional, usd.tagged_since) == (Decimal("0.2500"), date(2026, 5, 2))


def test_the_newest_delivered_month_is_shown_as_known_then() -> None:
    store = InMemoryCharges()
    store.load(delivery(1, at(4)), [charge()], [], [])
    store.load(delivery(2, at(5)), [charge(effective="3.00")], [], [])
    now = summarize_costs(store, FixedClock(), month=None, known_at=None)
    then = summarize_costs(store, FixedClock(), month=MAY, known_at=at(4))
    assert [each.summary["currencies"][0]["usage"] for each in (now, then)] == [3, 1]
    assert [each.last and each.last["delivery_id"] for each in (now, then)] == ["2026-05-2", "2026-05-1"]


def test_without_deliveries_the_month_is_empty() -> None:
    found = summarize_costs(InMemoryCharges(), FixedClock(), month=None, known_at=None)
    assert (found.month, found.summary["currencies"], found.last) == ("2026-05", (), None)
