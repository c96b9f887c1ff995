"""A valuation in figures: errors beside the baseline's, significance, interval coverage, slices. `evaluation.json`:

    {
      "schema_version": 1, "model": "housing", "target": "price", "unit": "USD",
      "dataset_sha256": …, "bundle_sha256": …, "seed": 7,
      "split": {
        "by": "dates" | "auto", "first_day": …, "train_before": …, "eval_before": …, "holdout_before": …,
        "n_train": …, "n_eval": …, "n_holdout": …
      },
      "baselines": {"median_by_place": "<how it is made>"},
      "holdout": <Scores>,         # of a model that saw nothing from `eval_before` on: what the gate reads
      "holdout_online": <Scores>,  # the same trees; before each month the price index is estimated anew from sales
      "eval": <Scores>,            # of a model that saw nothing from `train_before` on; tuning looked at these sales
      "tuning": {"trials", "pruned", "score_of_defaults", "best_score", "kept_defaults", "chosen": {…}},
      "training": {"seconds", "rounds", "rows", "loss_curve": [{"round", "train", "eval"}]},
      "feature_importance": [{"feature", "share"}]
    }

<Scores>: {
      "n", "first_day", "last_day",
      "mape": {"model", "median_by_place"},   # mean of |valued - paid| / paid
      "rmse": {"model", "median_by_place"},   # in the target's unit
      "r2", "bias",                           # bias: mean of (valued - paid) / paid
      "versus": {"median_by_place": {"mape_ratio", "dm_statistic", "p_value"}},
      "intervals": [{"level", "coverage", "mean_width", "n"}],   # mean_width in the target's unit
      "slices": [{"slice", "n", "mape": {"model", "median_by_place"}}]
    }

All errors, bias and ratios are plain shares, .1 = 10%. `p_value` is one-sided, small = the model's relative errors are
smaller. `loss_curve` holds the mean absolute error of log prices after some of the rounds of the chosen trial, which
learnt from sales before `train_before` and was watched on those of `eval`. All figures are finite; `training.seconds`
alone differs between two equal trainings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..significance import diebold_mariano
from . import baseline
from .dataset import Array, Sales, format_day
from .valuer import Valuer, Values

MODEL = "model"
FEWEST_IN_SLICE = 30
MOST_PLACES = 5
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Valued:
    """Later sales, what the model and the baseline say of them, and the intervals' reach."""

    sales: Sales
    values: Values
    median_by_place: Array
    reach: Mapping[float, float]
    known_places: frozenset[str]


def value_later(valuer: Valuer, values: Values, learnt: Sales, later: Sales) -> Valued:
    """Put a model's values of later sales beside those of the baseline, from the same sales that the model learnt."""
    medians = baseline.median_by_place(learnt, later.houses)
    return Valued(later, values, medians, valuer.reach, frozenset(_levels(learnt, 0)))


def evaluate(valued: Valued) -> Mapping[str, Any]:
    """One <Scores> of evaluation.json."""
    sales, paid = valued.sales, valued.sales.price
    own, other = (_relative(each, paid) for each in (valued.values.price, valued.median_by_place))
    squares = float(np.mean((valued.values.price - paid) ** 2))
    return {
        "n": len(sales),
        "first_day": format_day(sales.houses.days[0]),
        "last_day": format_day(sales.houses.days[-1]),
        "mape": _mape(own, other, np.ones(len(sales), dtype=np.bool_)),
        "rmse": {
            MODEL: squares**0.5,
            baseline.NAME: float(np.sqrt(np.mean((valued.median_by_place - paid) ** 2))),
        },
        "r2": 1.0 - squares / max(float(np.var(paid)), 1e-12),
        "bias": float(own.mean()),
        "versus": {baseline.NAME: _versus(own, other)},
        "intervals": [_coverage(valued, level) for level in valued.reach],
        "slices": list(_slices(valued, own, other)),
    }


def holdout_csv(valued: Valued, online: Values) -> str:
    """Every sale of the holdout with its valuations, for people and charts."""
    houses = valued.sales.houses
    columns: dict[str, Any] = {
        "id": houses.ids,
        "day": [format_day(day) for day in houses.days],
        "paid": valued.sales.price,
        MODEL: valued.values.price,
        "model_online": online.price,
        baseline.NAME: valued.median_by_place,
    }
    for level, reach in valued.reach.items():
        columns[f"lower_{level:g}"], columns[f"upper_{level:g}"] = valued.values.bounds(reach)
    return pd.DataFrame(columns).to_csv(index=False, float_format="%.2f", lineterminator="\n")


def _relative(valued: Array, paid: Array) -> Array:
    return (valued - paid) / paid


def _mape(own: Array, other: Array, rows: Mask) -> Mapping[str, float]:
    return {MODEL: float(np.mean(np.abs(own[rows]))), baseline.NAME: float(np.mean(np.abs(other[rows])))}


def _versus(own: Array, other: Array) -> Mapping[str, float]:
    # The test is of squared errors; roots of absolute ones make it one of absolute ones. Sales of the same weeks share
    # what the index got wrong, so correlations over the third root of their number count.
    lags = max(1, round(len(own) ** (1 / 3)))
    test = diebold_mariano(np.sqrt(np.abs(own)), np.sqrt(np.abs(other)), lags)
    ratio = float(np.mean(np.abs(own)) / max(1e-12, float(np.mean(np.abs(other)))))
    return {"mape_ratio": max(ratio, 1e-9), "dm_statistic": test.statistic, "p_value": test.p_value}


def _coverage(valued: Valued, level: float) -> Mapping[str, Any]:
    lower, upper = valued.values.bounds(valued.reach[level])
    held = (valued.sales.price >= lower) & (valued.sales.price <= upper)
    width = float(np.mean(upper - lower))
    return {"level": level, "coverage": float(held.mean()), "mean_width": width, "n": len(held)}


def _slices(valued: Valued, own: Array, other: Array) -> Iterator[Mapping[str, Any]]:
    """Parts that can be told before the sale; those with too few sales are left out."""
    for name, rows in _parts(valued):
        if rows.sum() >= FEWEST_IN_SLICE:
            yield {"slice": name, "n": int(rows.sum()), "mape": _mape(own, other, rows)}


def _parts(valued: Valued) -> Iterator[tuple[str, Mask]]:
    houses = valued.sales.houses
    middle = houses.days[len(houses) // 2]
    yield "first half", houses.days < middle
    yield "second half", houses.days >= middle
    low, high = np.quantile(valued.values.price, (1 / 3, 2 / 3))
    yield "cheapest third by the model's value", valued.values.price <= low
    yield "middle third by the model's value", (valued.values.price > low) & (valued.values.price <= high)
    yield "dearest third by the model's value", valued.values.price > high
    for category, column in enumerate(houses.schema.categories[:2]):
        codes = houses.codes[:, category]
        count = np.bincount(codes, minlength=len(houses.levels[category]))
        for code in np.argsort(-count, kind="stable")[:MOST_PLACES]:
            yield f"{column.name} {houses.levels[category][code]}", codes == code
    if houses.schema.categories:
        known = np.array([level in valued.known_places for level in houses.levels[0]])
        yield "places never seen in training", ~known[houses.codes[:, 0]]


def _levels(sales: Sales, category: int) -> Sequence[str]:
    if category >= sales.houses.codes.shape[1]:
        return []
    return [sales.houses.levels[category][code] for code in np.unique(sales.houses.codes[:, category])]
