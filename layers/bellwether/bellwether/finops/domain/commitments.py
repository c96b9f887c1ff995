"""How large a Savings Plan should be: from hourly spend at on-demand prices that no plan covers yet.

One USD of hourly commitment pays for 1 / (1 - discount) USD of on-demand usage. The last dollar is worth it when at
least (1 - discount) of the hours use it, so the best commitment in hindsight is (1 - discount) times the quantile of
the spend at the discount (a critical fractile). Resampled weeks show how far that depends on the history at
hand. They are a lower bound on the real uncertainty: what has never happened is not among them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

HOURS_MIN = 14 * 24
WEEK_HOURS = 168
HOURS_A_YEAR = 8760
YEARLY_AFTER_HOURS = 26 * WEEK_HOURS  # a shorter history says nothing about a year
STEPS_A_DOLLAR = 1000  # AWS takes commitments with three places
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class ExistingPlan:
    """A commitment that is already paid for, as the export shows it."""

    hourly_commitment: float  # USD an hour
    utilisation: float  # share of it that was used


@dataclass(frozen=True, slots=True)
class Option:
    """What one size of commitment would have done over the history."""

    hourly_commitment: float  # USD an hour
    saving: float  # USD an hour in the mean; negative = costs more than on demand
    utilisation: float
    coverage: float  # share of the on-demand spend that it pays for
    regret: float  # USD an hour, against the best size in hindsight


@dataclass(frozen=True, slots=True)
class Advice:
    """The commitment to buy, with the figures that speak for it, or the reason why none."""

    buy: float  # USD an hour; 0 = none
    reason: str
    break_even_share: float  # of the hours in which the last dollar must be used
    best: Option | None = None  # in hindsight
    cautious: Option | None = None  # the size that nine of ten resampled histories support
    yearly_saving: float | None = None  # USD of what is to be bought; None = history too short to say
    provider_says: float | None = None  # USD an hour, Cost Explorer's own recommendation


def advise(
    uncovered: Sequence[float],
    discount: float,
    *,
    existing: Sequence[ExistingPlan] = (),
    growing: bool = False,
    provider_says: float | None = None,
    seed: int = 7,
) -> Advice:
    """Size a plan from `uncovered`, hourly spend at on-demand prices that no plan pays for, USD, oldest first.

    `discount`: of the plan's rates against on demand, between 0 and 1. `growing`: spend grows, so the cautious size is
    too small. An existing plan that is not used up comes first: nothing is bought beside it.
    """
    if not 0 < discount < 1:
        raise ValueError(f"the discount must lie between 0 and 1, not {discount}")
    share = 1 - discount
    idle = sum(plan.hourly_commitment * (1 - plan.utilisation) for plan in existing)
    reason = ""
    if idle > 0.02 * sum(plan.hourly_commitment for plan in existing):
        reason = f"existing plans leave {idle:.3f} USD an hour unused: use them first"
    elif len(uncovered) < HOURS_MIN:
        reason = f"{len(uncovered)} hours of history, {HOURS_MIN} are needed"
    if reason:
        return Advice(0, reason, share, provider_says=provider_says)
    best = evaluate(uncovered, discount, _best_size(uncovered, discount))
    cautious = evaluate(uncovered, discount, _cautious_size(uncovered, discount, seed))
    chosen = best if growing else cautious
    if chosen.hourly_commitment <= 0 or chosen.saving <= 0:
        reason = "spend is too uneven: no commitment would have been used enough"
        return Advice(0, reason, share, best, cautious, None, provider_says)
    reason = "the size that nine of ten resampled histories support"
    if growing:
        reason = "the best size in hindsight, because spend grows"
    yearly = chosen.saving * HOURS_A_YEAR if len(uncovered) >= YEARLY_AFTER_HOURS else None
    return Advice(chosen.hourly_commitment, reason, share, best, cautious, yearly, provider_says)


def evaluate(uncovered: Sequence[float], discount: float, hourly_commitment: float) -> Option:
    """Return what a commitment would have done over the hours of the history."""
    best = _cost(uncovered, discount, _best_size(uncovered, discount))
    cost, on_demand = _cost(uncovered, discount, hourly_commitment), sum(uncovered)
    capacity = hourly_commitment / (1 - discount)
    paid = sum(min(spend, capacity) for spend in uncovered)
    hours = len(uncovered)
    return Option(
        hourly_commitment,
        saving=(on_demand - cost) / hours,
        utilisation=paid / (capacity * hours) if capacity else 0.0,
        coverage=paid / on_demand if on_demand else 0.0,
        regret=(cost - best) / hours,
    )


def _cost(uncovered: Sequence[float], discount: float, hourly_commitment: float) -> float:
    capacity = hourly_commitment / (1 - discount)
    return sum(hourly_commitment + max(0.0, spend - capacity) for spend in uncovered)


def _best_size(uncovered: Sequence[float], discount: float) -> float:
    ordered = sorted(uncovered)
    position = min(len(ordered) - 1, int(discount * len(ordered)))
    return _rounded_down((1 - discount) * ordered[position])


def _cautious_size(uncovered: Sequence[float], discount: float, seed: int) -> float:
    """Return the tenth percentile of the best sizes of histories put together from whole weeks."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    starts = range(max(1, len(uncovered) - WEEK_HOURS + 1))
    weeks = len(uncovered) // WEEK_HOURS
    samples = ([chance.choice(starts) for _ in range(weeks)] for _ in range(RESAMPLES))
    sizes = sorted(
        _best_size([hour for start in sample for hour in _week(uncovered, start)], discount) for sample in samples
    )
    return sizes[RESAMPLES // 10]


def _week(uncovered: Sequence[float], start: int) -> Sequence[float]:
    return uncovered[start : start + WEEK_HOURS]


def _rounded_down(amount: float) -> float:
    return int(amount * STEPS_A_DOLLAR) / STEPS_A_DOLLAR
