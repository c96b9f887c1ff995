"""The answer sheet: each planted truth with its amount, added up from the lines themselves."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from samples.billing.deliveries import delivered, deliveries_of
from samples.billing.lines import CENT, NOTHING, Kind, Line
from samples.billing.organisation import (
    CREDITED,
    DATA,
    LEAK_A_DAY,
    LEAKING,
    LEVEL_CHANGE,
    PLATFORM,
    RETAIL,
    SHIFTED,
    SPIKE,
    SPIKING,
    Calendar,
)

USAGE = (Kind.USAGE, Kind.COVERED, Kind.UNUSED)
SPELLINGS = ("CostCenter", "costcenter", "user:CostCenter")
BREACH_DAY = 23


def answers(lines: Sequence[Line], months: Calendar) -> dict[str, Any]:
    """Return what a reader of the bill should find. Amounts are USD; extra amounts are above the undisturbed level."""
    newest = [line for line in lines if line.day >= months.newest and not line.correction]
    usage = [line for line in newest if line.kind in USAGE]
    return {
        "months": {str(day): _month(lines, day) for day in months.days if day.day == 1},
        "anomaly": _found(
            usage,
            lambda line: SPIKING in line.resource and months.day(12) <= line.day <= months.day(14),
            lambda line: line.effective * (1 - 1 / Decimal(str(SPIKE))),
        ),
        "leak": _found(
            [line for line in lines if line.kind in USAGE],
            lambda line: line.resource == LEAKING and line.day >= months.before(25),
            lambda line: line.effective * (1 - 1 / Decimal(str(LEAK_A_DAY ** (line.day - months.before(24)).days))),
        ),
        "level_change": {
            "resource": next(line.resource for line in lines if SHIFTED in line.resource),
            "first_day": str(months.before(18)),
            "ratio": LEVEL_CHANGE,
        },
        "savings_plan": _plan(lines, months),
        "returned_plan": {"billed": "0.00", "effective": "0.00", "refunded": "9000.00", "day": str(months.day(8))},
        "credit": _credit(lines),
        "tax": _amount(line.billed for line in newest if line.kind is Kind.TAX),
        "support_fee": _amount(line.billed for line in newest if line.kind is Kind.FEE),
        "refund": _amount(line.billed for line in lines if line.kind is Kind.REFUND and not line.plan),
        "correction": {
            "day": str(months.before(20)),
            "amount": _amount(line.billed for line in lines if line.correction),
        },
        "restated": _restated(lines, months),
        "untagged": _untagged(usage),
        "spellings": {
            spelling: _amount(line.effective for line in usage if spelling in dict(line.tags)) for spelling in SPELLINGS
        },
        "late_days": {name: _late(lines, months, name) for name in ("day10", "day20")},
        "budgets": _budgets(usage, months),
    }


def _month(lines: Sequence[Line], month: date) -> dict[str, Any]:
    """Return what belongs to a month: corrections count in the month that they correct."""
    own = [line for line in lines if line.day.replace(day=1) == month]
    billed = [line for line in lines if line.billing_month == month]
    return {
        "invoice": _amount(line.billed for line in billed),
        "usage_effective": _amount(line.effective for line in own if line.kind in USAGE),
        "by_kind_billed": {kind.value: _amount(line.billed for line in billed if line.kind is kind) for kind in Kind},
    }


def _found(lines: Sequence[Line], wanted: Callable[[Line], bool], extra: Callable[[Line], Decimal]) -> dict[str, Any]:
    found = [line for line in lines if wanted(line)]
    first = found[0]
    return {
        "account": first.account,
        "service": first.service,
        "usage_type": first.usage_type,
        "resource": first.resource,
        "first_day": str(min(line.day for line in found)),
        "last_day": str(max(line.day for line in found)),
        "extra": _amount(extra(line) for line in found),
    }


def _plan(lines: Sequence[Line], months: Calendar) -> dict[str, Any]:
    own = [line for line in lines if line.plan and line.kind in USAGE and line.day >= months.newest]
    used = sum((line.effective for line in own if line.kind is Kind.COVERED), NOTHING)
    unused = sum((line.effective for line in own if line.kind is Kind.UNUSED), NOTHING)
    return {
        "used": _amount([used]),
        "unused": _amount([unused]),
        "utilisation": float(round(used / (used + unused), 4)),
    }


def _credit(lines: Sequence[Line]) -> dict[str, Any]:
    own = [line for line in lines if line.kind is Kind.CREDIT]
    return {
        "resource": CREDITED,
        "total": _amount(line.billed for line in own),
        "last_day": str(max(line.day for line in own)),
    }


def _restated(lines: Sequence[Line], months: Calendar) -> dict[str, Any]:
    own = [line for line in lines if line.restated]
    final = sum((line.effective for line in own), NOTHING)
    first = sum((line.effective * line.restated[1] for line in own if line.restated), NOTHING)
    return {"day": str(months.day(6)), "first_known": _amount([first]), "final": _amount([final])}


def _untagged(usage: Sequence[Line]) -> dict[str, Any]:
    untagged = sum((line.effective for line in usage if not line.tags and not line.plan), NOTHING)
    return {
        "amount": _amount([untagged]),
        "share": float(round(untagged / sum((line.effective for line in usage), NOTHING), 4)),
    }


def _late(lines: Sequence[Line], months: Calendar, name: str) -> str:
    """Return the usage of the two newest days that had not arrived with a delivery."""
    delivery = next(each for each in deliveries_of(months.newest) if each.name == name)
    newest = (delivery.on - timedelta(days=1), delivery.on - timedelta(days=2))

    def total(shown: Sequence[Line]) -> Decimal:
        return sum((line.effective for line in shown if line.day in newest and line.kind in USAGE), NOTHING)

    return _amount([total(lines) - total(delivered(lines, delivery))])


def _budgets(usage: Sequence[Line], months: Calendar) -> dict[str, Any]:
    """Set the envelopes of the first spelling's cost centers: one breaks on the 23rd, one nearly, one has room."""
    budgets = {}
    for center, rule in ((RETAIL, "breaks"), (PLATFORM, "nearly"), (DATA, "room")):
        own = [line for line in usage if dict(line.tags).get(SPELLINGS[0]) == center]
        total = sum((line.effective for line in own), NOTHING)
        before = sum((line.effective for line in own if line.day < months.day(BREACH_DAY)), NOTHING)
        of_day = sum((line.effective for line in own if line.day == months.day(BREACH_DAY)), NOTHING)
        envelope = {"breaks": before + of_day / 2, "nearly": total * Decimal("1.03"), "room": total * Decimal("1.30")}[
            rule
        ]
        budgets[center] = {
            "envelope": _amount([envelope]),
            "actual": _amount([total]),
            "breach_day": str(months.day(BREACH_DAY)) if rule == "breaks" else None,
        }
    return budgets


def _amount(amounts: "Sequence[Decimal] | Any") -> str:
    return str(sum(amounts, NOTHING).quantize(CENT))
