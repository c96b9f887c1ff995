"""Prediction intervals of sums of days: pooled, normalised conformal prediction from a rolling backtest.

Standard library only; the training job carries a byte-equal copy, as of `recipe.py`. An error is actual less forecast,
in USD. It is divided by a scale of its series that was known at the origin, and the quotients of all series are pooled,
so that a series with little history borrows from the others. Sums have quantiles of their own, because errors of single
days are not independent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

GRID = 80  # quantiles kept: 0/80, 1/80, … 80/80; 95% ends at 2/80 and 78/80, 80% at 8/80 and 72/80
LEVELS = (0.8, 0.95)
WEEK = 7
ROUGH_DAYS = 56
FEWEST_DAYS = 28  # history before the first origin of a backtest
STEP_DAYS = 3  # between two origins
ORIGINS_MAX = 24
FLOOR_SHARE = 0.06  # of the forecast: the smallest scale, as a change of level can come to any series
POOL_FEWEST = 40  # errors below which a horizon keeps the default calibration

Path = Callable[[Sequence[float], int, int], Sequence[float]]  # (history, index of its last day, days) -> amounts


@dataclass(frozen=True, slots=True)
class Origin:
    """Forecast made after `known` days and what came; cumulative sums begin with 0."""

    known: int
    roughness: float
    forecast: tuple[float, ...]
    actual: tuple[float, ...]

    def sums(self, skipped: int, days: int) -> tuple[float, float] | None:
        """Forecast and actual sum of the days after the first `skipped` and up to `days`; None if not yet over."""
        if days >= len(self.actual) or days >= len(self.forecast):
            return None
        return self.forecast[days] - self.forecast[skipped], self.actual[days] - self.actual[skipped]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Pooled errors of the sum of the days after the first `skipped` and up to `days`.

    `ratio` turns roughness into an error, `grid` are the quantiles of error / scale.
    """

    days: int
    ratio: float
    grid: tuple[float, ...]
    skipped: int = 0

    def quantile(self, share: float) -> float:
        """Error in scales that this share of errors lies below."""
        place = min(max(share, 0.0), 1.0) * GRID
        low = min(int(place), GRID - 1)
        return self.grid[low] + (place - low) * (self.grid[low + 1] - self.grid[low])


@dataclass(frozen=True, slots=True)
class Interval:
    """Interval of one level, USD."""

    level: float
    lower: float
    upper: float


def origins(amounts: Sequence[float], days: int, path: Path, last: int | None = None) -> list[Origin]:
    """Backtest a series: forecasts of up to `days` days from origins every third day, the newest first.

    `last` is the number of days known at the end; by default the whole series.
    """
    known = len(amounts) if last is None else last
    found = []
    for at in range(known - STEP_DAYS, FEWEST_DAYS - 1, -STEP_DAYS):
        ahead = min(days, known - at)
        found.append(
            Origin(
                at,
                roughness(amounts[:at]),
                _cumulated(path(amounts[:at], at - 1, days)),
                _cumulated(amounts[at : at + ahead]),
            )
        )
    return found


def roughness(amounts: Sequence[float]) -> float:
    """Mean absolute difference to the same day of the week before, over eight weeks; below two weeks, to the mean."""
    tail = amounts[-ROUGH_DAYS:]
    if len(tail) >= 2 * WEEK:
        return fmean(abs(tail[at] - tail[at - WEEK]) for at in range(WEEK, len(tail)))
    return fmean(abs(amount - fmean(tail)) for amount in tail) if tail else 0.0


def own_error(made: Sequence[Origin], skipped: int, days: int, known: int | None = None) -> float | None:
    """Mean absolute error of a series at this horizon, of origins whose days were over when `known` days were known."""
    errors = []
    for origin in made:
        if known is not None and origin.known + days > known:
            continue
        if (sums := origin.sums(skipped, days)) is not None:
            errors.append(abs(sums[1] - sums[0]))
        if len(errors) == ORIGINS_MAX:
            break
    return fmean(errors) if len(errors) >= 2 else None


def scale(own: float | None, rough: float, ratio: float, days: int, forecast: float, history: int) -> float:
    """Size of the error to expect, USD: half of it the series' own, half what its roughness says.

    Short histories get a larger one: they know neither a weekday profile nor a level that has held.
    """
    by_roughness = ratio * rough * days
    usual = by_roughness if own is None else 0.5 * own + 0.5 * by_roughness
    widened = usual * short_history_factor(history)
    share = FLOOR_SHARE * short_history_factor(history)
    return max(widened, share * abs(forecast), 1e-9)


def short_history_factor(history: int) -> float:
    """How much wider than usual an interval is on so few days of history: 1 from eight weeks on."""
    return max(1.0, math.sqrt(2 * FEWEST_DAYS / max(1, history)))


def calibrate(
    series: Sequence[Sequence[Origin]], default: Calibration, known: int | None = None, origins_min: int = POOL_FEWEST
) -> Calibration:
    """Pool the errors of all series at the default's horizon, each scaled by what was known at its origin.

    Only origins count whose days were over when `known` days were known. With too few errors the default stays.
    """
    skipped, days = default.skipped, default.days
    settled = [
        [
            (origin, sums)
            for origin in made
            if (known is None or origin.known + days <= known) and (sums := origin.sums(skipped, days)) is not None
        ]
        for made in series
    ]
    ratios = [
        sum(abs(actual - forecast) for _, (forecast, actual) in each) / rough
        for each in settled
        if (rough := sum(origin.roughness * (days - skipped) for origin, _ in each)) > 0
    ]
    if not ratios or sum(map(len, settled)) < origins_min:
        return default
    ratio = median(ratios)
    pooled = []
    for made, each in zip(series, settled, strict=True):
        for origin, (forecast, actual) in each:
            own = own_error(made, skipped, days, origin.known)
            size = scale(own, origin.roughness, ratio, days - skipped, forecast, origin.known)
            pooled.append((actual - forecast) / size)
    return Calibration(days, ratio, quantile_grid(pooled), skipped)


def quantile_grid(values: Sequence[float]) -> tuple[float, ...]:
    """Quantiles 0/80 to 80/80, each as if the coming value were one more of the same kind: a little to the outside."""
    ordered, count = sorted(values), len(values)
    grid = []
    for step in range(GRID + 1):
        share = step / GRID
        place = share * (count + 1) - 1  # the finite-sample correction of split conformal prediction
        low = math.floor(place)
        if low < 0 or low >= count - 1:
            grid.append(ordered[0] if low < 0 else ordered[-1])
        else:
            grid.append(ordered[low] + (place - low) * (ordered[low + 1] - ordered[low]))
    return tuple(grid)


def nearest(calibrations: Sequence[Calibration], days: int) -> Calibration:
    """Calibration of the horizon nearest to so many days, by the ratio of the two."""
    return min(calibrations, key=lambda each: abs(math.log(each.days / max(1, days))))


def intervals(forecast: float, size: float, calibration: Calibration) -> tuple[Interval, ...]:
    """Intervals around the forecast of a sum, never below zero."""
    found = []
    for level in LEVELS:
        outside = (1 - level) / 2
        lower = max(0.0, forecast + size * calibration.quantile(outside))
        found.append(Interval(level, lower, max(lower, forecast + size * calibration.quantile(1 - outside))))
    return tuple(found)


def _cumulated(amounts: Sequence[float]) -> tuple[float, ...]:
    sums = [0.0]
    for amount in amounts:
        sums.append(sums[-1] + amount)
    return tuple(sums)
