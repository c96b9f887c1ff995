"""Daily spend forecast of one series: the class of the series decides which members are combined by their median.

Standard library only. The training job carries a byte-equal copy in `jobs/training/learning/cloudspend`, so that
backtest and daily forecast run the same code. A series is a sequence of amounts, one a day, without gaps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from statistics import fmean, median

WEEK = 7
WINDOW_DAYS = 91  # history that a forecast looks at
PROFILE_DAYS = 28
SMOOTHING = (0.1, 0.2, 0.4, 0.6, 0.9)
NEAR_ZERO = 0.05  # share of a usual day under which a day counts as one without spend


class SeriesClass(StrEnum):
    """What kind of series it is, by evidence in its history."""

    STEADY = "steady"
    WEEKLY = "weekly"
    INTERMITTENT = "intermittent"
    TOO_SMALL = "too small to forecast"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Class of a series with the figures that decided on it."""

    series_class: SeriesClass
    mean_a_day: float  # of the last 28 days
    idle_share: float  # of the last 8 weeks' days that had next to no spend
    weekday_strength: float  # share of the variation between days that the weekday explains, 0 to 1


@dataclass(frozen=True)
class Recipe:
    """What the approved model says about point forecasts; the defaults serve without one."""

    members: Mapping[SeriesClass, tuple[str, ...]] = field(
        default_factory=lambda: {
            SeriesClass.STEADY: ("naive7", "ses", "theta", "median7", "median14"),
            SeriesClass.WEEKLY: ("naive7", "ses", "theta", "median7", "median14"),
            SeriesClass.INTERMITTENT: ("mean28", "mean56"),
            SeriesClass.TOO_SMALL: ("mean28",),
        }
    )
    floor_a_day: float = 1.0  # mean amount a day below which a series is too small to forecast
    idle_share_min: float = 0.3
    weekday_strength_min: float = 0.3
    calendar: bool = True  # factors for the first and the last day of a month and for holidays, where there is evidence


@dataclass(frozen=True, slots=True)
class DailyForecast:
    """Amounts of the days after the history, with the method's name."""

    amounts: tuple[float, ...]
    method: str
    series_class: SeriesClass


def forecast(
    amounts: Sequence[float],
    last_day: date,
    days: int,
    recipe: Recipe = Recipe(),
    holidays: frozenset[date] = frozenset(),
) -> DailyForecast:
    """Forecast `days` days after `last_day`, never below zero; answers for any history, an empty one with zeros."""
    if not amounts:
        return DailyForecast((0.0,) * days, "no history", SeriesClass.TOO_SMALL)
    history = list(amounts[-WINDOW_DAYS:])
    series_class = evidence(history, recipe).series_class
    factors = _calendar_factors(history, last_day, holidays) if recipe.calendar and len(history) >= 2 * WEEK else {}
    if factors:
        special = _special(last_day - timedelta(days=len(history) - 1), len(history), holidays)
        history = [amount / factors.get(special.get(at, ""), 1.0) for at, amount in enumerate(history)]
    names = recipe.members[series_class]
    paths = members(history, days, names)
    middle = [max(0.0, median(path[step] for path in paths)) for step in range(days)]
    if factors:
        following = _special(last_day + timedelta(days=1), days, holidays)
        middle = [amount * factors.get(following.get(step, ""), 1.0) for step, amount in enumerate(middle)]
    return DailyForecast(tuple(middle), _method(names, len(history), factors), series_class)


def evidence(amounts: Sequence[float], recipe: Recipe = Recipe()) -> Evidence:
    """Class of a series: too small before intermittent, intermittent before weekly, else steady."""
    recent, two_months = amounts[-PROFILE_DAYS:], amounts[-2 * PROFILE_DAYS :]
    mean = fmean(recent) if recent else 0.0
    busy = [amount for amount in two_months if amount > 0]
    usual = fmean(busy) if busy else 0.0
    idle = sum(amount <= NEAR_ZERO * usual for amount in two_months) / max(1, len(two_months))
    strength = _weekday_strength(two_months)
    if mean < recipe.floor_a_day:
        found = SeriesClass.TOO_SMALL
    elif len(two_months) >= WEEK and idle >= recipe.idle_share_min and strength < 2 * recipe.weekday_strength_min:
        found = SeriesClass.INTERMITTENT
    elif strength >= recipe.weekday_strength_min:
        found = SeriesClass.WEEKLY
    else:
        found = SeriesClass.STEADY
    return Evidence(found, mean, idle, strength)


def members(history: Sequence[float], days: int, names: Sequence[str]) -> list[list[float]]:
    """Forecasts of the named members for `days` days after a history of at least one day."""
    profile = weekday_profile(history)
    plain = [amount / profile[(at - len(history)) % WEEK] for at, amount in enumerate(history)]
    ahead = [profile[step % WEEK] for step in range(days)]
    level = _smoothed(plain) if {"ses", "theta"} & set(names) else 0.0

    def flat(value: float) -> list[float]:
        return [value * factor for factor in ahead]

    paths = []
    for name in names:
        if name == "naive7":
            paths.append(_last_week(history, days))
        elif name == "ses":
            paths.append(flat(level))
        elif name == "theta":
            half = 0.5 * _slope(plain)
            paths.append([(level + half * step) * factor for step, factor in enumerate(ahead, start=1)])
        elif name.startswith("median"):
            paths.append(flat(median(plain[-int(name.removeprefix("median")) :])))
        elif name.startswith("mean"):
            paths.append([fmean(history[-int(name.removeprefix("mean")) :])] * days)
        else:
            raise ValueError(f"unknown member '{name}'")
    return paths


