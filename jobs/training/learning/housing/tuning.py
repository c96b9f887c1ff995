"""Search for the trees' hyperparameters, on sales before every counted one, by a fixed seed, budget and pruning."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import optuna
import xgboost
from xgboost.callback import TrainingCallback

from .booster import OBJECTIVES, fit_trees
from .dataset import Array
from .features import Table
from .parameters import BoosterParameters

# The best of some trials is a little better on the sales that choose by luck alone, and on later ones it is not.
MARGIN = 0.01
# What was best where the defaults were not: squared errors, and deep trees where a price is nearly a rule.
OTHERS: Sequence[Mapping[str, Any]] = ({"loss": "squared"}, {"loss": "squared", "depth": 9, "min_child_weight": 8.0})
AVERAGED = 2  # trees in each round: with one, deep trees look worse than they are in service
CURVE_POINTS = 40
PRUNE_AFTER = 0.3  # of the rounds
Report = Callable[[str], None]


@dataclass(frozen=True)
class Lesson:
    """Training rows with their deflated log prices, and the rows that choose."""

    train: Table
    train_outcome: Array
    eval: Table
    eval_outcome: Array


@dataclass(frozen=True)
class Trial:
    """One set of hyperparameters with its mean absolute error of log prices, at the round where it was pruned if so.

    `curve` is (round, error on what it learnt, error on what chooses). Times in epoch ms.
    """

    number: int
    parameters: Mapping[str, Any]
    score: float
    is_pruned: bool
    curve: tuple[tuple[int, float, float], ...]
    started_ms: int
    ended_ms: int


@dataclass(frozen=True)
class Tuning:
    """Every trial in order, the defaults first, and the parameters that came of it."""

    trials: tuple[Trial, ...]
    defaults: BoosterParameters

    @property
    def best(self) -> Trial:
        """The finished trial with the lowest error."""
        finished = [trial for trial in self.trials if not trial.is_pruned]
        return min(finished, key=lambda trial: (trial.score, trial.number))

    @property
    def kept_defaults(self) -> bool:
        """Whether no trial was better than the defaults by `MARGIN`."""
        return self.best.score > self.trials[0].score * (1.0 - MARGIN)

    @property
    def chosen_trial(self) -> Trial:
        """The best trial where it is clearly better than the defaults, else those."""
        return self.trials[0] if self.kept_defaults else self.best

    @property
    def chosen(self) -> BoosterParameters:
        """The chosen trial's parameters; how long and how wide to boost is not searched for."""
        asked: dict[str, Any] = dict(self.chosen_trial.parameters)
        return suggest(optuna.trial.FixedTrial(asked), self.defaults)

    def to_json(self) -> Mapping[str, Any]:
        """As evaluation.json tells it."""
        return {
            "trials": len(self.trials),
            "pruned": sum(trial.is_pruned for trial in self.trials),
            "score_of_defaults": self.trials[0].score,
            "best_score": self.best.score,
            "kept_defaults": self.kept_defaults,
            "chosen": asdict(self.chosen),
        }


def tune(
    lesson: Lesson, defaults: BoosterParameters, *, seed: int, trials: int, seconds: float, report: Report
) -> Tuning:
    """Find good parameters by coarse fits. First the defaults, then two that are known; the budget ends the search.

    A trial whose error is above the median of those before it, a third of the way and later, is pruned.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rounds = defaults.coarse.rounds
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=round(PRUNE_AFTER * rounds))
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    for first in (defaults, *(replace(defaults, **other) for other in OTHERS)):
        study.enqueue_trial(_searched(first))
    done: list[Trial] = []
    deadline = time.monotonic() + seconds

    def objective(trial: optuna.Trial) -> float:
        started = time.time_ns() // 1_000_000
        parameters = replace(suggest(trial, defaults).coarse, trees_per_round=AVERAGED)
        watch = _Watch(trial, max(1, rounds // CURVE_POINTS), rounds)
        fit_trees(
            *(lesson.train, lesson.train_outcome, parameters, seed),
            beside=(lesson.eval, lesson.eval_outcome),
            callbacks=[watch],
        )
        score = watch.curve[-1][2]
        ended = time.time_ns() // 1_000_000
        asked = dict(trial.params)
        done.append(Trial(trial.number, asked, score, watch.is_pruned, tuple(watch.curve), started, ended))
        best = min(one.score for one in done if not one.is_pruned)
        ending = f" pruned in round {watch.curve[-1][0]}" if watch.is_pruned else ""
        report(f"trial {trial.number + 1}/{trials} log_mae={score:.4f} best={best:.4f}{ending}")
        if time.monotonic() > deadline:
            report(f"time budget of {seconds:.0f} s is spent after {len(done)} of {trials} trials")
            study.stop()
        if watch.is_pruned:
            raise optuna.TrialPruned
        return score

    study.optimize(objective, n_trials=trials)
    tuning = Tuning(tuple(done), defaults)
    gain = 1.0 - tuning.best.score / tuning.trials[0].score
    outcome = "the defaults stay" if tuning.kept_defaults else f"trial {tuning.best.number + 1} is taken"
    report(f"best trial is {gain:.1%} better than the defaults, {MARGIN:.0%} is required: {outcome}")
    return tuning


def suggest(trial: optuna.trial.BaseTrial, defaults: BoosterParameters) -> BoosterParameters:
    """The search space."""
    return replace(
        defaults,
        loss=str(trial.suggest_categorical("loss", tuple(OBJECTIVES))),
        depth=int(trial.suggest_int("depth", 4, 9)),  # the sampler gives an integer of NumPy
        min_child_weight=trial.suggest_float("min_child_weight", 2.0, 60.0, log=True),
        subsample=trial.suggest_float("subsample", 0.5, 0.95),
        colsample=trial.suggest_float("colsample", 0.2, 0.8),
        reg_lambda=trial.suggest_float("reg_lambda", 0.2, 20.0, log=True),
    )


class _Watch(TrainingCallback):
    """Keeps the loss curve, asks the pruner at each of its points, and ends the fit where it says so."""

    def __init__(self, trial: optuna.Trial, every: int, rounds: int) -> None:
        self._trial, self._every, self._rounds = trial, every, rounds
        self.curve: list[tuple[int, float, float]] = []
        self.is_pruned = False

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        if (epoch + 1) % self._every and epoch + 1 != self._rounds:
            return False
        train, watched = (float(np.asarray(evals_log[name]["mae"])[-1]) for name in ("train", "eval"))
        self.curve.append((epoch + 1, train, watched))
        self._trial.report(watched, epoch)
        self.is_pruned = epoch + 1 < self._rounds and bool(self._trial.should_prune())
        return self.is_pruned


def loss_curve(trial: Trial) -> Sequence[Mapping[str, float]]:
    """As evaluation.json tells it."""
    return [{"round": at, "train": train, "eval": watched} for at, train, watched in trial.curve]


def _searched(parameters: BoosterParameters) -> dict[str, Any]:
    asked = optuna.trial.FixedTrial(asdict(parameters))
    suggest(asked, parameters)
    return dict(asked.params)
