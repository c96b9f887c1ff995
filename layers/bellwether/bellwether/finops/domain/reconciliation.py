"""A delivery's charges added up: what is stored, what was left out and why, and whether the totals agree."""

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from bellwether.finops.domain.aggregation import LEFT_OUT, AggregateRow
from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey

TOLERANCE = Decimal("0.01")
MAX_REJECTED = 1_000
NOTHING = Decimal(0)


def plain(amount: Decimal) -> str:
    """An amount as text without exponent and without zeros at its end."""
    return f"{amount.normalize():f}"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line item that counts in no total. `line` is its line in the file, where that is known."""

    file: str
    reason: str
    reference: str
    amount: Decimal
    currency: str
    line: int | None = None


@dataclass(slots=True)
class Totals:
    """Sums of one kind."""

    line_items: int = 0
    billed: Decimal = NOTHING
    effective: Decimal = NOTHING
    listed: Decimal = NOTHING

    def add(self, charge: Charge) -> None:
        """Add a charge."""
        self.line_items += charge.rows
        self.billed += charge.billed
        self.effective += charge.effective
        self.listed += charge.listed or NOTHING


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A delivery's totals in one currency beside a total from elsewhere.

    `exported` is what the accepted lines of the files add up to before our rules; `expected` is the invoice's or Cost
    Explorer's total where one was given. Differences are ours less theirs.
    """

    currency: str
    totals: Totals
    by_category: Mapping[ChargeCategory, Totals]
    exported: Decimal
    expected: Decimal | None = None

    @property
    def difference(self) -> Decimal:
        """Billed cost less the expected total, or less the files' own where none was given."""
        return self.totals.billed - (self.exported if self.expected is None else self.expected)

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.difference) <= TOLERANCE


@dataclass(slots=True)
class Ingested:
    """What a delivery holds."""

    charges: dict[ChargeKey, Charge] = field(default_factory=dict)
    exported: dict[str, Decimal] = field(default_factory=dict)  # by currency
    line_items: int = 0
    not_invoiced: int = 0
    repeated: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    rejections: int = 0
    left_out: dict[str, Totals] = field(default_factory=dict)  # by reason
    tag_keys: dict[str, Totals] = field(default_factory=dict)  # spellings that the cost center was found under
    other_tag_keys: dict[str, Totals] = field(default_factory=dict)  # alike, but not in the list of aliases

    def reconcile(self, expected: Mapping[str, Decimal]) -> tuple[Reconciliation, ...]:
        """One line for each currency. `expected` holds totals from elsewhere by currency."""
        totals: dict[str, Totals] = {currency: Totals() for currency in (*self.exported, *expected)}
        categories: dict[str, dict[ChargeCategory, Totals]] = {currency: {} for currency in totals}
        for key, charge in self.charges.items():
            totals[key.currency].add(charge)
            categories[key.currency].setdefault(key.category, Totals()).add(charge)
        return tuple(
            Reconciliation(
                currency, totals[currency], categories[currency], self.exported.get(currency, NOTHING),
                expected.get(currency),
            )
            for currency in sorted(totals)
        )  # fmt: skip

    def missing_days(self, period: date, known_at: datetime) -> tuple[date, ...]:
        """Days of the period before the newest usage without any usage; none for an empty delivery."""
        used = {
            key.day for key in self.charges if key.category is ChargeCategory.USAGE and not key.correction
        } & _days_of(period)
        newest = min(max(used, default=period), known_at.date())
        return tuple(sorted(day for day in _days_of(period) - used if used and day < newest))


def _days_of(period: date) -> set[date]:
    return {period.replace(day=number + 1) for number in range(calendar.monthrange(period.year, period.month)[1])}


def ingest(rows: Iterable[AggregateRow]) -> Ingested:
    """Add the rows of a result up."""
    found = Ingested()
    for row in rows:
        found.line_items += row.line_items
        charge = row.charge
        if charge is None:
            _leave_out(found, row)
            continue
        found.not_invoiced += row.not_invoiced
        found.repeated += row.repeated
        found.exported[row.currency] = found.exported.get(row.currency, NOTHING) + row.exported
        known = found.charges.get(charge.key)
        found.charges[charge.key] = charge if known is None else _sum(known, charge)
        if row.tag_key:
            found.tag_keys.setdefault(row.tag_key, Totals()).add(charge)
        for key in filter(None, row.other_tag_keys.split(",")):
            found.other_tag_keys.setdefault(key, Totals()).add(charge)
    return found


def _sum(one: Charge, other: Charge) -> Charge:
    listed = None if one.listed is None and other.listed is None else (one.listed or 0) + (other.listed or NOTHING)
    return Charge(one.key, one.billed + other.billed, one.effective + other.effective, listed, one.rows + other.rows)


def _leave_out(found: Ingested, row: AggregateRow) -> None:
    totals = found.left_out.setdefault(row.problem, Totals())
    totals.line_items += row.line_items
    totals.billed += row.exported
    if row.problem in LEFT_OUT:
        return
    found.rejections += row.line_items
    if len(found.rejected) < MAX_REJECTED:
        found.rejected.append(Rejected(row.file, row.problem, row.reference, row.exported, row.currency))
