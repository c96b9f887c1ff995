"""Fees, purchases, tax and credits."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from bellwether.finops.domain.scheduled_charges import (
    credit_runway,
    month_invoice,
    one_off_purchases,
    scheduled,
    tax_rate,
)

USAGE, PURCHASE, TAX, CREDIT = (
    ChargeCategory.USAGE,
    ChargeCategory.PURCHASE,
    ChargeCategory.TAX,
    ChargeCategory.CREDIT,
)
MAY = date(2026, 5, 1)


def charge(day: date, amount: float, category: ChargeCategory, service: str = "AWSSupportBusiness") -> Charge:
    key = ChargeKey(day, "1", service, "", "", "", category, correction=False, currency="USD")
    return Charge(key, Decimal(str(amount)), Decimal(str(amount)), None, 1)


def fees(*days: date, amount: float = 100.0) -> list[Charge]:
    return [charge(day, amount, PURCHASE) for day in days]


def test_requirement_8_a_monthly_fee_is_scheduled_until_it_is_booked() -> None:
    made = fees(date(2026, 3, 1), date(2026, 4, 1))
    (due,) = scheduled(made, MAY, date(2026, 4, 28))
    assert (due.day, due.amount) == (MAY, 100.0)
    assert scheduled([*made, *fees(MAY)], MAY, date(2026, 5, 2)) == []
    # And a fee that did not come is no longer expected once its day is final
    assert scheduled(made, MAY, date(2026, 5, 4)) == []


def test_a_fee_on_the_31st_falls_on_the_last_day_of_shorter_months() -> None:
    made = fees(date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31))
    (due,) = scheduled(made, date(2026, 4, 1), date(2026, 4, 10))
    assert due.day == date(2026, 4, 30)


def test_one_purchase_alone_is_no_fee() -> None:
    assert scheduled(fees(date(2026, 4, 12)), MAY, date(2026, 4, 28)) == []


def test_one_off_purchases_have_a_rate_and_sizes_of_their_own() -> None:
    # Given an account of 10 USD a day that bought something for 900 once, and pays a fee
    usage = [charge(date(2026, 1, 31) + timedelta(days=number), 10.0, USAGE, "AmazonEC2") for number in range(90)]
    bought = [charge(date(2026, 4, 12), 900.0, PURCHASE, "AWSMarketplace"), *fees(date(2026, 3, 1), date(2026, 4, 1))]
    found = one_off_purchases([*usage, *bought], MAY, 90)["1"]
    assert found.sizes == pytest.approx((900.0,))
    assert found.a_day == pytest.approx(1 / 90)
    assert one_off_purchases(bought, MAY, 90) == {}


def test_tax_is_a_rate_of_closed_months() -> None:
    usage = [charge(date(2026, 3, 1) + timedelta(days=number), 10.0, USAGE, "AmazonEC2") for number in range(61)]
    taxes = [charge(date(2026, 3, 1), 24.8, TAX, "Tax"), charge(date(2026, 4, 1), 24.0, TAX, "Tax")]
    assert tax_rate([*usage, *taxes], MAY) == pytest.approx(0.08)
    assert tax_rate(usage, MAY) is None


def test_requirement_7_a_credit_that_ends_is_told_with_its_day() -> None:
    # Given a credit of 5 USD a day with 100 USD left
    applied = [charge(date(2026, 4, 1) + timedelta(days=number), -5.0, CREDIT) for number in range(30)]
    found = credit_runway(applied, date(2026, 4, 30), balance=100.0, spread=(0.8, 1.25))
    assert found is not None
    assert (found.ends, found.earliest, found.latest) == (date(2026, 5, 21), date(2026, 5, 17), date(2026, 5, 26))
    # And one that ended on the 19th is told as ended
    ended = credit_runway([each for each in applied if each.key.day.day <= 19], date(2026, 4, 30))
    assert ended is not None
    assert ended.ended == date(2026, 4, 19)
    assert credit_runway([], date(2026, 4, 30)) is None


def test_requirement_7_usage_credit_and_net_are_columns_of_their_own() -> None:
    usage = [charge(date(2026, 4, 1) + timedelta(days=number), 10.0, USAGE, "AmazonEC2") for number in range(40)]
    credits = [charge(each.key.day, -4.0, CREDIT, "AmazonEC2") for each in usage]
    taxes = [charge(date(2026, 4, 1), 40.0, TAX, "Tax"), charge(MAY, 5.0, TAX, "Tax")]
    made = [*usage, *credits, *taxes, *fees(date(2026, 3, 1), date(2026, 4, 1), MAY)]
    invoice = month_invoice(made, MAY, date(2026, 5, 10), usage=310.0)
    # April: 40 tax on 300 usage and a fee of 100 is 10%
    assert invoice.tax == pytest.approx(0.1 * (310 + 100))
    assert invoice.credits == pytest.approx(-4 * 31)
    assert invoice.gross == pytest.approx(451.0)
    assert invoice.net == pytest.approx(451.0 - 124.0)
    # And a credit with 20 USD left is used up
    assert month_invoice(made, MAY, date(2026, 5, 10), 310.0, balance=20.0).credits == pytest.approx(-40 - 20)
