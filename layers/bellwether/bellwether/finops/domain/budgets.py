"""Budgets of cost centers: the chance that a month's spend exceeds its envelope, and how fast the envelope is used."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from bellwether.finops.domain.scheduled_charges import OneOffPurchases
from bellwether.finops.domain.spend_forecast import SpendForecast, Total, month_end
from bellwether.finops.domain.spend_series import utc_day

NO_PURCHASES = OneOffPurchases(0.0, ())
DRAWS = 2000
RECENT_DAYS = 7
FAST_SHARE = 0.1  # of a budget, spent in one day above what the forecast holds for possible
LIKELY = 0.8  # chance from which a breach is told


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a cost center may spend in a month; credits count only where it says so."""

    cost_center: str
    month: date  # its first day
    amount: Decimal
    currency: str = "USD"
    counts_credits: bool = False


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """Where a budget stands. `basis` names what the chance rests on."""

    envelope: Envelope
    spent: float  # final days and what is known of the provisional ones
    expected: float
    chance_of_exceeding: float
    burn_rate_a_day: float  # of the last seven days known, of the month
    affordable_a_day: float  # what the rest of the month may cost a day
    breach_on: date | None  # when the envelope is used up at the forecast
    basis: str

    @property
    def is_likely_to_exceed(self) -> bool:
        """Whether to tell people."""
        return self.chance_of_exceeding >= LIKELY


def month_samples(
    total: Total,
    fixed: float = 0.0,
    purchases: OneOffPurchases = NO_PURCHASES,
    days_left: int = 0,
    draws: int = DRAWS,
) -> list[float]:
    """Equally likely month totals, sorted: the forecast's errors, `fixed` charges, and one-off purchases to come.

    Errors are taken at evenly spaced quantiles, purchases are drawn at their rate and size. The same input gives the
    same samples.
    """
    chance = random.Random(f"{total.first} {total.node.key}")  # noqa: S311 - a simulation
    spent = [fixed + total.quantile((draw + 0.5) / draws) for draw in range(draws)]
    if purchases.sizes and days_left > 0:
        chance.shuffle(spent)
        rate = purchases.a_day * days_left
        for at in range(draws):
            waited = chance.expovariate(1.0)
            while waited < rate:
                spent[at] += chance.choice(purchases.sizes)
                waited += chance.expovariate(1.0)
    return sorted(spent)


def chance_of_exceeding(samples: Sequence[float], amount: float) -> float:
    """Share of the samples above an amount, kept off 0 and 1 by half a sample: nothing is sure before it is booked."""
    above = sum(sample > amount for sample in samples)
    return min(max(above, 0.5), len(samples) - 0.5) / len(samples)


def budget_status(
    envelope: Envelope,
    forecast: SpendForecast,
    total: Total,
    fixed: float = 0.0,
    purchases: OneOffPurchases = NO_PURCHASES,
) -> BudgetStatus:
    """Status of an envelope from the month total of its cost center.

    `fixed` are charges of the month beside usage: booked purchases, scheduled fees. When the days that are known cost
    more than the forecast holds for possible, and a tenth of the budget each, the chance is also worked out as if the
    new pace went on, and the higher of the two counts: waiting until a median has followed would cost days.
    """
    today, amount = utc_day(forecast.known_at), float(envelope.amount)
    last = month_end(envelope.month)
    known = _known_days(forecast, total, envelope.month)
    spent = fixed + sum(known)
    left = max(0, (last - today).days)
    if spent > amount:
        chance, basis = 1.0, "already exceeded"
    else:
        samples = month_samples(total, fixed, purchases, left)
        chance, basis = chance_of_exceeding(samples, amount), "forecast"
        pace = _new_pace(forecast, total, amount)
        if pace is not None and spent + pace * left > amount:
            chance, basis = max(chance, 1.0 - 0.5 / len(samples)), "the pace of the newest days goes on"
    recent = known[-RECENT_DAYS:]
    return BudgetStatus(
        envelope,
        spent,
        fixed + total.mean,
        chance,
        sum(recent) / len(recent) if recent else 0.0,
        max(0.0, amount - spent) / left if left else 0.0,
        _breach(forecast, total, amount - fixed),
        basis,
    )


def _known_days(forecast: SpendForecast, total: Total, month: date) -> list[float]:
    """Amounts of the days of the month that are known, provisional ones as far as they are known."""
    history = total.node.history
    final = max(0, (forecast.last_final_day - month.replace(day=1)).days + 1)
    booked = list(history.amounts[-final:]) if final else []
    after = forecast.last_final_day + timedelta(days=1)
    late = [
        amount
        for number, amount in enumerate(history.provisional)
        if month <= after + timedelta(days=number) <= month_end(month)
    ]
    return booked + late


def _new_pace(forecast: SpendForecast, total: Total, amount: float) -> float | None:
    """Mean of the newest provisional days that are far above their forecast; None if there are none."""
    node, paces = total.node, []
    for number, seen in enumerate(node.history.provisional):
        day = forecast.last_final_day + timedelta(days=number + 1)
        if day < total.first or seen < FAST_SHARE * amount:
            continue
        if seen > forecast.usual_day(node, day).intervals[-1].upper:
            paces.append(seen)
    return sum(paces) / len(paces) if paces else None


def _breach(forecast: SpendForecast, total: Total, amount: float) -> date | None:
    """First day on which booked and forecast days add up to more than the amount."""
    spent = total.booked
    history = total.node.history
    if spent > amount:
        running, day = 0.0, total.first
        for number in range((forecast.last_final_day - total.first).days + 1):
            day = total.first + timedelta(days=number)
            running += history.between(day, day)
            if running > amount:
                break
        return day
    for number, expected in enumerate(total.node.path):
        day = forecast.last_final_day + timedelta(days=number + 1)
        if total.first <= day <= total.last:
            spent += expected
            if spent > amount:
                return day
    return None
