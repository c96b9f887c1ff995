"""Whether a newer download of a series continues an older one, or has it on another base or in another unit.

Figures of two bases must not stand in one column. What is tested is the join: where older figures would stand beside
newer ones. A change of base shows in the dates that both have, as a factor (an index rebased, other chained dollars,
thousands instead of units) or as an offset. Where no date is common, the step from one to the other is compared with
the largest step so far.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from statistics import median, quantiles

CONSTANT_OVERLAP = 12  # common figures that show a constant factor by themselves
SHIFT = 0.02  # a smaller relative change is a revision
SPREAD = 0.02  # of a constant factor, by rounding
AT_THE_JOIN = 6  # common figures next to the older ones that would be kept
MAX_LOG = 700.0  # of a factor that a float can hold
USUAL_STEPS = 3  # a revision stays within so many usual (without common dates: largest) steps

Figures = Mapping[date, float | None]


def uncovered(before: Figures, after: Figures) -> int:
    """How many older figures a newer download has no row for."""
    return sum(value is not None and day not in after for day, value in before.items())


def base_change(before: Figures, after: Figures) -> str:
    """What shows that the newer figures cannot stand beside the older ones; empty when they can."""
    old = {day: value for day, value in before.items() if value is not None}
    new = {day: value for day, value in after.items() if value is not None}
    kept = [day for day in old if day not in after]
    if not kept or not new:
        return ""
    common = sorted(old.keys() & new.keys())
    positive = all(value > 0 for value in (*old.values(), *new.values()))
    scale = math.log if positive else float
    levels = {day: scale(value) for day, value in old.items()}
    newer = {day: scale(value) for day, value in new.items()}
    smallest = math.log1p(SHIFT) if positive else 0.0
    if not common:
        return _step_without_overlap(levels, newer, positive=positive, smallest=smallest)
    shifts = {day: newer[day] - levels[day] for day in common}
    usual = median(_steps(levels)) if len(levels) > 1 else 0.0
    constant = _constant_factor([new[day] / old[day] for day in common]) if positive else 0.0
    if constant:
        return f"by a factor of {constant:.4g} over {len(common)} common dates"
    for near in (_nearest(common, [day for day in kept if day < max(new)], max), _nearest(common, kept, min)):
        at_join = [shifts[day] for day in near]
        if not at_join:
            continue
        middle = median(at_join)
        consistent = max(at_join) - min(at_join) < abs(middle)
        if consistent and abs(middle) > max(smallest, USUAL_STEPS * usual) and usual + smallest > 0:
            return f"by {_size(middle, positive=positive)} at {near[0].isoformat()}, where they would join"
    return ""


def _constant_factor(ratios: Sequence[float]) -> float:
    """The factor by which all figures changed, as after a change of base; 0 when there is none."""
    if len(ratios) < CONSTANT_OVERLAP:
        return 0.0
    low, *_, high = quantiles(ratios, n=20)
    middle = (low + high) / 2
    return middle if abs(middle - 1) > SHIFT and (high - low) / middle < SPREAD else 0.0


def _nearest(common: Sequence[date], kept: Sequence[date], edge: Callable[[Sequence[date]], date]) -> Sequence[date]:
    """The common dates next to the last or first of the older figures that would be kept."""
    if not kept:
        return ()
    join = edge(kept)
    return sorted(common, key=lambda day: (abs(day - join), day))[:AT_THE_JOIN]


def _step_without_overlap(
    levels: Mapping[date, float], newer: Mapping[date, float], *, positive: bool, smallest: float
) -> str:
    before = [day for day in levels if day < min(newer)]
    steps = _steps(levels)
    if not before or len(steps) < CONSTANT_OVERLAP:
        return ""
    last, first = max(before), min(newer)
    usual_gap = median((late - early).days for early, late in pairwise(sorted(levels)))
    periods = max(1.0, (first - last).days / usual_gap)
    step = newer[first] - levels[last]
    if abs(step) <= max(smallest, USUAL_STEPS * max(steps) * periods):
        return ""
    size = _size(step, positive=positive)
    return f"by {size} from {last.isoformat()} to {first.isoformat()}, more than ever before, and no date is common"


def _size(shift: float, *, positive: bool) -> str:
    return f"a factor of {math.exp(min(shift, MAX_LOG)):.4g}" if positive else f"an offset of {shift:.4g}"


def _steps(levels: Mapping[date, float]) -> list[float]:
    return [abs(levels[late] - levels[early]) for early, late in pairwise(sorted(levels))]
