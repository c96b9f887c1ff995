"""The daily forecast of spend: days and months ahead, for each series and for accounts, cost centers and the total.

Everything adds up: an account's series are reconciled with the forecast of the account as a whole, and all coarser
levels are sums of the reconciled series. Provisional days are forecast as well; what is known of them is a lower bound.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from bellwether.finops.domain import conformal
from bellwether.finops.domain.conformal import Calibration, Interval, Origin
from bellwether.finops.domain.recipe import SeriesClass, forecast
from bellwether.finops.domain.spend_policy import SpendPolicy
from bellwether.finops.domain.spend_series import SeriesKey, SpendSeries, last_final_day, summed, utc_day

BACKTEST_DAYS = 34  # how far the origins of the backtest look ahead: the longest month and the provisional days
LONGEST_BACKTEST = 120  # days before the end from which origins are taken


Past = Mapping[SeriesKey, list[tuple[float, ...]]]  # by series, a path for each origin of the backtest


class Level(StrEnum):
    """How coarse a figure is."""

    SERIES = "series"
    ACCOUNT = "account"
    COST_CENTER = "cost_center"
    TOTAL = "total"


_KEYS: Mapping[Level, Callable[[SeriesKey], SeriesKey]] = {
    Level.SERIES: lambda key: key,
    Level.ACCOUNT: lambda key: replace(key, service="", cost_center=""),
    Level.COST_CENTER: lambda key: replace(key, service="", account=""),
    Level.TOTAL: lambda key: replace(key, service="", cost_center="", account=""),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One series, or a sum of series, with its forecast of the days after `history.last_day` and its backtest."""

    level: Level
    history: SpendSeries
    path: tuple[float, ...]
    method: str
    series_class: SeriesClass | None  # None for a sum
    usual: tuple[float, ...]  # the provisional days as the final days let expect them
    origins: tuple[Origin, ...] = ()

    @property
    def key(self) -> SeriesKey:
        """What it is of; parts that the level leaves out are empty."""
        return self.history.key


@dataclass(frozen=True, slots=True)
class Total:
    """Forecast of the sum from `first` to `last`: `booked` are its final days, `mean` includes them."""

    node: Node
    first: date
    last: date
    booked: float
    mean: float
    intervals: tuple[Interval, ...]
    size: float  # scale of the error, USD
    calibration: Calibration

    def quantile(self, share: float) -> float:
        """Amount that the sum stays below with this probability."""
        return max(self.booked, self.mean + self.size * self.calibration.quantile(share))


@dataclass(frozen=True, slots=True)
class SpendForecast:
    """All that was forecast at one moment."""

    known_at: datetime
    last_final_day: date
    policy: SpendPolicy
    nodes: tuple[Node, ...]

    def of(self, level: Level) -> list[Node]:
        """Nodes of one level, by key."""
        return [node for node in self.nodes if node.level is level]

    def month(self, node: Node, month: date | None = None) -> Total:
        """Total of a calendar month, by default the one that is running."""
        first = (month or utc_day(self.known_at)).replace(day=1)
        return self.total(node, first, month_end(first))

    def total(self, node: Node, first: date, last: date) -> Total:
        """Sum from one day to another; raises ValueError when it reaches past the forecast."""
        skipped, days = max(0, (first - self.last_final_day).days - 1), (last - self.last_final_day).days
        if days > len(node.path):
            raise ValueError(f"the forecast ends before {last}")
        booked = node.history.between(first, last)
        if days <= 0:
            nothing = Calibration(1, 1.0, (0.0,) * (conformal.GRID + 1))
            exact = tuple(Interval(level, booked, booked) for level in conformal.LEVELS)
            return Total(node, first, last, booked, booked, exact, 0.0, nothing)
        remaining = sum(node.path[skipped:days])
        calibration = conformal.nearest(self.policy.sum_calibrations, days - skipped)
        size = self._scale(node, skipped, days, remaining, calibration)
        seen = sum(node.history.provisional[skipped:days])  # a provisional day grows, it does not shrink
        spans = tuple(
            Interval(each.level, booked + max(each.lower, seen), booked + max(each.upper, seen))
            for each in conformal.intervals(remaining, size, calibration)
        )
        return Total(node, first, last, booked, booked + remaining, spans, size, calibration)

    def day(self, node: Node, day: date) -> Total:
        """One day after the last final one."""
        return self._day(node, day, node.path)

    def usual_day(self, node: Node, day: date) -> Total:
        """A provisional day as the final days let expect it, whatever is known of it."""
        return self._day(node, day, node.usual)

    def _day(self, node: Node, day: date, path: Sequence[float]) -> Total:
        ahead = (day - self.last_final_day).days
        amount = path[ahead - 1]
        calibration = conformal.nearest(self.policy.day_calibrations, ahead)
        size = self._scale(node, ahead - 1, ahead, amount, calibration)
        return Total(node, day, day, 0.0, amount, conformal.intervals(amount, size, calibration), size, calibration)

    def _scale(self, node: Node, skipped: int, days: int, amount: float, calibration: Calibration) -> float:
        length = days - skipped
        own = conformal.own_error(node.origins, skipped, days)
        history = node.history.amounts
        return conformal.scale(own, conformal.roughness(history), calibration.ratio, length, amount, len(history))


