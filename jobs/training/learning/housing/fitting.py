"""Fit the model on sales: price level and ridge by turns, encodings, trees, and how far off the trees are.

The index comes from the ridge's residuals. Estimating it anew from the trees' out-of-fold residuals, and fitting them
again, made valuations worse after each of three days of King County (MAPE 11.42 → 11.53% at the last).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import TooLittleDataError
from .booster import fit_spread, fit_trees, predict_trees
from .comparables import PastSales, past_sales
from .dataset import Array, Houses, Ints, Sales
from .encoders import Encoder, fit_encoder, keys_of, out_of_fold
from .features import Table, assemble, build
from .hedonic import Hedonic, fit_hedonic, fit_hedonic_out_of_fold
from .index import PriceIndex, fit_index, monthly_means
from .intervals import BLOCKS, reach_of
from .parameters import BoosterParameters
from .valuer import Valuer

FOLDS = 5
TURNS = 3  # of ridge and index
FEWEST_SALES = 200
TREE_FOLDS = 3


@dataclass(frozen=True)
class Groundwork:
    """All that the trees stand on: what is learnt from the sales before the trees, and the trees' own lesson.

    `table` and `deflated` are the training rows: what a row's features hold of prices comes from other rows only.
    """

    houses: Houses
    index: PriceIndex
    hedonic: Hedonic
    encoders: tuple[Encoder, ...]
    past: PastSales
    table: Table
    deflated: Array

    def view(self, houses: Houses) -> Table:
        """Features of other houses."""
        return build(houses, self.encoders, self.hedonic, self.past)


def lay_ground(sales: Sales, seed: int) -> Groundwork:
    """Learn price level, ridge, encodings and comparables; raises TooLittleDataError."""
    if len(sales) < FEWEST_SALES:
        raise TooLittleDataError(f"{len(sales)} sales to learn from, at least {FEWEST_SALES} are needed")
    houses, price, months = sales.houses, np.log(sales.price), sales.houses.months
    folds = _folds(len(sales), FOLDS, seed)
    index = fit_index(monthly_means(months, price - price.mean()))
    for _ in range(TURNS):
        hedonic = fit_hedonic(houses, price - index.at(months))
        index = fit_index(monthly_means(months, price - hedonic.predict(houses)))
    deflated = price - index.at(months)
    unseen = fit_hedonic_out_of_fold(houses, deflated, folds)
    residual = deflated - unseen
    targets = np.column_stack([deflated, residual])
    keys = keys_of(houses.codes.shape[1])
    past = past_sales(houses, deflated, residual)
    encodings = [(key, out_of_fold(houses, key, targets, folds)) for key in keys]
    return Groundwork(
        houses=houses,
        index=index,
        hedonic=fit_hedonic(houses, deflated),
        encoders=tuple(fit_encoder(houses, key, targets) for key in keys),
        past=past,
        table=assemble(houses, encodings, unseen, past.features(houses)),
        deflated=deflated,
    )


def fit_valuer(sales: Sales, parameters: BoosterParameters, seed: int) -> Valuer:
    """Fit all parts on sales, sorted by day; raises TooLittleDataError."""
    ground = lay_ground(sales, seed)
    residual = out_of_fold_residual(ground, parameters.coarse, seed)
    return Valuer(
        index=ground.index,
        hedonic=ground.hedonic,
        encoders=ground.encoders,
        past=ground.past,
        trees=fit_trees(ground.table, ground.deflated, parameters, seed),
        spread=fit_spread(ground.table, residual, seed),
        reach=_reach(sales, residual, parameters.coarse, seed),
    )


def out_of_fold_residual(ground: Groundwork, parameters: BoosterParameters, seed: int) -> Array:
    """How far above the trees' valuation each sale was, by trees that have not seen its fold."""
    folds, result = _folds(len(ground.deflated), TREE_FOLDS, seed + 1), np.empty(len(ground.deflated))
    for fold in range(TREE_FOLDS):
        own = folds == fold
        trees = fit_trees(ground.table.take(~own), ground.deflated[~own], parameters, seed)
        result[own] = ground.deflated[own] - predict_trees(trees, ground.table.values[own])
    return result


def _reach(sales: Sales, residual: Array, parameters: BoosterParameters, seed: int) -> Mapping[float, float]:
    """Interval widths from errors in time order: the newest blocks of sales, each valued from what was before it."""
    ratios = []
    days = sales.houses.days
    for first, last in BLOCKS:
        start, stop = (int(days[min(len(days) - 1, round(share * len(days)))]) for share in (first, last))
        earlier, block = sales.before(start), sales.since(start).before(stop if last < 1.0 else stop + 1)
        if len(earlier) < FEWEST_SALES or not len(block):
            continue
        ground = lay_ground(earlier, seed)
        trees = fit_trees(ground.table, ground.deflated, parameters, seed)
        spread = fit_spread(ground.table, residual[: len(earlier)], seed)
        seen = ground.view(block.houses).values
        valued = ground.index.at(block.houses.months) + predict_trees(trees, seen)
        ratios.append(np.abs(np.log(block.price) - valued) / np.exp(predict_trees(spread, seen)))
    return reach_of(np.concatenate(ratios) if ratios else np.empty(0))


def _folds(rows: int, folds: int, seed: int) -> Ints:
    result: Ints = np.random.default_rng(seed).permutation(np.arange(rows, dtype=np.int64) % folds)
    return result
