"""What serves where the model fails: chosen at each origin by errors that were settled there, and by nothing else."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.training.learning.macro.backtest import HorizonForecasts
from jobs.training.learning.macro.evaluation import judge, pandemic_slice
from jobs.training.learning.macro.fallback import FEWEST, WINDOW, fall_back
from jobs.training.learning.macro.gate import parse_limits
from jobs.training.learning.macro.methods import AR, MEAN, MODEL, RANDOM_WALK, autoregressive_change
from jobs.training.learning.months import parse_month

Array = NDArray[np.float64]
COUNT, HORIZON = 300, 6


def forecasts(
    *, model: float = 1.0, ar: float = 1.0, random_walk: float = 1.0, seed: int = 1, excluded: range = range(0)
) -> HorizonForecasts:
    """Independent errors of these sizes around a level."""
    random = np.random.default_rng(seed)
    actual = 6.0 + 0.5 * random.standard_normal(COUNT)
    rows = np.arange(COUNT)
    errors = {name: random.standard_normal(COUNT) for name in ("model", "ar", "random_walk")}
    return HorizonForecasts(
        horizon=HORIZON,
        origins=np.arange(COUNT, dtype=np.intp),
        excluded=np.isin(rows, excluded),
        actual=actual,
        parts={"ridge": actual + model * errors["model"]},
        random_walk=actual + random_walk * errors["random_walk"],
        ar=actual + ar * errors["ar"],
        change12=np.zeros(COUNT),
    )


def methods(given: HorizonForecasts) -> list[str]:
    chosen: list[str] = fall_back(given, given.parts["ridge"], -np.inf).methods.tolist()
    return chosen


def test_with_too_few_settled_errors_the_autoregression_serves() -> None:
    chosen = methods(forecasts())
    first = FEWEST + HORIZON - 1  # the 36th error is settled when its target month is out
    assert set(chosen[:first]) == {AR}
    assert chosen[first] == MEAN


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"model": 1.0, "ar": 1.0, "random_walk": 3.0}, MEAN),  # independent errors of one size: the mean is better
        ({"model": 9.0, "ar": 1.0, "random_walk": 3.0}, AR),
        ({"model": 9.0, "ar": 3.0, "random_walk": 1.0}, RANDOM_WALK),
    ],
)
def test_the_mean_serves_where_it_beat_both_baselines_else_the_better_one(sizes: dict[str, Any], expected: str) -> None:
    given = forecasts(**sizes)
    assert methods(given)[-1] == expected
    assert fall_back(given, given.parts["ridge"], -np.inf).following == expected


def test_no_choice_depends_on_what_came_later() -> None:
    # Given a history, and the same one with everything after an origin replaced
    given, cut = forecasts(random_walk=1.2), 200
    other = forecasts(model=9.0, ar=0.1, random_walk=0.1, seed=2)
    settled = np.arange(COUNT) + HORIZON <= cut

    def spliced(own: Array, later: Array) -> Array:
        return np.where(settled, own, later)

    changed = HorizonForecasts(
        horizon=HORIZON,
        origins=given.origins,
        excluded=given.excluded,
        actual=spliced(given.actual, other.actual),
        parts={"ridge": spliced(given.parts["ridge"], other.parts["ridge"])},
        random_walk=spliced(given.random_walk, other.random_walk),
        ar=spliced(given.ar, other.ar),
        change12=given.change12,
    )
    # When methods are chosen, then they are the same up to that origin, and differ afterwards
    assert methods(changed)[: cut + 1] == methods(given)[: cut + 1]
    assert methods(changed) != methods(given)


def test_only_the_newest_errors_count() -> None:
    # Given a model that was hopeless until long ago, when it is good for a whole window, then its mean serves
    given = forecasts(random_walk=3.0)
    given.parts["ridge"][: COUNT - WINDOW - 2 * HORIZON] += 50.0
    chosen = methods(given)
    assert chosen[COUNT - WINDOW - 2 * HORIZON] == AR
    assert chosen[-1] == MEAN


def test_excluded_months_decide_nothing() -> None:
    # Given a model that errs enormously in excluded months, then the choice afterwards is that without them
    span = range(100, 130)
    given = forecasts(random_walk=3.0, excluded=span)
    wild = forecasts(random_walk=3.0, excluded=span)
    wild.parts["ridge"][100:130] += 1000.0
    assert methods(wild) == methods(given)


def test_a_horizon_that_passes_is_served_by_the_model_and_one_that_fails_says_why() -> None:
    limits = parse_limits("h6 random_walk 1.0 0.05; h6 ar 1.0 0.1; interval 0.8 0.1; slice 1.25 12")
    test = range(100 + HORIZON, COUNT + HORIZON)
    good = judge(forecasts(model=0.5), {"ridge": 1.0}, test, -np.inf, limits)
    bad = judge(forecasts(model=1.3, random_walk=1.5), {"ridge": 1.0}, test, -np.inf, limits)
    assert (good.method, good.evaluation["model_fails"]) == (MODEL, [])
    assert good.served is good.model
    assert bad.method == bad.evaluation["fallback"]["method"] == MEAN
    assert any(reason.startswith("error is 1.") and "ar" in reason for reason in bad.evaluation["model_fails"])
    # The fallback's figures are its own, and the model's stay beside them
    assert bad.served is bad.fallback
    assert bad.evaluation["fallback"]["rmse"]["fallback"] < bad.evaluation["rmse"]["model"]
    assert bad.served_figures["rmse"]["model"] == bad.evaluation["fallback"]["rmse"]["fallback"]


def test_targets_in_2020_stand_apart() -> None:
    # Given a backtest whose first month is 2010-01 and which excludes the months around 2020
    span = range(116, 138)
    judged = judge(forecasts(excluded=span), {"ridge": 1.0}, range(60, COUNT + HORIZON), -np.inf, parse_limits(""))
    apart = pandemic_slice(judged.model, parse_month("2010-01"))
    assert (apart["slice"], apart["n"]) == ("targets in 2020", 12)
    assert set(apart["rmse"]) == {"model", "random_walk", "ar"}
    assert judged.evaluation["n"] == int(judged.model.in_test.sum()) - len(span)


def test_an_autoregression_weighs_the_newest_change_first() -> None:
    level = np.array([5.0, 5.1, 5.4])
    assert autoregressive_change(level, [0.1, 2.0, 3.0]) == pytest.approx(0.1 + 2.0 * 0.3 + 3.0 * 0.1)
    assert autoregressive_change(level, [0.0]) == 0.0
    assert autoregressive_change(np.array([np.nan, 5.0, 5.1]), [0.0, 1.0, 1.0]) == 0.0


@pytest.mark.parametrize("text", ["h1 random_walk", "level 3", "h1 ar x", "hx ar 1.0", "slice 1.25"])
def test_limits_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any reason
        parse_limits(text)
