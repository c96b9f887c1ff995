"""Daily series of spend, from charges as known at a time: what is forecast, and how far its days are final."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from bellwether.finops.domain.charges import Charge, ChargeCategory

PROVISIONAL_DAYS = 3  # a day younger than this may still grow
WEEK = 7


class Metric(StrEnum):
    """Which cost a figure is made of."""

    EFFECTIVE = "effective"  # amortised; what teams use
    BILLED = "billed"  # what the invoice says


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """What a series is of."""

    account: str
    service: str
    cost_center: str  # empty for untagged spend
    currency: str


@dataclass(frozen=True, slots=True)
class SpendSeries:
    """Amounts a day up to `last_day`, the last final one, and what is known so far of the provisional days after it.

    Amounts are floats: forecasts are estimates. What was booked is added up in Decimal elsewhere.
    """

    key: SeriesKey
    last_day: date
    amounts: tuple[float, ...]
    provisional: tuple[float, ...] = ()

    @property
    def first_day(self) -> date:
        """Day of the first amount."""
        return self.last_day - timedelta(days=len(self.amounts) - 1)

    def between(self, first: date, last: date) -> float:
        """Sum of the final days from `first` to `last`, both included."""
        start = max(0, (first - self.first_day).days)
        return sum(self.amounts[start : max(0, (last - self.first_day).days + 1)])


def utc_day(moment: datetime) -> date:
    """Day of a moment in UTC, in which bills count; raises ValueError for a moment without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("the moment has no time zone")
    return moment.astimezone(UTC).date()


def last_final_day(known_at: datetime, provisional_days: int = PROVISIONAL_DAYS) -> date:
    """Newest day that is no longer provisional."""
    return utc_day(known_at) - timedelta(days=provisional_days)


def usage_series(
    charges: Iterable[Charge],
    known_at: datetime,
    metric: Metric = Metric.EFFECTIVE,
    provisional_days: int = PROVISIONAL_DAYS,
) -> list[SpendSeries]:
    """Series of usage by account, service, cost center and currency, in order of their keys.

    Purchases, tax, credits and refunds are no usage, and corrections belong to a closed month: none of them moves the
    run rate. A day without a charge of a series is zero, from the first charge of the series on. A day without any
    charge at all was not delivered: it takes the amount of the same weekday a week before.
    """
    today, last = utc_day(known_at), last_final_day(known_at, provisional_days)
    found: dict[SeriesKey, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for charge in charges:
        key = charge.key
        if key.category is ChargeCategory.USAGE and not key.correction and key.day <= today:
            of = SeriesKey(key.account, key.service, key.cost_center, key.currency)
            found[of][key.day] += float(charge.effective if metric is Metric.EFFECTIVE else charge.billed)
    delivered = {day for days in found.values() for day in days}
    return [_series(key, days, last, today, delivered) for key, days in sorted(found.items())]


def summed(series: Iterable[SpendSeries], name: Callable[[SeriesKey], SeriesKey]) -> list[SpendSeries]:
    """Series added up by a coarser key, such as one without the service; all have to end on the same day."""
    groups: dict[SeriesKey, list[SpendSeries]] = defaultdict(list)
    for each in series:
        groups[name(each.key)].append(each)
    return [
        SpendSeries(
            key,
            members[0].last_day,
            _added([each.amounts for each in members], at_end=True),
            _added([each.provisional for each in members], at_end=False),
        )
        for key, members in sorted(groups.items())
    ]


def _series(key: SeriesKey, days: dict[date, float], last: date, today: date, delivered: set[date]) -> SpendSeries:
    first = min(days)
    amounts: list[float] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        missing = day not in delivered and number >= WEEK
        amounts.append(amounts[number - WEEK] if missing else max(0.0, days.get(day, 0.0)))
    after = last + timedelta(days=1)
    provisional = tuple(
        max(0.0, days.get(after + timedelta(days=number), 0.0)) for number in range((today - last).days)
    )
    return SpendSeries(key, last, tuple(amounts), provisional)


def _added(rows: list[tuple[float, ...]], *, at_end: bool) -> tuple[float, ...]:
    """Sums by position, counted from the end where the rows end together, else from the start."""
    length = max(map(len, rows))
    sums = [0.0] * length
    for row in rows:
        shift = length - len(row) if at_end else 0
        for place, amount in enumerate(row):
            sums[place + shift] += amount
    return tuple(sums)
