"""Search for the ensemble's hyperparameters, on a window before every scored forecast, by a fixed seed and budget."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import optuna

from .backtest import HorizonForecasts, Problem, Schedule, run_backtest
from .estimators import ensemble_weights
from .parameters import EnsembleParameters

REFIT = Schedule(linear_months=12, tree_months=24)  # coarser than the backtest: the ranking matters, not the figure
# The defaults were chosen on a longer record. On a window of a few years the best of some trials is a little better by
# luck alone, and such gains did not last into the backtest.
MARGIN = 0.03
Report = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """One set of hyperparameters with its score: RMSE over random walk's, mean over horizons. Times in epoch ms."""

    number: int
    parameters: Mapping[str, float]
    score: float
    started_ms: int
    ended_ms: int


@dataclass(frozen=True)
class Tuning:
    """Every trial in order, the defaults first, and the parameters that came of it."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the lowest score."""
        return min(self.trials, key=lambda trial: (trial.score, trial.number))

    @property
    def kept_defaults(self) -> bool:
        """Whether no trial was better than the defaults by `MARGIN`."""
        return self.best.score > self.trials[0].score * (1.0 - MARGIN)

    @property
    def chosen(self) -> EnsembleParameters:
        """The best trial's parameters where they are clearly better than the defaults, else those."""
        if self.kept_defaults:
            return EnsembleParameters()
        return suggest(optuna.trial.FixedTrial(dict(self.best.parameters)))


def tune(problem: Problem, targets: range, *, seed: int, trials: int, seconds: float, report: Report) -> Tuning:
    """Find good parameters for the target months given. The first trial is the defaults.

    The time budget ends the search after the trial that exceeds it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(_searched(EnsembleParameters()))
    done: list[Trial] = []
    deadline = time.monotonic() + seconds

    def objective(trial: optuna.Trial) -> float:
        started = time.time_ns() // 1_000_000
        parameters = replace(suggest(trial), tree_seeds=1)
        forecasts = run_backtest(problem, targets, parameters, REFIT, seed)
        score = relative_error(forecasts, ensemble_weights(parameters))
        done.append(Trial(trial.number, dict(trial.params), score, started, time.time_ns() // 1_000_000))
        best = min(one.score for one in done)
        report(f"trial {trial.number + 1}/{trials} rmse_over_random_walk={score:.4f} best={best:.4f}")
        if time.monotonic() > deadline:
            report(f"time budget of {seconds:.0f} s is spent after {len(done)} of {trials} trials")
            study.stop()
        return score

    study.optimize(objective, n_trials=trials)
    tuning = Tuning(tuple(done))
    gain = 1.0 - tuning.best.score / tuning.trials[0].score
    outcome = "the defaults stay" if tuning.kept_defaults else f"trial {tuning.best.number + 1} is taken"
    report(f"best trial is {gain:.1%} better than the defaults, {MARGIN:.0%} is required: {outcome}")
    return tuning


def suggest(trial: optuna.trial.BaseTrial) -> EnsembleParameters:
    """The search space."""
    return EnsembleParameters(
        ridge_lambda=trial.suggest_float("ridge_lambda", 30.0, 3000.0, log=True),
        linear_lambda=trial.suggest_float("linear_lambda", 0.05, 5.0, log=True),
        linear_alpha=trial.suggest_float("linear_alpha", 0.005, 0.2, log=True),
        tree_depth=trial.suggest_int("tree_depth", 1, 3),
        tree_rounds=trial.suggest_int("tree_rounds", 60, 240, step=30),
        tree_colsample=trial.suggest_float("tree_colsample", 0.1, 0.6),
        tree_min_child_weight=trial.suggest_float("tree_min_child_weight", 3.0, 30.0, log=True),
        tree_weight=trial.suggest_float("tree_weight", 0.1, 0.6),
    )


def relative_error(forecasts: tuple[HorizonForecasts, ...], weights: Mapping[str, float]) -> float:
    """RMSE of the ensemble over that of the random walk, mean over horizons; excluded pairs left out."""
    ratios = []
    for one in forecasts:
        own, walk = one.mean_of(weights) - one.actual, one.random_walk - one.actual
        counted = ~one.excluded
        ratios.append(float(np.sqrt(np.mean(own[counted] ** 2) / max(1e-12, float(np.mean(walk[counted] ** 2))))))
    return float(np.mean(ratios))


def _searched(parameters: EnsembleParameters) -> dict[str, float]:
    asked = optuna.trial.FixedTrial(asdict(parameters))
    suggest(asked)
    return dict(asked.params)
