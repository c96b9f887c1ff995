from dataclasses import replace
from datetime import date
from decimal import Decimal

from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey

KEY = ChargeKey(date(2026, 5, 1), "0099999999999", "AmazonEC2", "", "", "", ChargeCategory("Usage"), False, "USD")


def test_account_ids_keep_leading_zeros() -> None:
    assert KEY.account == "0099999999999"
    assert replace(KEY, account="99999999999") != KEY


def test_charges_are_grouped_by_key() -> None:
    charge = Charge(KEY, Decimal("1.10"), Decimal("1.00"), None, 3)
    assert {charge.key: charge}[replace(KEY)] is charge
