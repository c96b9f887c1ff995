"""The scorecard: forecasts as they were made and known then, beside what came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, median
from types import MappingProxyType

CHECKPOINT_DAYS = (1, 5, 10, 15, 20, 25)
# Variance of forecast to actual of the month by maturity, as the FinOps Foundation names the levels
MATURITY = MappingProxyType({"run": 0.12, "walk": 0.15, "crawl": 0.20})


@dataclass(frozen=True, slots=True)
class MonthScore:
    """One forecast of a month's total, made on one day, beside the actual as it is known now.

    A later correction changes the actual, and the score with it. `naive` is the weekly naive forecast made then.
    """

    made_on: date
    month: date
    cost_center: str
    metric: str
    forecast: float
    actual: float
    lower_80: float
    upper_80: float
    lower_95: float
    upper_95: float
    naive: float | None = None
    too_small: bool = False  # below the floor: shown, not scored

    @property
    def variance(self) -> float | None:
        """|forecast - actual| / actual; None for a month without spend."""
        return abs(self.forecast - self.actual) / self.actual if self.actual > 0 else None

    @property
    def checkpoint(self) -> int:
        """Newest of the checkpoint days that the forecast was made on or after; 1 if made before the month."""
        if self.made_on < self.month:
            return 1
        return max(day for day in CHECKPOINT_DAYS if day <= self.made_on.day)


@dataclass(frozen=True, slots=True)
class Variance:
    """Variances of several forecasts: by count (median), and weighted by spend."""

    forecasts: int
    median: float
    weighted: float
    bias: float  # weighted (forecast - actual) / actual
    within_12: float  # share within the run level
    coverage_80: float
    coverage_95: float
    width_80: float  # mean share of the actual
    naive_weighted: float | None

    @property
    def maturity(self) -> str:
        """Highest level whose line the weighted variance keeps: run, walk, crawl, or below crawl."""
        return next((name for name, limit in MATURITY.items() if self.weighted <= limit), "below crawl")


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One metric's variances, by day of the month that forecasts were made on, and by cost center."""

    metric: str
    by_day: dict[int, Variance]
    by_cost_center: dict[str, Variance]
    too_small: tuple[str, ...]


def scorecard(scores: Iterable[MonthScore], metric: str) -> Scorecard:
    """Score one metric; of each cost center, month and checkpoint the first forecast counts."""
    chosen: dict[tuple[str, date, int], MonthScore] = {}
    small: set[str] = set()
    for score in sorted(scores, key=lambda each: each.made_on):
        if score.metric != metric:
            continue
        if score.too_small:
            small.add(score.cost_center)
        elif score.variance is not None:
            chosen.setdefault((score.cost_center, score.month, score.checkpoint), score)
    counted = list(chosen.values())
    days = sorted({each.checkpoint for each in counted})
    centers = sorted({each.cost_center for each in counted})
    return Scorecard(
        metric,
        {day: variance([each for each in counted if each.checkpoint == day]) for day in days},
        {center: variance([each for each in counted if each.cost_center == center]) for center in centers},
        tuple(sorted(small)),
    )


def variance(scores: Sequence[MonthScore]) -> Variance:
    """Variances of forecasts of months with spend; raises ValueError without any."""
    variances = [each.variance for each in scores if each.variance is not None]
    if not variances or len(variances) < len(scores):
        raise ValueError("a variance needs forecasts of months with spend")
    actual = sum(each.actual for each in scores)
    naive = [each for each in scores if each.naive is not None]
    return Variance(
        forecasts=len(scores),
        median=median(variances),
        weighted=sum(abs(each.forecast - each.actual) for each in scores) / actual,
        bias=sum(each.forecast - each.actual for each in scores) / actual,
        within_12=fmean(each <= MATURITY["run"] for each in variances),
        coverage_80=fmean(each.lower_80 <= each.actual <= each.upper_80 for each in scores),
        coverage_95=fmean(each.lower_95 <= each.actual <= each.upper_95 for each in scores),
        width_80=fmean((each.upper_80 - each.lower_80) / each.actual for each in scores),
        naive_weighted=sum(abs((each.naive or 0.0) - each.actual) for each in naive) / actual
        if len(naive) == len(scores)
        else None,
    )
