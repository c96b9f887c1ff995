"""Anomalies in daily spend: spikes, level changes and slow leaks, each found once and priced in USD.

A series is the effective cost of usage of one account, service and usage type, closed days only. Fees, purchases, tax,
credits, corrections and provisional days are not part of it, so none of them can cause a finding. Each day is compared
with the median of the days before it, both divided by a weekday profile; days of a finding are left out of the history.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median

from bellwether.finops.domain.charges import Charge, ChargeCategory

HISTORY_MIN_DAYS = 14
HISTORY_DAYS = 28
ERROR_DAYS = 56
THRESHOLD = 4.0  # robust standard deviations
SIGMA_FLOOR = 0.05  # as a share: smaller moves are never an anomaly
BATCH_SIGMA_FLOOR = 0.4  # of a week with batch work
STAY = 0.5  # of the limit: a day beyond it continues what an unusual day began
RECORD = 1.2  # times the largest error of the past weeks
CONFIRM_DAYS = 7  # from then on a shift is the new level
INTERMITTENT_SHARE = 0.3  # of days without spend
LEAK_GROWTH = 0.01  # a day
KENDALL_Z = 3.0
WEEK = 7
WEEKS_MIN, WEEKS = 6, 12  # of history for series with many days without spend
MAD_TO_SIGMA = 1.4826


class AnomalyKind(StrEnum):
    """The shape of an anomaly."""

    SPIKE = "spike"  # some days off the level, then back or still going on
    LEVEL_CHANGE = "level change"  # a week or more at another level
    LEAK = "slow leak"  # grows day by day


@dataclass(frozen=True, slots=True, order=True)
class SeriesName:
    """What a series is of."""

    account: str
    service: str
    usage_type: str


@dataclass(frozen=True, slots=True)
class Spend:
    """Daily effective cost in USD of one series, without gaps; the last value is the newest closed day."""

    name: SeriesName
    first: date
    values: Sequence[float]

    def day(self, index: int) -> date:
        """Return the day of a value."""
        return self.first + timedelta(days=index)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One finding. The same series and first day are the same finding at a later look."""

    name: SeriesName
    kind: AnomalyKind
    first_day: date
    last_day: date
    expected: float  # USD, all its days
    actual: float  # USD, all its days
    ongoing: bool

    @property
    def extra(self) -> float:
        """Return what it costs beyond the expectation, USD; negative for a fall."""
        return self.actual - self.expected


@dataclass(frozen=True, slots=True)
class Mute:
    """A person's word that findings of this kind are known: empty fields match everything."""

    account: str
    service: str
    usage_type: str
    kind: AnomalyKind | None
    until: date  # the last day on which it holds

    def covers(self, anomaly: Anomaly, today: date) -> bool:
        """Say whether the finding is muted on a day."""
        name = anomaly.name
        return (
            today <= self.until
            and self.account in ("", name.account)
            and self.service in ("", name.service)
            and self.usage_type in ("", name.usage_type)
            and self.kind in (None, anomaly.kind)
        )


def series_by_usage_type(charges: Iterable[Charge], closed_until: date) -> list[Spend]:
    """Build the series of all accounts up to the newest closed day that was delivered for the account.

    A day without a charge of a series is zero. A day without any charge of the account was not delivered: it takes the
    amount of a week before, so that a missing delivery is not taken for a fall.
    """
    totals: dict[tuple[SeriesName, str], dict[date, float]] = defaultdict(lambda: defaultdict(float))
    delivered: dict[str, set[date]] = defaultdict(set)
    for charge in charges:
        key = charge.key
        if key.category is ChargeCategory.USAGE and not key.correction and key.day <= closed_until:
            totals[SeriesName(key.account, key.service, key.usage_type), key.currency][key.day] += float(
                charge.effective
            )
            delivered[key.account].add(key.day)
    return [_series(name, days, delivered[name.account]) for (name, _), days in sorted(totals.items())]


def _series(name: SeriesName, days: Mapping[date, float], delivered: set[date]) -> Spend:
    first, last = min(days), max(delivered)
    values: list[float] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        missing = day not in delivered and number >= WEEK
        values.append(values[number - WEEK] if missing else days.get(day, 0.0))
    return Spend(name, first, values)


