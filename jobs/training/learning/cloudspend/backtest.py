"""The rolling backtest: month totals of accounts, made on several days of past months, by every candidate.

Nothing later than its origin reaches a forecast. Each total is what was booked until the origin and the forecast of the
days left. Accounts are the level of scoring, because people own accounts or their cost centers as a whole.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from . import conformal, trees
from .channel import Dataset, Series
from .conformal import Calibration, Origin
from .recipe import WINDOW_DAYS, Recipe, SeriesClass, forecast

MADE_ON = (1, 5, 10, 15, 20, 25)
LONGEST_DAYS = 31
MEDIAN5 = ("naive7", "ses", "theta", "median7", "median14")
CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "median5": MEDIAN5,
    "median3": ("ses", "theta", "median7"),
    "smoothing": ("ses",),
}
WEEKLY_NAIVE, OPTSCALE = "weekly_naive", "optscale_rule"
BASELINES: Mapping[str, str] = {
    WEEKLY_NAIVE: "the same days of the last week",
    OPTSCALE: "OptScale's rule: month to date and the average day of this and last month for each day left",
}
RECONCILIATIONS = ("bottom_up", "top_down", "mean")
SUM_DAYS = (1, 2, 3, 5, 7, 10, 14, 18, 22, 26, 31)
DAY_LEADS = (1, 3, 7, 14, 28)
Path = Sequence[float]


@dataclass(frozen=True)
class Task:
    """One month total of one account, made on one day."""

    account: str
    month: date
    made_on: date
    last: date  # day of the month
    booked: float
    actual: float
    days_left: int


@dataclass(frozen=True)
class Made:
    """A task with the totals of every candidate and baseline."""

    task: Task
    totals: Mapping[str, float]


def months_before(last_day: date, count: int) -> list[date]:
    """First days of the newest complete months, oldest first."""
    month = (last_day + timedelta(days=1)).replace(day=1)
    found = []
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
        found.append(month)
    return found[::-1]


def recipe_of(name: str, floor: float) -> Recipe:
    """The recipe of a candidate: its members for steady and weekly series, means for intermittent ones."""
    default = Recipe(floor_a_day=floor)
    members = dict(default.members)
    for kind in (SeriesClass.STEADY, SeriesClass.WEEKLY):
        members[kind] = CANDIDATES[name]
    return replace(default, members=members)


def until(series: Series, dataset: Dataset, day: date) -> tuple[float, ...]:
    """Amounts up to a day."""
    return series.amounts[: max(0, len(series.amounts) - (dataset.last_day - day).days)]


def by_account(dataset: Dataset) -> dict[str, list[Series]]:
    """Series of each account."""
    found: dict[str, list[Series]] = defaultdict(list)
    for series in dataset.series:
        found[series.key[0]].append(series)
    return dict(found)


def added(series: Sequence[Series]) -> tuple[float, ...]:
    """Sum of series that end together."""
    sums = [0.0] * max(len(each.amounts) for each in series)
    for each in series:
        shift = len(sums) - len(each.amounts)
        for place, amount in enumerate(each.amounts):
            sums[shift + place] += amount
    return tuple(sums)


def run(
    dataset: Dataset,
    months: Sequence[date],
    floor: float,
    boosters: Mapping[date, Any],
    candidates: Sequence[str] = tuple(CANDIDATES),
) -> list[Made]:
    """Month totals of all accounts in these months; `boosters` are trees by the month before which they were fitted."""
    found = []
    for account, members in sorted(by_account(dataset).items()):
        whole = Series((account, "", ""), added(members))
        for month in months:
            for day in MADE_ON:
                origin = month.replace(day=day)
                task = _task(account, whole, dataset, month, origin)
                if task is None:
                    continue
                known = until(whole, dataset, origin)
                parts = [until(each, dataset, origin) for each in members]
                totals = _baselines(known, task)
                for name in candidates:
                    recipe = recipe_of(name, floor)
                    bottom = sum(sum(forecast(part, origin, task.days_left, recipe).amounts) for part in parts if part)
                    top = sum(forecast(known, origin, task.days_left, recipe).amounts)
                    for way, left in zip(RECONCILIATIONS, (bottom, top, (bottom + top) / 2), strict=True):
                        totals[f"{name} {way}"] = task.booked + left
                if (booster := boosters.get(month)) is not None:
                    totals["trees bottom_up"] = task.booked + sum(
                        _trees_sum(booster, part, task, floor) for part in parts
                    )
                found.append(Made(task, totals))
    return found


def _trees_sum(booster: Any, part: Path, task: Task, floor: float) -> float:
    """Trees where the history is long enough, the recipe elsewhere."""
    if not part:
        return 0.0
    recipe = recipe_of("median5", floor)
    own = forecast(part, task.made_on, task.days_left, recipe)
    if own.series_class in {SeriesClass.INTERMITTENT, SeriesClass.TOO_SMALL}:
        return sum(own.amounts)
    answer = trees.predict(booster, part, task.days_left)
    return sum(own.amounts if answer is None else answer)


def _task(account: str, whole: Series, dataset: Dataset, month: date, origin: date) -> Task | None:
    last = (month + timedelta(days=LONGEST_DAYS)).replace(day=1) - timedelta(days=1)
    known, came = until(whole, dataset, origin), until(whole, dataset, last)
    actual = sum(came[max(0, len(came) - last.day) :])
    if len(known) < 14 or actual <= 0 or last <= origin:
        return None
    return Task(account, month, origin, last, sum(known[-origin.day :]), actual, (last - origin).days)


def _baselines(known: Path, task: Task) -> dict[str, float]:
    left, before = task.days_left, (task.month - timedelta(days=1)).day
    recent = known[-(task.made_on.day + before) :]
    return {
        WEEKLY_NAIVE: task.booked + sum(known[-7 + step % 7] for step in range(left)),
        OPTSCALE: task.booked + fmean(recent) * left,
    }


# --- errors -------------------------------------------------------------------------------------------------------


def scored(made: Sequence[Made], floor: float) -> list[Made]:
    """Tasks of accounts above the floor: a month's total of less is shown elsewhere, and not scored."""
    return [each for each in made if each.task.actual >= floor * each.task.last.day]