def weekday_profile(history: Sequence[float]) -> list[float]:
    """Factor of each position in the week, the first for the day after the history; all 1 below two weeks.

    The median over the last four weeks of a day's share in its week, so that one odd week does not count.
    """
    weeks = min(PROFILE_DAYS, len(history)) // WEEK
    if weeks < 2:
        return [1.0] * WEEK
    shares: list[list[float]] = [[] for _ in range(WEEK)]
    for number in range(weeks):
        start = len(history) - (number + 1) * WEEK
        week = history[start : start + WEEK]
        mean = sum(week) / WEEK
        for position, amount in enumerate(week):
            shares[position].append(amount / mean if mean > 0 else 1.0)
    factors = [min(20.0, max(0.05, median(each))) for each in shares]
    mean = sum(factors) / WEEK
    return [factor / mean for factor in factors]


def _last_week(history: Sequence[float], days: int) -> list[float]:
    if len(history) < WEEK:
        return [fmean(history)] * days
    return [history[-WEEK + step % WEEK] for step in range(days)]


def _smoothed(plain: Sequence[float]) -> float:
    """Level by simple exponential smoothing, with the constant whose one-day errors were the smallest."""
    if len(plain) < 2:
        return plain[0]
    first, best, chosen = len(plain) // 3, None, plain[-1]
    for alpha in SMOOTHING:
        level, error = plain[0], 0.0
        for at, amount in enumerate(plain):
            difference = amount - level
            if at > first:
                error += abs(difference)
            level += alpha * difference
        if best is None or error < best:
            best, chosen = error, level
    return chosen


def _slope(plain: Sequence[float]) -> float:
    """Least-squares change a day."""
    middle, mean = (len(plain) - 1) / 2, fmean(plain)
    spread = sum((at - middle) ** 2 for at in range(len(plain)))
    return sum((at - middle) * (amount - mean) for at, amount in enumerate(plain)) / spread if spread else 0.0


def _weekday_strength(amounts: Sequence[float]) -> float:
    """Share of the variance within weeks that weekday means explain, less what chance would explain (adjusted R²)."""
    weeks = len(amounts) // WEEK
    if weeks < 3:
        return 0.0
    tail = amounts[len(amounts) - weeks * WEEK :]
    ratios = []
    for number in range(weeks):
        week = tail[number * WEEK : (number + 1) * WEEK]
        mean = sum(week) / WEEK
        ratios.append([amount / mean - 1 if mean > 0 else 0.0 for amount in week])
    total = sum(ratio**2 for week in ratios for ratio in week)
    if total < 1e-9:
        return 0.0
    explained = sum(weeks * fmean(week[position] for week in ratios) ** 2 for position in range(WEEK))
    left = (total - explained) / ((weeks - 1) * (WEEK - 1))
    return max(0.0, 1 - left / (total / (weeks * (WEEK - 1))))


# --- calendar -----------------------------------------------------------------------------------------------------


def _special(first: date, days: int, holidays: frozenset[date]) -> dict[int, str]:
    """Positions of days that are the first or the last of a month, or a holiday, with their kind."""
    last = first + timedelta(days=days - 1)
    found = {(day - first).days: "holiday" for day in holidays if first <= day <= last}
    month = first.replace(day=1)
    while month <= last + timedelta(days=1):
        at = (month - first).days
        found |= {place: kind for place, kind in ((at, "first"), (at - 1, "last")) if 0 <= place < days}
        month = (month + timedelta(days=31)).replace(day=1)
    return found


def _calendar_factors(history: Sequence[float], last_day: date, holidays: frozenset[date]) -> dict[str, float]:
    """Factors of special days, only where at least two all lie clearly on one side of their neighbours' level.

    A day is compared with the median of the same weekday one and two weeks before and after it. "Clearly" is three
    times the usual difference between a day and these neighbours.
    """
    special = _special(last_day - timedelta(days=len(history) - 1), len(history), holidays)
    ratios: dict[str, list[float]] = {}
    for at, kind in special.items():
        if (ratio := _against_neighbours(history, at)) is not None:
            ratios.setdefault(kind, []).append(ratio)
    aside = {kind: seen for kind, seen in ratios.items() if len(seen) >= 2 and (min(seen) > 1.02 or max(seen) < 0.98)}
    if not aside:
        return {}
    ordinary = (_against_neighbours(history, at) for at in range(len(history)) if at not in special)
    usual = [abs(ratio - 1) for ratio in ordinary if ratio is not None]
    clear = 0.02 + (3 * median(usual) if usual else 0.0)
    return {
        kind: min(20.0, max(0.05, median(seen)))
        for kind, seen in aside.items()
        if min(seen) > 1 + clear or max(seen) < 1 - clear
    }


def _against_neighbours(history: Sequence[float], at: int) -> float | None:
    places = (at - 2 * WEEK, at - WEEK, at + WEEK, at + 2 * WEEK)
    others = [history[place] for place in places if 0 <= place < len(history)]
    level = median(others) if len(others) >= 2 else 0.0
    return history[at] / level if level > 0 else None


def _method(names: Sequence[str], days: int, factors: Mapping[str, float]) -> str:
    said = names[0] if len(names) == 1 else f"median of {', '.join(names)}"
    if days < 2 * WEEK:
        said += f" on {days} days of history, no weekday profile"
    elif days < PROFILE_DAYS:
        said += f" on {days} days of history"
    return said + (f", factors for {', '.join(sorted(factors))}" if factors else "")