def find_anomalies(series: Iterable[Spend], *, usd_min: float) -> list[Anomaly]:
    """Find the anomalies of all series, the most expensive first; those below `usd_min` are left out."""
    found = [anomaly for spend in series for anomaly in _of_series(spend) if abs(anomaly.extra) >= usd_min]
    return sorted(found, key=lambda each: (-abs(each.extra), each.name, each.first_day))


def _of_series(spend: Spend) -> list[Anomaly]:
    if len(spend.values) <= HISTORY_MIN_DAYS:
        return []
    zero_share = sum(value <= 0 for value in spend.values) / len(spend.values)
    return _weekly(spend) if zero_share > INTERMITTENT_SHARE else _daily(spend)


def _daily(spend: Spend) -> list[Anomaly]:
    found, episode = [], _Episode()
    ordinary: list[int] = []  # days that make up the history
    errors: list[float] = []  # of the expectations for ordinary days, as a share
    for index, value in enumerate(spend.values):
        history = ordinary[-HISTORY_DAYS:]
        if len(history) < HISTORY_MIN_DAYS:
            ordinary.append(index)
            continue
        profile = _weekday_profile(spend, history)
        expected = _level(spend, history, profile) * profile[spend.day(index).weekday()]
        error = value / expected - 1 if expected > 0 else 0.0
        limit = _limit(errors[-ERROR_DAYS:], SIGMA_FLOOR) if len(errors) >= HISTORY_MIN_DAYS else math.inf
        goes_on = bool(episode.days) and episode.above == (error > 0)
        if abs(error) > (limit * STAY if goes_on else limit):
            if not goes_on and episode.days:
                found.append(episode.closed(spend, profile))
                episode = _Episode()
            episode.add(index, expected, error > 0)
            if episode.is_level(spend, profile):
                found.append(episode.anomaly(spend, AnomalyKind.LEVEL_CHANGE, ongoing=False))
                ordinary, episode = episode.days, _Episode()  # the new level is the history from here on
            continue
        if episode.days:
            found.append(episode.closed(spend, profile))
        episode = _Episode()
        ordinary.append(index)
        errors.append(error)
    if episode.days:
        found.append(episode.closed(spend, _weekday_profile(spend, ordinary[-HISTORY_DAYS:]), ongoing=True))
    return found


def _limit(errors: Sequence[float], floor: float) -> float:
    """Return the error beyond which a day is unusual: robust deviations, and beyond what the past weeks had."""
    sizes = sorted(abs(error) for error in errors)
    sigma = max(MAD_TO_SIGMA * median(sizes), sizes[int(0.95 * len(sizes))] / 1.96, floor)
    return max(THRESHOLD * sigma, RECORD * sizes[-1])