def errors(made: Sequence[Made], name: str) -> dict[str, float]:
    """Error measures of one candidate or baseline: MSE and RMSE in currency, MAPE and bias as shares."""
    pairs = [(each.totals[name], each.task.actual) for each in made if name in each.totals]
    squared = fmean((total - actual) ** 2 for total, actual in pairs)
    shares = [abs(total - actual) / actual for total, actual in pairs]
    return {
        "mse": squared,
        "rmse": squared**0.5,
        "mape": fmean(shares),
        "median_ape": median(shares),
        "within_12": fmean(share <= 0.12 for share in shares),
        "bias": fmean((total - actual) / actual for total, actual in pairs),
    }


def choose(made: Sequence[Made]) -> str:
    """The candidate with the lowest MAPE that the daily forecast can compute: trees are a second opinion only."""
    names = {name for each in made for name in each.totals} - set(BASELINES)
    eligible = sorted(name for name in names if not name.startswith("trees"))
    return min(eligible, key=lambda name: errors(made, name)["mape"])


# --- intervals ----------------------------------------------------------------------------------------------------


def account_origins(dataset: Dataset, name: str, way: str, floor: float, days: int = 150) -> list[list[Origin]]:
    """The backtest of each account's sum by the chosen candidate, from origins every third day."""
    recipe = recipe_of(name, floor)
    found = []
    for members in by_account(dataset).values():
        whole = added(members)
        if fmean(whole[-WINDOW_DAYS:]) < floor:
            continue
        starts = [len(whole) - len(each.amounts) for each in members]

        def path(
            history: Path, last: int, ahead: int, members: list[Series] = members, starts: list[int] = starts
        ) -> list[float]:
            day = dataset.last_day - timedelta(days=len(starts) and _length(members) - 1 - last)
            top = [0.0] * ahead
            if way != "bottom_up":
                top = list(forecast(history, day, ahead, recipe).amounts)
            bottom = [0.0] * ahead
            if way != "top_down":
                for each, start in zip(members, starts, strict=True):
                    if (known := last + 1 - start) > 0:
                        made = forecast(each.amounts[:known], day, ahead, recipe).amounts
                        bottom = [one + other for one, other in zip(bottom, made, strict=True)]
            if way == "mean":
                return [(one + other) / 2 for one, other in zip(bottom, top, strict=True)]
            return bottom if way == "bottom_up" else top

        made = conformal.origins(whole, LONGEST_DAYS, path)
        found.append([origin for origin in made if origin.known >= len(whole) - days])
    return found


def _length(members: Sequence[Series]) -> int:
    return max(len(each.amounts) for each in members)


def calibrations(series: Sequence[Sequence[Origin]], back: int = 0, *, single_days: bool = False) -> list[Calibration]:
    """Pooled errors at each horizon, from origins whose days were over `back` days before the end."""
    default = tuple(float(step - conformal.GRID / 2) / 20 for step in range(conformal.GRID + 1))
    found = []
    for days in DAY_LEADS if single_days else SUM_DAYS:
        earlier = [
            [each for each in made if each.known + days <= made[0].known + conformal.STEP_DAYS - back]
            for made in series
            if made
        ]
        wanted = Calibration(days, 1.0, default, days - 1 if single_days else 0)
        made_of = conformal.calibrate(earlier, wanted)
        if made_of is not wanted:
            found.append(made_of)
    return found


def coverage(series: Sequence[Sequence[Origin]], table: Sequence[Calibration], back: int) -> list[dict[str, float]]:
    """How often intervals held whose errors were pooled before the newest `back` days, and how wide they were."""
    held: dict[float, list[tuple[bool, float]]] = defaultdict(list)
    for made in series:
        if not made:
            continue
        end = made[0].known + conformal.STEP_DAYS
        for origin in made:
            for days in (7, 14, 26):
                if origin.known < end - back or (sums := origin.sums(0, days)) is None:
                    continue
                calibration = conformal.nearest(table, days)
                own = conformal.own_error(made, 0, days, origin.known)
                size = conformal.scale(own, origin.roughness, calibration.ratio, days, sums[0], origin.known)
                for each in conformal.intervals(sums[0], size, calibration):
                    inside = each.lower <= sums[1] <= each.upper
                    held[each.level].append((inside, (each.upper - each.lower) / max(sums[1], 1e-9)))
    return [
        {
            "level": level,
            "coverage": fmean(inside for inside, _ in seen),
            "mean_width": fmean(width for _, width in seen),
        }
        for level, seen in sorted(held.items())
    ]


def by_size(made: Sequence[Made]) -> dict[str, list[Made]]:
    """Tasks of small, middle and large accounts, a third of the accounts each."""
    sizes: dict[str, float] = defaultdict(float)
    for each in made:
        sizes[each.task.account] += each.task.actual
    ordered = sorted(sizes, key=lambda account: sizes[account])
    edges = [0, len(ordered) // 3, 2 * len(ordered) // 3, len(ordered)]
    groups = {
        name: set(ordered[low:high])
        for name, (low, high) in zip(("small", "middle", "large"), pairwise(edges), strict=True)
    }
    return {
        f"{name} spenders": rows
        for name, accounts in groups.items()
        if (rows := [each for each in made if each.task.account in accounts])
    }
