"""A month's spend to date, by service and by cost center. Currencies are never added up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from bellwether.finops.domain.charges import Charge, ChargeCategory
from bellwether.finops.domain.provisional import DeliveryState, is_provisional

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """A service's or a cost center's usage at amortised cost."""

    name: str  # empty for untagged spend
    effective: Decimal
    share: Decimal  # of the month's usage, 0 to 1


@dataclass(frozen=True, slots=True)
class CurrencySummary:
    """A month in one currency. Usage is at amortised cost (EffectiveCost), the rest as billed."""

    currency: str
    usage: Decimal
    purchases: Decimal
    tax: Decimal
    credits: Decimal
    refunds_and_adjustments: Decimal
    billed: Decimal  # everything, as on the invoice
    provisional: Decimal  # share of usage that can still change, 0 to 1
    services: tuple[Part, ...]
    cost_centers: tuple[Part, ...]
    tagged_since: date | None  # first day with a cost center: before it the tag was not activated


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """What is known of a month at a time."""

    month: date
    known_at: datetime
    delivered_at: datetime | None
    last_day: date | None  # newest day with usage
    currencies: tuple[CurrencySummary, ...]


def summarize(
    month: date, known_at: datetime, charges: Sequence[Charge], states: Sequence[DeliveryState]
) -> MonthSummary:
    """Add the charges of a month up; corrections count in the month that they correct."""
    state = next((each for each in states if each.period == month), None)
    usage = [each for each in charges if each.key.category is ChargeCategory.USAGE]
    return MonthSummary(
        month=month,
        known_at=known_at,
        delivered_at=state.known_at if state else None,
        last_day=max((each.key.day for each in usage if not each.key.correction), default=None),
        currencies=tuple(
            _of_currency(currency, [each for each in charges if each.key.currency == currency], known_at, state)
            for currency in sorted({each.key.currency for each in charges})
        ),
    )


def _of_currency(
    currency: str, charges: Sequence[Charge], known_at: datetime, state: DeliveryState | None
) -> CurrencySummary:
    usage = [each for each in charges if each.key.category is ChargeCategory.USAGE]
    total = sum((each.effective for each in usage), NOTHING)
    provisional = sum((each.effective for each in usage if is_provisional(each.key.day, known_at, state)), NOTHING)

    def billed(*categories: ChargeCategory) -> Decimal:
        return sum((each.billed for each in charges if each.key.category in categories), NOTHING)

    return CurrencySummary(
        currency=currency,
        usage=total,
        purchases=billed(ChargeCategory.PURCHASE),
        tax=billed(ChargeCategory.TAX),
        credits=billed(ChargeCategory.CREDIT),
        refunds_and_adjustments=billed(ChargeCategory.REFUND, ChargeCategory.ADJUSTMENT),
        billed=billed(*ChargeCategory),
        provisional=_share(provisional, total),
        services=_parts(usage, total, lambda each: each.key.service),
        cost_centers=_parts(usage, total, lambda each: each.key.cost_center),
        tagged_since=min((each.key.day for each in usage if each.key.cost_center), default=None),
    )


def _parts(usage: Sequence[Charge], total: Decimal, name_of: Callable[[Charge], str]) -> tuple[Part, ...]:
    sums: dict[str, Decimal] = {}
    for each in usage:
        sums[name_of(each)] = sums.get(name_of(each), NOTHING) + each.effective
    ordered = sorted(sums.items(), key=lambda part: (-part[1], part[0]))
    return tuple(Part(name, amount, _share(amount, total)) for name, amount in ordered)


def _share(part: Decimal, total: Decimal) -> Decimal:
    return (part / total).quantize(Decimal("0.0001")) if total else NOTHING
