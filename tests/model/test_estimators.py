"""Parts of the ensemble against what they should be."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost

from jobs.training.learning.macro.estimators import (
    CLIP,
    PART_NAMES,
    LinearPart,
    Scaling,
    ensemble_weights,
    fit_gblinear,
    fit_part,
    fit_ridge,
)
from jobs.training.learning.macro.forecaster import Forecaster, from_files, to_files
from jobs.training.learning.macro.parameters import EnsembleParameters
from jobs.training.learning.macro.transforms import Array

PARAMETERS = EnsembleParameters()


@pytest.fixture
def problem() -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    features = random.standard_normal((300, 8)) * np.arange(1, 9) + 3.0
    return features, 0.4 * features[:, 0] - 0.1 * features[:, 3] + 0.05 * random.standard_normal(300)


def test_ridge_without_penalty_is_least_squares(problem: tuple[Array, Array]) -> None:
    # Given features inside the clip
    features, change = problem
    features = np.clip(
        features, features.mean(axis=0) - 2 * features.std(axis=0), features.mean(axis=0) + 2 * features.std(axis=0)
    )
    # When ridge has next to no penalty
    part = fit_ridge(features, change, replace(PARAMETERS, ridge_lambda=1e-9), 0)
    # Then it says what least squares says
    design = np.column_stack([np.ones(300), features])
    expected = design @ np.linalg.lstsq(design, change, rcond=None)[0]
    np.testing.assert_allclose(part.predict(features), expected, atol=1e-6)


def test_weights_read_from_gblinear_predict_what_the_booster_predicts(
    problem: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a fit of which the booster is kept
    boosters: list[xgboost.Booster] = []
    train = xgboost.train

    def keep(*arguments: object) -> xgboost.Booster:
        boosters.append(train(*arguments))
        return boosters[-1]

    monkeypatch.setattr(xgboost, "train", keep)
    features, change = problem
    part = fit_gblinear(features, change, PARAMETERS, 0)
    # When both predict
    scale = float(np.sqrt(np.mean(change**2)))
    expected = boosters[0].predict(xgboost.DMatrix(part.scaling.apply(features))) * scale
    # Then they agree to single precision
    np.testing.assert_allclose(part.predict(features), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PART_NAMES)
def test_constant_and_missing_columns_do_no_harm(name: str, problem: tuple[Array, Array]) -> None:
    # Given a column that never changes, one that is never there, and gaps
    features, change = problem
    features = np.column_stack([features, np.full(300, 7.0), np.full(300, np.nan)])
    features[::7, 1] = np.nan
    # When a part is fitted and asked
    part = fit_part(name, features, change, PARAMETERS, 0)
    predicted = part.predict(features)
    # Then its answers are finite and tell something, and the dead columns have no say
    assert np.isfinite(predicted).all()
    assert np.corrcoef(predicted, change)[0, 1] > 0.8
    influence = part.influence() if isinstance(part, LinearPart) else part.influence(10)
    assert influence[8:].tolist() == [0.0, 0.0]


def test_an_outlier_reaches_linear_parts_clipped() -> None:
    # Given a scaling learnt from calm times, when a storm comes, then it counts as the clip
    scaling = Scaling.learn(np.random.default_rng(0).standard_normal((100, 1)))
    assert scaling.apply(np.array([[1e6]]))[0, 0] == CLIP


def test_files_give_back_the_same_forecasts(problem: tuple[Array, Array]) -> None:
    # Given a forecaster
    features, change = problem
    parts = {name: fit_part(name, features, change, PARAMETERS, 3) for name in PART_NAMES}
    linear = {name: part for name, part in parts.items() if isinstance(part, LinearPart)}
    trees = next(part for part in parts.values() if not isinstance(part, LinearPart))
    forecaster = Forecaster(3, ensemble_weights(PARAMETERS), linear, trees)
    # When it is written and read
    restored = from_files(to_files([forecaster]))[3]
    # Then it forecasts the same, and its shares of importance add up to one
    np.testing.assert_allclose(restored.predict(features), forecaster.predict(features), rtol=1e-6, atol=1e-9)
    assert forecaster.importance(8).sum() == pytest.approx(1.0)
    assert set(np.argsort(forecaster.importance(8))[-2:].tolist()) == {0, 3}
