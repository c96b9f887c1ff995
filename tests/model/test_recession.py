"""The recession head: labels under embargo, honest figures, a probit beside it, and silence where data are too poor."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit  # type: ignore[import-untyped]

from jobs.training.learning.macro.dataset import Dataset
from jobs.training.learning.macro.known import Known, view
from jobs.training.learning.macro.parameters import RecessionParameters
from jobs.training.learning.macro.recession import backtest as head
from jobs.training.learning.macro.recession.evaluation import evaluate_head
from jobs.training.learning.macro.recession.head import (
    Calibration,
    HeadFeatures,
    build_head_features,
    head_from_files,
    head_to_files,
)
from jobs.training.learning.macro.recession.likelihood import Link, fit, logit_link, probit_link
from jobs.training.learning.macro.recession.training import LeftOut, TrainedHead, train_head
from jobs.training.learning.macro.selection import select_series
from tests.model.builders import Economy, economy, with_recessions

MONTHS, NEWEST = 240, 239
QUICK = RecessionParameters(rounds=20, seeds=1, refit_months=6)
Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def cyclical() -> Economy:
    return with_recessions(economy())


def dataset(made: Economy) -> Dataset:
    return Dataset(made.panel, made.series, "0" * 64)


def seen(made: Economy) -> Known:
    without = made.without("USREC")
    return view(without.panel, without.series, "UNRATE")


def features_of(made: Economy) -> HeadFeatures:
    found = build_head_features(seen(made))
    assert found is not None
    return found


def question(made: Economy) -> head.Question:
    return head.ask(features_of(made), made.panel.column("USREC"), NEWEST)


def with_figures(made: Economy, name: str, rows: slice, value: float) -> Economy:
    values = made.panel.values.copy()
    values[rows, made.panel.names.index(name)] = value
    return made.with_values(values)


def forecasts_of(asked: head.Question, origins: range) -> head.HeadForecasts:
    return head.backtest(asked, origins, QUICK, seed=7)


def assert_same(one: head.HeadForecasts, other: head.HeadForecasts) -> None:
    for name in ("origins", "raw", "calibrated", "probit"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


# --- labels and their embargo ----------------------------------------------------------------------------------------


def test_a_label_looks_at_the_twelve_months_that_follow() -> None:
    # Given one recession month, when labelled
    recession = np.zeros(40)
    recession[20] = 1.0
    label = head.label_of(recession)
    # Then the twelve months before it are positive, its own is not, and the end is unknown
    assert np.flatnonzero(label == 1.0).tolist() == list(range(8, 20))
    assert np.flatnonzero(np.isnan(label)).tolist() == list(range(28, 40))


def test_labels_younger_than_the_embargo_change_nothing(cyclical: Economy) -> None:
    # Given forecasts at an origin
    origin = 190
    asked = question(cyclical)
    before = forecasts_of(asked, range(150, origin + 1))
    # When every label after origin - 24 is poisoned
    label = asked.label.copy()
    label[origin - head.EMBARGO_MONTHS + 1 :] = 1.0 - np.nan_to_num(label[origin - head.EMBARGO_MONTHS + 1 :])
    # Then no forecast moved by a bit, neither the trees' nor the calibrated one nor the probit's
    assert_same(forecasts_of(replace(asked, label=label), range(150, origin + 1)), before)


def test_figures_that_the_nber_had_not_settled_change_nothing(cyclical: Economy) -> None:
    # Given a series whose last twelve months before an origin, and all later ones, are stale ones instead of zeros
    origin = 190
    stale = with_figures(cyclical, "USREC", slice(origin - 11, None), 1.0)
    before = forecasts_of(question(cyclical), range(150, origin + 1))
    # When the backtest runs up to that origin, then it is the same
    assert_same(forecasts_of(question(stale), range(150, origin + 1)), before)


def test_the_oldest_label_that_counts_does_count(cyclical: Economy) -> None:
    # Given the tests above could fail: the labels at the embargo's edge change what is said
    origin = 190
    asked = question(cyclical)
    label = asked.label.copy()
    edge = slice(origin - head.EMBARGO_MONTHS - 11, origin - head.EMBARGO_MONTHS + 1)
    label[edge] = 1.0 - label[edge]
    poisoned = forecasts_of(replace(asked, label=label), range(origin, origin + 1))
    assert poisoned.raw[0] != forecasts_of(asked, range(origin, origin + 1)).raw[0]


def test_a_series_that_ends_early_takes_its_embargo_along(cyclical: Economy) -> None:
    # Given recession figures that end thirty months before the others
    ended = with_figures(cyclical, "USREC", slice(MONTHS - 30, None), np.nan)
    # When asked which labels count today, then those 24 months before its end, and no later one
    assert question(ended).settled == MONTHS - 31
    assert question(ended).known_at(NEWEST)[-1] == MONTHS - 31 - head.EMBARGO_MONTHS


def test_no_feature_sees_the_future(cyclical: Economy) -> None:
    # Given the head's features, when every figure is changed that was not out at an origin
    origin = 171
    values = cyclical.panel.values.copy()
    for column, entry in enumerate(cyclical.series):
        values[origin - entry.publication_lag_months + 1 :, column] *= 3.0
    after = features_of(cyclical.with_values(values))
    # Then none of them moved there or before
    np.testing.assert_array_equal(after.values[: origin + 1], features_of(cyclical).values[: origin + 1])


def test_the_label_is_no_feature_of_the_forecaster(cyclical: Economy) -> None:
    # Given a dataset with the recession indicator, when series are selected, then it is left out and says why
    selection = select_series(dataset(cyclical), "UNRATE")
    assert "USREC" not in selection.panel.names
    assert [(one.series, "label" in one.reason) for one in selection.dropped] == [("USREC", True)]


# --- likelihood and calibration ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("link", "name"), [(probit_link, "Probit"), (logit_link, "Logit")])
def test_maximum_likelihood_agrees_with_statsmodels(link: Link, name: str) -> None:
    # Given data of a probit with overlap, when fitted here and by statsmodels, then coefficients agree
    models = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(3)
    features = random.standard_normal((400, 2))
    outcome = (features @ [1.0, -0.5] + random.standard_normal(400) > 0.3).astype(np.float64)
    theirs = getattr(models, name)(outcome, models.add_constant(features)).fit(disp=0).params
    np.testing.assert_allclose(fit(features, outcome, link), theirs, rtol=1e-6)


def test_outcomes_told_apart_without_error_have_finite_coefficients() -> None:
    features = np.linspace(-1.0, 1.0, 60)[:, None]
    for link in (probit_link, logit_link):
        assert np.isfinite(fit(features, (features[:, 0] > 0).astype(np.float64), link)).all()


def test_calibration_without_experience_leaves_probabilities_as_they_are() -> None:
    line = head.fit_calibration(np.empty(0), np.empty(0), RecessionParameters())
    assert (line.intercept, line.slope) == (0.0, 1.0)
    np.testing.assert_allclose(line.apply(np.array([0.1, 0.5, 0.9])), [0.1, 0.5, 0.9])


def test_calibration_corrects_probabilities_that_are_too_bold() -> None:
    # Given probabilities that are twice as sure on the scale of log odds as they may be
    random = np.random.default_rng(5)
    truth = random.normal(-1.0, 1.0, 20_000)
    label = (random.uniform(size=len(truth)) < expit(truth)).astype(np.float64)
    # When calibrated on many outcomes, then the slope is halved and the mean is the share of events
    line = head.fit_calibration(expit(2.0 * truth), label, RecessionParameters())
    assert line.slope == pytest.approx(0.5, abs=0.05)
    assert line.apply(expit(2.0 * truth)).mean() == pytest.approx(label.mean(), abs=0.005)


def test_a_few_outcomes_bend_the_calibration_little() -> None:
    line = head.fit_calibration(np.full(12, 0.2), np.ones(12), RecessionParameters())
    assert 0.2 < line.apply(np.array([0.2]))[0] < 0.45


# --- the head itself -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained_head(cyclical: Economy) -> TrainedHead:
    found = train_head(dataset(cyclical), seen(cyclical), NEWEST, seed=7)
    assert isinstance(found, TrainedHead)
    return found


def test_each_feature_works_in_its_own_direction_only(cyclical: Economy, trained_head: TrainedHead) -> None:
    # Given a month's features, when one of them is moved step by step, then the probability never turns back
    features = features_of(cyclical)
    for column, direction in enumerate(features.directions):
        spread = np.linspace(np.nanmin(features.values[:, column]), np.nanmax(features.values[:, column]), 50)
        rows = np.tile(features.values[-1], (50, 1))
        rows[:, column] = spread
        assert (direction * np.diff(trained_head.head.probability(rows)) >= 0.0).all()


def test_a_head_survives_its_files(cyclical: Economy, trained_head: TrainedHead) -> None:
    rows = features_of(cyclical).values[-20:]
    loaded = head_from_files(head_to_files(trained_head.head))
    np.testing.assert_array_equal(loaded.probability(rows), trained_head.head.probability(rows))
    assert loaded.baseline_probability(0.3) == trained_head.head.baseline_probability(0.3)


def test_the_baseline_is_the_normal_distribution_of_the_spread(trained_head: TrainedHead) -> None:
    # Given a spread at which the probit's line crosses zero, when asked, then its answer is one half
    intercept, slope = trained_head.head.baseline
    assert trained_head.head.baseline_probability(-intercept / slope) == pytest.approx(0.5)


def test_where_recessions_follow_the_spread_the_head_is_told_to_be_good(trained_head: TrainedHead) -> None:
    evaluation = trained_head.evaluation
    assert evaluation["auc"]["model"] > 0.8
    assert (evaluation["first_origin"], evaluation["last_origin"]) == ("2001-12", "2007-12")
    assert sum(one["n"] for one in evaluation["reliability"]) == evaluation["n"]
    assert evaluation["versus"]["probit"]["brier_ratio"] == pytest.approx(
        evaluation["brier"]["model"] / evaluation["brier"]["probit"]
    )


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (lambda made: made.without("USREC"), "the dataset has no USREC"),
        (lambda made: made.without("GS10"), "the dataset has no term spread: GS10 with TB3MS"),
        (lambda made: with_figures(made, "USREC", slice(40, None), 0.0), "2 recessions begin in the 216 months"),
        (lambda made: with_figures(made, "USREC", slice(140, None), 0.0), "one more to be judged by"),
        (lambda made: with_figures(made, "USREC", slice(20, None), np.nan), "that is 24 months old"),
        (lambda made: with_figures(made, "USREC", slice(None), np.nan), "that is 24 months old"),
    ],
)
def test_poor_data_leave_the_head_out_with_the_reason(cyclical: Economy, left: object, reason: str) -> None:
    assert callable(left)
    poor = left(cyclical)
    found = train_head(dataset(poor), seen(poor), NEWEST, seed=7)
    assert isinstance(found, LeftOut)
    assert reason in found.reason
    assert found.manifest == found.evaluation == {"left_out": found.reason}


# --- figures ---------------------------------------------------------------------------------------------------------


def test_scores_by_hand() -> None:
    # Given four forecasts, one of which is sure and wrong
    said = np.array([0.0, 0.5, 1.0, 1.0])
    features = HeadFeatures(("spread",), (-1,), np.zeros((30, 1)))
    recession = np.zeros(30)
    recession[15:] = 1.0
    asked = head.ask(features, recession, 29)
    forecasts = head.HeadForecasts(np.array([0, 1, 2, 10], dtype=np.intp), said, said, np.full(4, 0.5))
    # When evaluated with labels 0, 0, 0, 1
    found = evaluate_head(asked, forecasts, 1990 * 12, 29)
    # Then
    assert found["brier"] == {"model": 0.3125, "uncalibrated": 0.3125, "probit": 0.25}
    assert found["versus"]["probit"]["brier_ratio"] == 1.25
    assert found["bias"] == 0.375
    assert found["auc"] == {"model": pytest.approx(5 / 6), "uncalibrated": pytest.approx(5 / 6), "probit": 0.5}
    assert found["base_rate"] == 0.25
    assert found["log_loss"]["probit"] == pytest.approx(np.log(2.0))
    assert [(one["from"], one["n"], one["observed_share"]) for one in found["reliability"]] == [
        (0.0, 1, 0.0),
        (0.4, 1, 0.0),
        (0.6, 2, 0.5),
    ]


def test_a_calibration_line_never_says_certain() -> None:
    assert 0.0 < Calibration(0.0, 1.0).apply(np.array([0.0]))[0] < Calibration(0.0, 1.0).apply(np.array([1.0]))[0] < 1.0
