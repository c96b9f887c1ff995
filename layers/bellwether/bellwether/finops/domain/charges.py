"""Daily charges: what cost data is made of once it has left the export."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class ChargeCategory(StrEnum):
    """What a charge is for, in the words of FOCUS; a refund is told apart from other credits."""

    USAGE = "Usage"
    PURCHASE = "Purchase"
    TAX = "Tax"
    CREDIT = "Credit"
    ADJUSTMENT = "Adjustment"
    REFUND = "Refund"


@dataclass(frozen=True, slots=True)
class ChargeKey:
    """What one daily aggregate is of."""

    day: date  # UTC day on which the charge period starts
    account: str  # text, because leading zeros count
    service: str  # code, such as AmazonEC2
    usage_type: str  # empty where the export has none
    region: str  # empty for global services
    cost_center: str  # empty for untagged spend
    category: ChargeCategory
    correction: bool  # corrects an earlier, closed billing period, to whose month `day` belongs
    currency: str


@dataclass(frozen=True, slots=True)
class Charge:
    """The line items of one key, added up."""

    key: ChargeKey
    billed: Decimal  # what the invoice says: BilledCost, unblended cost
    effective: Decimal  # amortised: EffectiveCost
    listed: Decimal | None  # at list prices; None where the export does not say
    rows: int  # number of line items
