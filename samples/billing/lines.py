"""A line item of a made-up bill, in the terms that CUR and FOCUS share."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

CENT = Decimal("0.01")
PLACES = Decimal("0.00000001")
NOTHING = Decimal(0)


class Kind(StrEnum):
    """What a line is for, by CUR's line item types. A negation is written beside each covered line, not kept here."""

    USAGE = "Usage"
    COVERED = "SavingsPlanCoveredUsage"
    UNUSED = "SavingsPlanRecurringFee"  # carries the part of the commitment that nothing used
    UPFRONT = "SavingsPlanUpfrontFee"
    FEE = "Fee"
    TAX = "Tax"
    CREDIT = "Credit"
    REFUND = "Refund"


@dataclass(frozen=True, slots=True)
class Plan:
    """A Savings Plan without monthly payments: everything is paid on its first day."""

    arn: str
    first: date
    days: int
    daily_commitment: Decimal  # USD at the plan's rates

    @property
    def upfront(self) -> Decimal:
        """Return what is paid on the first day, USD."""
        return self.daily_commitment * self.days


@dataclass(frozen=True, slots=True)
class Line:
    """One line item of one day, final amounts in USD."""

    day: date  # of the charge period, UTC
    account: str
    kind: Kind
    service: str
    usage_type: str
    billed: Decimal
    effective: Decimal
    listed: Decimal
    operation: str = ""
    region: str = ""
    resource: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    quantity: Decimal = NOTHING
    unit: str = ""
    description: str = ""
    plan: Plan | None = None
    correction: bool = False  # corrects a day of an earlier billing period
    arrives: date | None = None  # not part of a delivery before this day
    restated: tuple[date, Decimal] | None = None  # deliveries before the day show the amounts times the factor
    sub_type: str = field(default="")  # tax and credit: what they are taken on

    @property
    def billing_month(self) -> date:
        """Return the first day of the billing period whose export holds the line."""
        return (self.arrives or self.day).replace(day=1)


def usd(amount: float) -> Decimal:
    """Round to the precision in which exports give amounts, eight places."""
    return Decimal(amount).quantize(PLACES)
