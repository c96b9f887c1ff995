"""Daily spend of many made-up organisations, without line items: for the benchmark and for tests that need many series.

The shapes are assumptions: levels, weekday profiles, growth, steps, batch work, monthly fees, one-off purchases.
Figures measured on them show how methods rank, not how well they do on anybody's bill.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from bellwether.finops.domain.charges import Charge, ChargeCategory, ChargeKey
from samples.billing.organisation import WEEKS

SERVICES = (
    "AmazonEC2",
    "AmazonRDS",
    "AmazonS3",
    "AWSLambda",
    "AmazonCloudWatch",
    "AmazonDynamoDB",
    "AmazonSageMaker",
    "AWSDataTransfer",
)
CENTERS = ("retail", "platform", "data-science", "")
OFFICE_DAYS, SHOP_DAYS, ALL_DAYS = (
    (1.0, 1.02, 1.03, 1.02, 0.98, 0.55, 0.5),
    (0.92, 0.94, 0.97, 1.0, 1.1, 1.2, 1.05),
    (1.0,) * 7,
)
STEPS_A_YEAR, PURCHASES_A_YEAR, TAXED_SHARE, CREDITED_SHARE = 1.2, 2.5, 0.5, 0.2
TAX_RATE = 0.08
SUPPORT_MINIMUM = 100.0
SUPPORT_TIERS = ((10_000.0, 0.10), (80_000.0, 0.07), (250_000.0, 0.05), (math.inf, 0.03))


@dataclass(frozen=True, slots=True)
class Shape:
    """How one service's spend in one account moves, USD a day."""

    level: float
    week: tuple[float, ...]
    growth: float  # a day
    noise: float
    batch: float  # share of days with spend; 1 = every day


def simulate_spend(seed: int, accounts: int, services: int, first: date, days: int) -> list[Charge]:
    """Return daily charges: `services` series of usage in each account, fees on the 1st, purchases, tax and credits.

    The same arguments give the same charges. Tax is dated the first of its month and taken on the whole month.
    """
    return [
        charge
        for number in range(accounts)
        for charge in _account(random.Random(f"{seed} {number}"), f"{number + 1:012d}", services, first, days)  # noqa: S311
    ]


def _account(chance: random.Random, account: str, services: int, first: date, days: int) -> Iterator[Charge]:
    size = math.exp(chance.gauss(3.5, 1.3))
    taxed, credit_left = chance.random() < TAXED_SHARE, size * 90 if chance.random() < CREDITED_SHARE else 0.0
    billed: dict[date, float] = {}
    credited = SERVICES[0]
    for service in SERVICES[:services]:
        shape, center = _shape(chance, size), chance.choice(CENTERS)
        for day, amount in zip(_days(first, days), _amounts(chance, shape, first, days), strict=True):
            if not amount:
                continue
            billed[day.replace(day=1)] = billed.get(day.replace(day=1), 0.0) + amount
            yield _charge(day, account, service, center, ChargeCategory.USAGE, amount)
            if service == credited and credit_left > 0:
                credit = min(credit_left, amount * 0.5)
                credit_left -= credit
                yield _charge(day, account, service, center, ChargeCategory.CREDIT, -credit)
    fee = round(_support_fee(sum(billed.values()) / days * 30), 2)
    for day in _days(first, days):
        if day.day == 1:
            yield _charge(day, account, "AWSSupportBusiness", "", ChargeCategory.PURCHASE, fee)
        if chance.random() < PURCHASES_A_YEAR / 365:
            yield _charge(
                day,
                account,
                "AWSMarketplace",
                "",
                ChargeCategory.PURCHASE,
                round(size * math.exp(chance.gauss(1.0, 0.8)), 2),
            )
    if taxed:
        for month, amount in billed.items():
            yield _charge(max(month, first), account, "Tax", "", ChargeCategory.TAX, round(amount * TAX_RATE, 2))


def _support_fee(usage: float) -> float:
    """Business support for a month of so much usage, by AWS's published tiers."""
    fee, below = 0.0, 0.0
    for limit, share in SUPPORT_TIERS:
        fee += share * max(0.0, min(usage, limit) - below)
        below = limit
    return max(SUPPORT_MINIMUM, fee)


def _shape(chance: random.Random, size: float) -> Shape:
    kind = chance.choices(("steady", "office", "shop", "growing", "batch"), (0.35, 0.2, 0.15, 0.15, 0.15))[0]
    return Shape(
        level=size * math.exp(chance.gauss(0, 1.0)),
        week=WEEKS.get(kind, WEEKS["all"]),
        growth=chance.uniform(0.001, 0.006) if kind == "growing" else chance.gauss(0.0002, 0.0004),
        noise=chance.uniform(0.01, 0.12),
        batch=chance.uniform(0.1, 0.5) if kind == "batch" else 1.0,
    )


def _amounts(chance: random.Random, shape: Shape, first: date, days: int) -> Iterator[float]:
    level = shape.level
    for number, day in enumerate(_days(first, days)):
        if chance.random() < STEPS_A_YEAR / 365:
            level *= math.exp(chance.gauss(0.05, 0.4))
        active = chance.random() < shape.batch
        amount = (
            level * (1 + shape.growth) ** number * shape.week[day.weekday()] * math.exp(chance.gauss(0, shape.noise))
        )
        yield amount / shape.batch if active else 0.0


def _charge(day: date, account: str, service: str, center: str, category: ChargeCategory, amount: float) -> Charge:
    key = ChargeKey(day, account, service, "", "", center, category, correction=False, currency="USD")
    exact = Decimal(amount).quantize(Decimal("0.0001"))
    return Charge(key, exact, exact, None, 1)


def _days(first: date, days: int) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range(days))
