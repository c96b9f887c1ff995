"""What an export of the bill shows on a day: late days, a restated day, and tax on what is known so far."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from samples.billing.lines import Kind, Line
from samples.billing.organisation import Calendar, taxes

LATE = {1: Decimal("0.60"), 2: Decimal("0.90")}  # days before the delivery → the share that has arrived
FINAL_AFTER = 13  # days after the month's end: the export holds an invoice id from then on


@dataclass(frozen=True, slots=True)
class Delivery:
    """One refresh of the export for one billing period."""

    name: str  # day03, day10, day20, closed, final
    month: date
    on: date  # delivered in the morning of this day: the newest day in it is the one before
    invoice: str  # empty until final

    @property
    def period(self) -> str:
        """Return the billing period as the export's folders write it."""
        return f"{self.month:%Y-%m}"


def deliveries_of(month: date) -> tuple[Delivery, ...]:
    """Return the five deliveries of a month, the earliest first."""
    after = (month + timedelta(days=31)).replace(day=1)
    final = after + timedelta(days=FINAL_AFTER)
    return (
        Delivery("day03", month, month.replace(day=3), ""),
        Delivery("day10", month, month.replace(day=10), ""),
        Delivery("day20", month, month.replace(day=20), ""),
        Delivery("closed", month, after + timedelta(days=1), ""),
        Delivery("final", month, final, f"{month:%Y%m}0042"),
    )


def all_deliveries(months: Calendar) -> list[Delivery]:
    """Return every delivery of every month in the order in which they arrive."""
    firsts = {day.replace(day=1) for day in months.days}
    return sorted((each for first in firsts for each in deliveries_of(first)), key=lambda each: (each.on, each.month))


def delivered(lines: Sequence[Line], delivery: Delivery) -> list[Line]:
    """Return the lines as the delivery shows them. `lines` is the whole bill as it is in the end."""
    shown = [each for line in lines if line.kind is not Kind.TAX for each in _shown(line, delivery)]
    return [*shown, *taxes(shown)]


def _shown(line: Line, delivery: Delivery) -> Iterator[Line]:
    if (
        line.billing_month != delivery.month
        or line.day >= delivery.on
        or (line.arrives and line.arrives >= delivery.on)
    ):
        return
    factor = Decimal(1)
    if line.kind in (Kind.USAGE, Kind.COVERED) and not line.correction:
        factor = LATE.get((delivery.on - line.day).days, factor)
    if line.restated and delivery.on < line.restated[0]:
        factor *= line.restated[1]
    yield line if factor == 1 else _scaled(line, factor)


def _scaled(line: Line, factor: Decimal) -> Line:
    billed, effective, listed, quantity = (
        (amount * factor).quantize(Decimal("0.00000001"))
        for amount in (line.billed, line.effective, line.listed, line.quantity)
    )
    return replace(line, billed=billed, effective=effective, listed=listed, quantity=quantity)