class _Episode:
    """Consecutive days off the level in one direction."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self.expected: list[float] = []
        self.above = False

    def add(self, index: int, expected: float, above: bool) -> None:
        self.days.append(index)
        self.expected.append(expected)
        self.above = above

    def is_level(self, spend: Spend, profile: Sequence[float]) -> bool:
        if len(self.days) < CONFIRM_DAYS:
            return False
        slope, significant = self._growth(spend, profile)
        return slope < LEAK_GROWTH or (len(self.days) >= 2 * CONFIRM_DAYS and not significant)

    def closed(self, spend: Spend, profile: Sequence[float], *, ongoing: bool = False) -> Anomaly:
        slope, significant = self._growth(spend, profile) if len(self.days) >= CONFIRM_DAYS else (0.0, False)
        leak = slope >= LEAK_GROWTH and significant
        return self.anomaly(spend, AnomalyKind.LEAK if leak else AnomalyKind.SPIKE, ongoing=ongoing)

    def anomaly(self, spend: Spend, kind: AnomalyKind, *, ongoing: bool) -> Anomaly:
        days, expected = self.days, sum(self.expected)
        if kind is AnomalyKind.LEAK:  # it began before it could be told from noise
            level = median(self.expected)
            earlier = _start_of_growth(spend.values, days[0], level)
            expected += level * (days[0] - earlier)
            days = [*range(earlier, days[0]), *days]
        actual = sum(spend.values[index] for index in days)
        return Anomaly(spend.name, kind, spend.day(days[0]), spend.day(days[-1]), expected, actual, ongoing)

    def _growth(self, spend: Spend, profile: Sequence[float]) -> tuple[float, bool]:
        """Return the growth a day (Theil–Sen slope of logarithms) and whether the Mann–Kendall test finds it."""
        values = [_adjusted(spend, profile, index, spend.values[index]) for index in self.days[-HISTORY_DAYS:]]
        if min(values) <= 0:
            return 0.0, False
        slopes = [
            (math.log(later) - math.log(earlier)) / (j - i)
            for i, earlier in enumerate(values)
            for j, later in enumerate(values[i + 1 :], i + 1)
        ]
        score = sum((slope > 0) - (slope < 0) for slope in slopes)
        size = len(values)
        return median(slopes), score / math.sqrt(size * (size - 1) * (2 * size + 5) / 18) > KENDALL_Z


def _start_of_growth(values: Sequence[float], detected: int, level: float) -> int:
    """Walk back from the day of detection to the last day that was at the level."""
    start = detected
    while start > 0 and values[start - 1] > level * (1 + LEAK_GROWTH):
        start -= 1
    return start


def _weekday_profile(spend: Spend, history: Sequence[int]) -> list[float]:
    """Return a factor for each weekday, 1 in the mean; days with other levels before and after a week cancel out."""
    if len(history) < 2 * WEEK:
        return [1.0] * WEEK
    by_weekday: list[list[float]] = [[] for _ in range(WEEK)]
    for index in history:
        by_weekday[spend.day(index).weekday()].append(spend.values[index])
    middle = [median(values) if values else 0.0 for values in by_weekday]
    known = [value for value in middle if value > 0]
    mean = sum(known) / len(known) if known else 0.0
    return [value / mean if value > 0 and mean > 0 else 1.0 for value in middle]


def _adjusted(spend: Spend, profile: Sequence[float], index: int, value: float) -> float:
    return value / profile[spend.day(index).weekday()]


def _level(spend: Spend, history: Sequence[int], profile: Sequence[float]) -> float:
    return median(_adjusted(spend, profile, index, spend.values[index]) for index in history)


def _weekly(spend: Spend) -> list[Anomaly]:
    """Compare weeks instead of days where many days have no spend; the newest week ends with the newest closed day."""
    weeks = len(spend.values) // WEEK
    start = len(spend.values) - weeks * WEEK
    totals = [sum(spend.values[start + WEEK * n : start + WEEK * (n + 1)]) for n in range(weeks)]
    found: list[Anomaly] = []
    ordinary: list[float] = []
    for number, total in enumerate(totals):
        history = ordinary[-WEEKS:]
        if len(history) < WEEKS_MIN:
            ordinary.append(total)
            continue
        center = median(history)
        limit = _limit([each / center - 1 for each in history], BATCH_SIGMA_FLOOR) if center > 0 else math.inf
        if abs(total / center - 1 if center > 0 else 0.0) <= limit:
            ordinary.append(total)
            continue
        first = start + WEEK * number
        days = spend.day(first), spend.day(first + WEEK - 1)
        found.append(Anomaly(spend.name, AnomalyKind.SPIKE, *days, center, total, ongoing=number == weeks - 1))
    return found


@dataclass(frozen=True, slots=True)
class Cause:
    """One link of a cause chain: the part that explains most of the extra cost."""

    dimension: str  # usage type, resource, tag
    name: str
    extra: float  # USD
    share: float  # of the extra cost of the link before


def cause_chain(
    breakdown: Mapping[str, Mapping[str, tuple[float, float]]], extra: float, share_min: float = 0.5
) -> list[Cause]:
    """Return the part of each dimension that explains the extra cost, in the given order of dimensions.

    `breakdown`: dimension → part → (expected, actual), USD over the anomaly's days. A dimension in which no part
    explains at least `share_min` of the extra cost is left out: the cause is not there.
    """
    chain = []
    for dimension, parts in breakdown.items():
        if not parts or not extra:
            continue
        name, (expected, actual) = max(
            parts.items(), key=lambda part: (part[1][1] - part[1][0]) * math.copysign(1, extra)
        )
        share = (actual - expected) / extra
        if share >= share_min:
            chain.append(Cause(dimension, name, actual - expected, share))
    return chain
