"""Tuning: the defaults first, a fixed seed, a budget, and no change for a gain that luck explains."""

import pytest

from jobs.training.learning.macro.backtest import pose
from jobs.training.learning.macro.parameters import EnsembleParameters
from jobs.training.learning.macro.tuning import MARGIN, Trial, Tuning, tune
from tests.model.builders import Economy

WINDOW = range(150, 162)


def tuned(made: Economy, *, trials: int = 3, seconds: float = 60.0, seed: int = 7) -> tuple[Tuning, list[str]]:
    said: list[str] = []
    problem = pose(made.panel, made.series, "UNRATE", (1,), None).until(WINDOW.stop)
    return tune(problem, WINDOW, seed=seed, trials=trials, seconds=seconds, report=said.append), said


def test_the_first_trial_is_the_defaults_and_a_seed_gives_the_same_trials(made: Economy) -> None:
    # Given a seed, when tuned twice, then the trials are the same, and another seed's are not
    first, second, other = tuned(made)[0], tuned(made)[0], tuned(made, seed=8)[0]
    assert [trial.parameters for trial in first.trials] == [trial.parameters for trial in second.trials]
    assert [trial.score for trial in first.trials] == [trial.score for trial in second.trials]
    assert first.trials[1].parameters != other.trials[1].parameters
    defaults = EnsembleParameters()
    assert all(getattr(defaults, name) == value for name, value in first.trials[0].parameters.items())


def test_what_comes_after_the_window_does_not_matter(made: Economy) -> None:
    # Given another future, when tuned, then every score is the same
    values = made.panel.values.copy()
    values[WINDOW.stop :] *= 1.5
    scores = [[trial.score for trial in tuned(each)[0].trials] for each in (made, made.with_values(values))]
    assert scores[0] == scores[1]


def test_a_spent_budget_ends_the_search(made: Economy) -> None:
    # Given next to no time, when tuned, then there is one trial and the log says why
    tuning, said = tuned(made, trials=50, seconds=1e-6)
    assert len(tuning.trials) == 1
    assert any("time budget" in line for line in said)


@pytest.mark.parametrize(("gain", "kept"), [(-0.1, True), (0.9 * MARGIN, True), (1.1 * MARGIN, False)])
def test_a_small_gain_does_not_replace_the_defaults(gain: float, kept: bool) -> None:
    # Given a second trial that is so much better, when parameters are chosen, then only a clear gain counts
    searched = tuned_names()
    trials = (Trial(0, searched, 0.9, 0, 1), Trial(1, searched | {"ridge_lambda": 99.0}, 0.9 * (1 - gain), 1, 2))
    assert Tuning(trials).kept_defaults is kept
    assert Tuning(trials).chosen.ridge_lambda == (EnsembleParameters().ridge_lambda if kept else 99.0)


def tuned_names() -> dict[str, float]:
    defaults = EnsembleParameters()
    return {
        "ridge_lambda": defaults.ridge_lambda,
        "linear_lambda": defaults.linear_lambda,
        "linear_alpha": defaults.linear_alpha,
        "tree_depth": defaults.tree_depth,
        "tree_rounds": defaults.tree_rounds,
        "tree_colsample": defaults.tree_colsample,
        "tree_min_child_weight": defaults.tree_min_child_weight,
        "tree_weight": defaults.tree_weight,
    }
