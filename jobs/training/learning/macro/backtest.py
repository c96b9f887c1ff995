"""Rolling origin, expanding window, periodic re-estimation: what the forecasts would have been."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..months import Span
from .baselines import Autoregression
from .dataset import Panel, Series
from .estimators import PART_NAMES, TREES, fit_part
from .features import FeatureTable, build
from .known import view
from .parameters import EnsembleParameters
from .splits import Pairs, Rows, make_pairs
from .transforms import Array

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Schedule:
    """After how many months each part is estimated anew, and which parts there are."""

    linear_months: int = 1
    tree_months: int = 3
    parts: tuple[str, ...] = PART_NAMES

    def months(self, part: str) -> int:
        """Months between two estimations of a part."""
        return self.tree_months if part == TREES else self.linear_months


@dataclass(frozen=True)
class HorizonForecasts:
    """Forecasts of one horizon, in time order, one entry an origin; levels in units of the target."""

    horizon: int
    origins: Rows
    excluded: NDArray[np.bool_]
    actual: Array
    parts: Mapping[str, Array]
    random_walk: Array
    ar: Array
    change12: Array

    def mean_of(self, weights: Mapping[str, float]) -> Array:
        """The forecast of an ensemble of some parts, weights adding up to 1."""
        result: Array = np.sum([weight * self.parts[name] for name, weight in weights.items()], axis=0)
        return result


@dataclass(frozen=True)
class Problem:
    """What a backtest needs to know: features by row, the published figure, pairs for each horizon."""

    table: FeatureTable
    published: Array
    pairs: tuple[Pairs, ...]

    def until(self, stop: int) -> "Problem":
        """The same problem as if rows from `stop` on did not exist."""
        table = self.table
        rows = FeatureTable(table.first_month, table.names, table.values[:stop], table.level[:stop])
        return Problem(rows, self.published[:stop], tuple(pairs.until(stop) for pairs in self.pairs))


def pose(
    panel: Panel, series: Sequence[Series], target: str, horizons: Sequence[int], excluded: Span | None
) -> Problem:
    """Make features and pairs from a panel; nothing in a row of features was unknown at its origin."""
    table = build(view(panel, series, target), target)
    published = panel.column(target)
    pairs = (make_pairs(table.level, published, horizon, excluded, panel.first_month) for horizon in horizons)
    return Problem(table, published, tuple(pairs))


def run_backtest(
    problem: Problem,
    targets: range,
    parameters: EnsembleParameters,
    schedule: Schedule,
    seed: int,
    progress: Progress = lambda done, total: None,  # noqa: ARG005
) -> tuple[HorizonForecasts, ...]:
    """Forecast every target month in a range of rows at every horizon, each from its own origin.

    A part is fitted at the first origin of a block of months, on pairs whose outcome was known there, and serves the
    origins of that block. Blocks are fitted side by side; the result does not depend on their order. `progress` hears
    of each block: blocks done, blocks in all.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        pending = [_submit(pool, problem, pairs, targets, parameters, schedule, seed) for pairs in problem.pairs]
        blocks = [block for parts in pending for each in parts.values() for block in each]
        for done, _ in enumerate(as_completed(blocks), start=1):
            progress(done, len(blocks))
        return tuple(
            _collect(problem, pairs, pairs.origins(targets), parts)
            for pairs, parts in zip(problem.pairs, pending, strict=True)
        )


def _submit(
    pool: ThreadPoolExecutor,
    problem: Problem,
    pairs: Pairs,
    targets: range,
    parameters: EnsembleParameters,
    schedule: Schedule,
    seed: int,
) -> Mapping[str, Sequence[Future[Array]]]:
    features = problem.table.values

    def forecast(part: str, block: Rows) -> Array:
        rows = pairs.known_at(int(block[0]))
        return fit_part(part, features[rows], pairs.outcome[rows], parameters, seed).predict(features[block])

    origins = pairs.origins(targets)
    return {
        part: [pool.submit(forecast, part, block) for block in _blocks(origins, schedule.months(part))]
        for part in schedule.parts
    }


def _collect(
    problem: Problem, pairs: Pairs, origins: Rows, blocks: Mapping[str, Sequence[Future[Array]]]
) -> HorizonForecasts:
    level = problem.table.level
    autoregression = Autoregression(level)
    ar = np.array([autoregression.forecast(pairs, int(origin)) for origin in origins])
    return HorizonForecasts(
        horizon=pairs.horizon,
        origins=origins,
        excluded=pairs.excluded[origins],
        actual=problem.published[origins + pairs.horizon],
        parts={part: level[origins] + np.concatenate([one.result() for one in each]) for part, each in blocks.items()},
        random_walk=problem.published[origins],
        ar=level[origins] + ar,
        change12=level[origins] - level[np.maximum(origins - 12, 0)],
    )


def _blocks(origins: Rows, months: int) -> Iterator[Rows]:
    start = 0
    while start < len(origins):
        stop = int(np.searchsorted(origins, origins[start] + months))
        yield origins[start:stop]
        start = stop
