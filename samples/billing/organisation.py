"""The bill of an invented organisation with three accounts, and the truths planted in it.

No real figures: amounts, growth and noise are drawn from a seeded generator; `resources.csv` has the levels. Days are
those of the newest month unless said otherwise. `answers.py` adds the planted amounts up from the lines themselves.
"""

import calendar
import csv
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from samples.billing.lines import NOTHING, Kind, Line, Plan, usd

PRODUCTION, STAGING, RESEARCH = "012345678901", "234567890123", "345678901234"
TAX_RATE = Decimal("0.08")
SUPPORT_FEE = Decimal("100.00")
PLAN_DISCOUNT = Decimal("0.28")
PLAN_USE = Decimal("0.71")
LEAK_A_DAY = 1.04
SPIKE = 3.4  # +240%
LEVEL_CHANGE = 0.7
CREDIT_SHARE = Decimal("0.6")
RETURNED_PLAN = Decimal("9000.00")
ORDINARY_REFUND = Decimal("-25.00")
CORRECTION = Decimal("-64.20")
RESTATED_FACTOR = Decimal("0.80")

WEEKS = {  # factors from Monday to Sunday
    "all": (1.0,) * 7,
    "office": (1.0, 1.02, 1.03, 1.02, 0.98, 0.55, 0.5),
    "shop": (0.92, 0.94, 0.97, 1.0, 1.1, 1.2, 1.05),
    "training": (1.4, 0.0, 0.0, 1.6, 0.0, 0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that costs money each day."""

    account: str
    service: str
    usage_type: str
    operation: str
    region: str
    name: str  # the resource id
    daily: float  # USD on an ordinary day
    unit: str
    price: float  # USD a unit
    tags: tuple[tuple[str, str], ...]
    week: Sequence[float]
    noise: float
    growth: float  # a day
    covered: bool  # by the Savings Plan


@dataclass(frozen=True, slots=True)
class Calendar:
    """The months of the bill and the days on which something is planted."""

    first: date
    newest: date  # first day of the newest month

    @property
    def end(self) -> date:
        """Return the day after the last."""
        return self.newest + timedelta(days=calendar.monthrange(self.newest.year, self.newest.month)[1])

    def day(self, number: int) -> date:
        """Return a day of the newest month."""
        return self.newest.replace(day=number)

    def before(self, number: int) -> date:
        """Return a day of the month before the newest."""
        return (self.newest - timedelta(days=1)).replace(day=number)

    @property
    def days(self) -> Iterator[date]:
        """Return each day."""
        return (self.first + timedelta(days=number) for number in range((self.end - self.first).days))


RETAIL, PLATFORM, DATA = "retail", "platform", "data-science"
REGION = "us-east-1"


def _resources() -> Iterator[Resource]:
    """Read `resources.csv`: one line a resource."""
    with Path(__file__).with_name("resources.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            tags = ((row["spelling"], row["cost_center"]), ("Environment", row["environment"]))
            yield Resource(
                account=row["account"],
                service=row["service"],
                usage_type=row["usage_type"],
                operation=row["operation"],
                region=row["region"],
                name=row["resource"],
                daily=float(row["usd_a_day"]),
                unit=row["unit"],
                price=float(row["price"]),
                tags=tags if row["spelling"] else (),
                week=WEEKS[row["week"]],
                noise=float(row["noise"]),
                growth=float(row["growth"]),
                covered=row["covered"] == "1",
            )


RESOURCES = tuple(_resources())
SPIKING, LEAKING, SHIFTED, CREDITED = "image-resize", "raw-events", "baskets", "i-0gpu000000000001"


def bill(months: Calendar, seed: int = 11) -> list[Line]:
    """Return every line of the bill as it is in the end, by day."""
    plan = _plan(months)
    usage = [line for resource in RESOURCES for line in _usage(resource, months, seed, plan)]
    lines = [*usage, *_plan_lines(plan, usage, months), *_fees(months), *_returned_plan(months), *_corrections(months)]
    lines += _credits(usage, months)
    lines += taxes(lines)
    return sorted(
        lines, key=lambda line: (line.day, line.account, line.kind, line.service, line.usage_type, line.resource)
    )


def _usage(resource: Resource, months: Calendar, seed: int, plan: Plan) -> Iterator[Line]:
    chance = random.Random(f"{seed} {resource.account} {resource.usage_type} {resource.name}")  # noqa: S311 - no secret
    for number, day in enumerate(months.days):
        amount = (
            resource.daily
            * resource.week[day.weekday()]
            * math.exp(chance.gauss(0, resource.noise))
            * (1 + resource.growth) ** number
        )
        cost = usd(amount * _planted(resource, day, months))
        if not cost:
            continue
        line = Line(
            day,
            resource.account,
            Kind.USAGE,
            resource.service,
            resource.usage_type,
            cost,
            cost,
            cost,
            operation=resource.operation,
            region=resource.region,
            resource=resource.name,
            tags=resource.tags,
            quantity=usd(float(cost) / resource.price),
            unit=resource.unit,
        )
        if resource.covered and plan.first <= day < plan.first + timedelta(days=plan.days):
            effective = usd(float(plan.daily_commitment * PLAN_USE / _covered_resources()))
            listed = usd(float(effective / (1 - PLAN_DISCOUNT)))
            covered = replace(line, kind=Kind.COVERED, billed=NOTHING, effective=effective, listed=listed, plan=plan)
            yield replace(covered, quantity=usd(float(listed) / resource.price))
            rest = max(NOTHING, cost - listed)
            line = replace(line, billed=rest, effective=rest, listed=rest, quantity=usd(float(rest) / resource.price))
        if SHIFTED in resource.name and day == months.day(6):
            line = replace(line, restated=(months.end, RESTATED_FACTOR))
        if line.billed:
            yield line


def _planted(resource: Resource, day: date, months: Calendar) -> float:
    if SPIKING in resource.name and months.day(12) <= day <= months.day(14):
        return SPIKE
    if resource.name == LEAKING and day >= months.before(25):
        return float(LEAK_A_DAY ** (day - months.before(24)).days)
    if SHIFTED in resource.name and day >= months.before(18):
        return LEVEL_CHANGE
    return 1.0


def _covered_resources() -> int:
    return sum(resource.covered for resource in RESOURCES)


def _plan(months: Calendar) -> Plan:
    arn = f"arn:aws:savingsplans::{PRODUCTION}:savingsplan/0a1b2c3d-1111-4222-8333-444455556666"
    return Plan(arn, months.first, 365, Decimal("60.00"))


def _plan_lines(plan: Plan, usage: Sequence[Line], months: Calendar) -> Iterator[Line]:
    def line(day: date, kind: Kind, billed: Decimal, effective: Decimal, description: str) -> Line:
        return Line(
            day,
            PRODUCTION,
            kind,
            "ComputeSavingsPlans",
            "ComputeSP:1yrAllUpfront",
            billed,
            effective,
            NOTHING,
            resource=plan.arn,
            description=description,
            plan=plan,
        )

    used = dict.fromkeys(months.days, NOTHING)
    for covered in usage:
        if covered.plan:
            used[covered.day] += covered.effective
    for day in months.days:
        if day == plan.first:
            yield line(day, Kind.UPFRONT, plan.upfront, NOTHING, "1 year All Upfront Compute Savings Plan")
        if plan.first <= day < plan.first + timedelta(days=plan.days):
            yield line(day, Kind.UNUSED, NOTHING, plan.daily_commitment - used[day], "unused part of the commitment")


def _returned_plan(months: Calendar) -> Iterator[Line]:
    arn = f"arn:aws:savingsplans::{STAGING}:savingsplan/0a1b2c3d-9999-4222-8333-444455556666"
    plan = Plan(arn, months.day(3), 365, RETURNED_PLAN / 365)
    for day, kind, amount, text in (
        (months.day(3), Kind.UPFRONT, RETURNED_PLAN, "1 year All Upfront Compute Savings Plan"),
        (months.day(8), Kind.REFUND, -RETURNED_PLAN, "return of a Savings Plan within seven days"),
    ):
        yield Line(
            day,
            STAGING,
            kind,
            "ComputeSavingsPlans",
            "ComputeSP:1yrAllUpfront",
            amount,
            NOTHING,
            NOTHING,
            resource=arn,
            description=text,
            plan=plan,
            arrives=day,
        )


def _fees(months: Calendar) -> Iterator[Line]:
    for day in months.days:
        if day.day == 1:
            yield Line(
                day,
                PRODUCTION,
                Kind.FEE,
                "AWSSupportBusiness",
                "Dollar",
                SUPPORT_FEE,
                SUPPORT_FEE,
                SUPPORT_FEE,
                description="AWS Support (Business)",
            )


def _corrections(months: Calendar) -> Iterator[Line]:
    yield Line(
        months.before(20),
        PRODUCTION,
        Kind.USAGE,
        "AWSDataTransfer",
        "DataTransfer-Out-Bytes",
        CORRECTION,
        CORRECTION,
        CORRECTION,
        operation="RunInstances",
        region=REGION,
        resource="i-0shop00000000001",
        tags=(("CostCenter", RETAIL), ("Environment", "prod")),
        description="correction of an earlier charge",
        correction=True,
        arrives=months.day(9),
    )
    yield Line(
        months.before(14),
        STAGING,
        Kind.REFUND,
        "AmazonRDS",
        "InstanceUsage:db.m5.large",
        ORDINARY_REFUND,
        ORDINARY_REFUND,
        NOTHING,
        region=REGION,
        description="service level credit",
    )


def _credits(usage: Sequence[Line], months: Calendar) -> Iterator[Line]:
    """Pay a share of one instance until the credit is used up on the 19th."""
    for line in usage:
        if line.resource == CREDITED and months.before(1) <= line.day <= months.day(19):
            amount = -usd(float(line.billed * CREDIT_SHARE))
            yield Line(
                line.day,
                RESEARCH,
                Kind.CREDIT,
                line.service,
                line.usage_type,
                amount,
                amount,
                NOTHING,
                region=line.region,
                description="promotional credit PC-2026-17",
            )


def taxes(lines: Sequence[Line]) -> Iterator[Line]:
    """Return the tax line of each month, dated the first: a share of what the taxed account is billed."""
    billed: dict[date, Decimal] = {}
    for line in lines:
        if line.account == PRODUCTION and line.kind is not Kind.UPFRONT:
            billed[line.billing_month] = billed.get(line.billing_month, NOTHING) + line.billed
    for month, amount in billed.items():
        tax = (amount * TAX_RATE).quantize(Decimal("0.01"))
        yield Line(
            month, PRODUCTION, Kind.TAX, "AmazonEC2", "", tax, tax, NOTHING, description="Tax of type US Sales Tax"
        )