def month_end(day: date) -> date:
    """Last day of the month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def forecast_spend(
    series: Sequence[SpendSeries],
    known_at: datetime,
    policy: SpendPolicy = SpendPolicy(),  # noqa: B008 - frozen
    days_ahead: int = 90,
    backtest_days: int = LONGEST_BACKTEST,
) -> SpendForecast:
    """Forecast every series to `days_ahead` days after `known_at`, and to the end of its month at least.

    Errors of the last `backtest_days` decide on the width of a series' intervals; without them its roughness does.
    `series` are those of `usage_series` at the same moment and with the same number of provisional days.
    """
    last = last_final_day(known_at, policy.provisional_days)
    until = max(month_end(utc_day(known_at)), utc_day(known_at) + timedelta(days=days_ahead))
    ready = [_with_history(each) for each in series]
    days = (until - last).days
    leaves = [_leaf(each, days, policy) for each in ready]
    grid = tuple(range(conformal.STEP_DAYS, backtest_days + 1, conformal.STEP_DAYS))
    past: Past = {node.key: [_path(node.history, back, BACKTEST_DAYS, policy) for back in grid] for node in leaves}
    if policy.reconciliation != "bottom_up":
        leaves, past = _reconciled(leaves, past, days, grid, policy)
    nodes = [node for level in Level for node in _nodes(level, leaves, past, grid)]
    return SpendForecast(known_at, last, policy, tuple(nodes))


def _with_history(series: SpendSeries) -> SpendSeries:
    """A series whose days are all provisional is forecast from these: an answer on its first day."""
    if series.amounts or not series.provisional:
        return series
    seen = [amount for amount in series.provisional if amount > 0] or [0.0]
    return replace(series, amounts=(sum(seen) / len(seen),))


def _leaf(series: SpendSeries, days: int, policy: SpendPolicy) -> Node:
    made = forecast(series.amounts, series.last_day, days, policy.recipe, policy.holidays)
    path = tuple(
        max(amount, series.provisional[at]) if at < len(series.provisional) else amount
        for at, amount in enumerate(made.amounts)
    )
    method = f"{made.method}; {policy.method}"
    return Node(Level.SERIES, series, path, method, made.series_class, made.amounts[: len(series.provisional)])


def _path(series: SpendSeries, back: int, days: int, policy: SpendPolicy) -> tuple[float, ...]:
    known = len(series.amounts) - back
    if known <= 0:
        return (0.0,) * days
    last_day = series.last_day - timedelta(days=back)
    return forecast(series.amounts[:known], last_day, days, policy.recipe, policy.holidays).amounts


def _reconciled(
    leaves: list[Node], past: Past, days: int, grid: tuple[int, ...], policy: SpendPolicy
) -> tuple[list[Node], Past]:
    """Scale the series of each account, day by day, to the forecast of the account's sum, or half-way to it."""
    account_of = _KEYS[Level.ACCOUNT]
    weight = 1.0 if policy.reconciliation == "top_down" else 0.5
    by_account: dict[SeriesKey, list[Node]] = defaultdict(list)
    for node in leaves:
        by_account[account_of(node.key)].append(node)
    scaled: dict[SeriesKey, Node] = {}
    scaled_past: dict[SeriesKey, list[tuple[float, ...]]] = {}
    for whole in summed([node.history for node in leaves], account_of):
        members = by_account[whole.key]
        top = forecast(whole.amounts, whole.last_day, days, policy.recipe, policy.holidays).amounts
        for node, path in zip(members, _scaled([node.path for node in members], top, weight), strict=True):
            scaled[node.key] = replace(node, path=path)
        paths = {node.key: list(past[node.key]) for node in members}
        for at, back in enumerate(grid):
            top = _path(whole, back, BACKTEST_DAYS, policy)
            made = _scaled([paths[node.key][at] for node in members], top, weight)
            for node, path in zip(members, made, strict=True):
                paths[node.key][at] = path
        scaled_past |= paths
    return [scaled[node.key] for node in leaves], scaled_past


def _scaled(paths: Sequence[tuple[float, ...]], top: Sequence[float], weight: float) -> list[tuple[float, ...]]:
    factors = [
        1 + weight * (whole / parts - 1) if (parts := sum(path[step] for path in paths)) > 0 else 1.0
        for step, whole in enumerate(top)
    ]
    return [tuple(amount * factor for amount, factor in zip(path, factors, strict=True)) for path in paths]


def _nodes(level: Level, leaves: list[Node], past: Past, grid: tuple[int, ...]) -> list[Node]:
    groups: dict[SeriesKey, list[Node]] = defaultdict(list)
    for node in leaves:
        groups[_KEYS[level](node.key)].append(node)
    found = []
    for history in summed([node.history for node in leaves], _KEYS[level]):
        members = groups[history.key]
        made = _origins(history, [past[node.key] for node in members], grid)
        if level is Level.SERIES:
            found.append(replace(members[0], origins=made))
            continue
        path = tuple(map(sum, zip(*(node.path for node in members), strict=True)))
        usual = tuple(map(sum, zip(*(node.usual for node in members), strict=True)))
        found.append(Node(level, history, path, f"sum of {len(members)} series", None, usual, made))
    return found


def _origins(
    history: SpendSeries, paths: Sequence[list[tuple[float, ...]]], grid: tuple[int, ...]
) -> tuple[Origin, ...]:
    """The backtest of a sum: forecasts of its members added up, beside what came."""
    found = []
    for at, back in enumerate(grid):
        known = len(history.amounts) - back
        if known < conformal.FEWEST_DAYS:
            break
        made = map(sum, zip(*(each[at] for each in paths), strict=True))
        came = history.amounts[known : known + BACKTEST_DAYS]
        found.append(
            Origin(
                known,
                conformal.roughness(history.amounts[:known]),
                (0.0, *accumulate(made)),
                (0.0, *accumulate(came)),
            )
        )
    return tuple(found)
