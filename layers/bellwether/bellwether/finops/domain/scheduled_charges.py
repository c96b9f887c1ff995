"""Charges that follow a calendar or a rate instead of a run rate: fees, one-off purchases, tax, credits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median

from bellwether.finops.domain.charges import Charge, ChargeCategory

RECURRING_MONTHS = 2  # months in a row after which a purchase counts as a fee
SAME_DAY = 1  # days by which a fee may be off its day
LOOK_BACK_MONTHS = 6
ENDED_AFTER_DAYS = 3  # final days without a credit after which it has ended


@dataclass(frozen=True, slots=True)
class ScheduledCharge:
    """A fee that is expected and not booked yet."""

    day: date
    account: str
    service: str
    cost_center: str
    currency: str
    amount: float


@dataclass(frozen=True, slots=True)
class OneOffPurchases:
    """How often purchases come that follow no calendar, and their sizes."""

    a_day: float
    sizes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CreditRunway:
    """How long a credit lasts: `ends` is None when it outlasts the forecast or when nobody knows its balance.

    `earliest` and `latest` are the ends under the upper and the lower bound of spend. `ended` is the last day on which
    a credit was applied, once it has stopped.
    """

    a_day: float
    balance: float | None
    ends: date | None = None
    earliest: date | None = None
    latest: date | None = None
    ended: date | None = None


def scheduled(charges: Iterable[Charge], month: date, last_day: date) -> list[ScheduledCharge]:
    """Fees that are due in the month and not booked by `last_day`.

    A purchase of one service in one account that came on the same day of each of the last two months, give or take a
    day, is a fee; the amount is the last one. A fee on the 31st falls on the last day of shorter months.
    """
    first = month.replace(day=1)
    bought: dict[tuple[str, str, str, str], list[tuple[date, float]]] = defaultdict(list)
    for charge in _purchases(charges):
        key = charge.key
        bought[key.account, key.service, key.cost_center, key.currency].append((key.day, float(charge.billed)))
    expected = []
    for (account, service, cost_center, currency), made in sorted(bought.items()):
        for day, amount in made:
            if _months_between(day, first) != 1:
                continue
            before = [_in_month(day, first, -back - 1) for back in range(1, RECURRING_MONTHS)]
            if not all(any(abs((other - wanted).days) <= SAME_DAY for other, _ in made) for wanted in before):
                continue
            due = _in_month(day, first, 0)
            booked = any(abs((other - due).days) <= SAME_DAY for other, _ in made)
            if not booked and due + timedelta(days=SAME_DAY) > last_day:
                expected.append(ScheduledCharge(due, account, service, cost_center, currency, amount))
    return expected


def one_off_purchases(charges: Sequence[Charge], month: date, days: int) -> dict[str, OneOffPurchases]:
    """Rate and sizes, by account, of purchases that are no fees, from the `days` before the month.

    Such purchases are too rare for an account to know its own rate, so that accounts share one; sizes are shared as
    multiples of the account's usage a day.
    """
    first = month.replace(day=1)
    since = first - timedelta(days=days)
    usage: dict[str, float] = defaultdict(float)
    bought: dict[tuple[str, str], list[Charge]] = defaultdict(list)
    for charge in charges:
        key = charge.key
        if not since <= key.day < first or key.correction:
            continue
        if key.category is ChargeCategory.USAGE:
            usage[key.account] += float(charge.billed) / days
        elif key.category is ChargeCategory.PURCHASE:
            bought[key.account, key.service].append(charge)
    multiples = [
        float(charge.billed) / usage[account]
        for (account, _), made in sorted(bought.items())
        for charge in made
        if usage.get(account, 0.0) > 0 and not _is_fee(charge.key.day, [each.key.day for each in made])
    ]
    rate = len(multiples) / (days * len(usage)) if usage else 0.0
    return {
        account: OneOffPurchases(rate, tuple(multiple * a_day for multiple in multiples))
        for account, a_day in usage.items()
    }


def _is_fee(day: date, others: Sequence[date]) -> bool:
    """Whether there is a purchase on the same day of the month before or after, give or take a day."""
    wanted = (_in_month(day, day, -1), _in_month(day, day, 1))
    return any(abs((other - each).days) <= SAME_DAY for each in wanted for other in others)


def tax_rate(charges: Iterable[Charge], month: date) -> float | None:
    """Tax as a share of what it is taken on, over the closed months before `month`; None without any tax.

    Only accounts and months with tax count; usage and purchases are taxed, credits are not.
    """
    taxed: dict[tuple[str, date], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for charge in charges:
        back = _months_between(charge.key.day, month)
        if not 1 <= back <= LOOK_BACK_MONTHS:
            continue
        sums = taxed[charge.key.account, charge.key.day.replace(day=1)]
        if charge.key.category is ChargeCategory.TAX:
            sums[0] += float(charge.billed)
        elif charge.key.category in {ChargeCategory.USAGE, ChargeCategory.PURCHASE}:
            sums[1] += float(charge.billed)
    rates = [tax / base for tax, base in taxed.values() if tax > 0 and base > 0]
    return median(rates) if rates else None


def credit_runway(
    charges: Iterable[Charge], last_day: date, balance: float | None = None, spread: tuple[float, float] = (1.0, 1.0)
) -> CreditRunway | None:
    """When a credit runs out at the rate of the last four weeks; None where no credit was ever applied.

    `balance` is what is left of it after `last_day`, as the billing console shows it: an export does not say. `spread`
    are the lower and the upper bound of spend as shares of its forecast.
    """
    applied: dict[date, float] = defaultdict(float)
    for charge in charges:
        if charge.key.category is ChargeCategory.CREDIT and charge.key.day <= last_day:
            applied[charge.key.day] -= float(charge.billed)
    if not applied:
        return None
    newest = max(applied)
    if (last_day - newest).days >= ENDED_AFTER_DAYS:
        return CreditRunway(0.0, balance, ended=newest)
    first = max(min(applied), last_day - timedelta(days=27))
    a_day = fmean(applied.get(first + timedelta(days=number), 0.0) for number in range((last_day - first).days + 1))
    if balance is None or a_day <= 0:
        return CreditRunway(a_day, balance)

    def end(factor: float) -> date | None:
        lasts = balance / (a_day * factor) if factor > 0 else 36_500.0
        return last_day + timedelta(days=int(lasts) + 1) if lasts < 36_500 else None

    low, high = spread
    return CreditRunway(a_day, balance, end(1.0), end(high), end(low))


@dataclass(frozen=True, slots=True)
class MonthInvoice:
    """What a month will be invoiced, part by part. `net` is what is to be paid; `gross` leaves credits out."""

    usage: float  # billed cost
    booked_purchases: float
    scheduled_fees: float
    tax: float
    credits: float  # negative

    @property
    def gross(self) -> float:
        """Without credits."""
        return self.usage + self.booked_purchases + self.scheduled_fees + self.tax

    @property
    def net(self) -> float:
        """With credits."""
        return self.gross + self.credits


def month_invoice(
    charges: Sequence[Charge], month: date, last_day: date, usage: float, balance: float | None = None
) -> MonthInvoice:
    """Invoice of the running month, from `usage`, the forecast of the month's billed usage.

    Tax is the rate of closed months, because the tax that is booked is an estimate that grows with the month. A credit
    goes on at its rate until its balance is used; without a known balance to the end of the month, unless it has ended.
    """
    first, last = month.replace(day=1), _in_month(date(2024, 1, 31), month, 0)
    running = [charge for charge in charges if first <= charge.key.day <= last]
    purchases = sum(float(charge.billed) for charge in _purchases(running))
    fees = sum(each.amount for each in scheduled(charges, month, last_day))
    rate = tax_rate(charges, month)
    booked_tax = sum(float(each.billed) for each in running if each.key.category is ChargeCategory.TAX)
    tax = booked_tax if rate is None else rate * (usage + purchases + fees)
    credited = sum(
        float(each.billed)
        for each in running
        if each.key.category in {ChargeCategory.CREDIT, ChargeCategory.REFUND, ChargeCategory.ADJUSTMENT}
    )
    runway = credit_runway(charges, last_day, balance)
    if runway is not None and runway.ended is None:
        coming = runway.a_day * max(0, (last - last_day).days)
        credited -= coming if balance is None else min(coming, balance)
    return MonthInvoice(usage, purchases, fees, tax, credited)


def _purchases(charges: Iterable[Charge]) -> Iterable[Charge]:
    return (each for each in charges if each.key.category is ChargeCategory.PURCHASE and not each.key.correction)


def _months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def _in_month(day: date, month: date, ahead: int) -> date:
    """The same day of another month, its last day where the month is shorter."""
    number = month.year * 12 + month.month - 1 + ahead
    first = date(number // 12, number % 12 + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))
