"""Hyperparameters of the housing model: of a job, read from the strings that SageMaker passes, and of the trees."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import InvalidParameterError
from ..parameters import EVERY_JOB, Reader, read_hyperparameters, whole_number
from .dataset import parse_day

AUTO = "auto"
LONGEST_STEP = 0.3  # of the way to the residual, in one round
CUTOFFS = ("train_before", "eval_before", "holdout_before")


@dataclass(frozen=True)
class BoosterParameters:
    """Hyperparameters of the trees. `trees_per_round` of them are grown side by side and averaged (bagging).

    `loss` is that of an error of log prices, `absolute` or `squared`: which is better is for tuning to say.
    """

    loss: str = "absolute"
    depth: int = 7
    eta: float = 0.06
    rounds: int = 520
    trees_per_round: int = 6
    min_child_weight: float = 20.0
    subsample: float = 0.65
    colsample: float = 0.4
    reg_lambda: float = 1.8
    max_bin: int = 256

    def with_rounds(self, rounds: int) -> "BoosterParameters":
        """As many rounds with longer or shorter steps, so that they lead about as far."""
        return replace(self, eta=min(LONGEST_STEP, self.eta * self.rounds / rounds), rounds=rounds)

    @property
    def coarse(self) -> "BoosterParameters":
        """A tenth of the work, for many fits whose ranking or residuals matter, not the last digit of their error."""
        far = math.ceil(self.eta * self.rounds / LONGEST_STEP)
        rounds = max(round(self.rounds / 2.5), min(self.rounds, far))
        return replace(self.with_rounds(rounds), trees_per_round=1)


@dataclass(frozen=True)
class JobParameters:
    """Hyperparameters of a training job, under their names in SageMaker.

    Sales before `train_before` teach, those from then on and before `eval_before` choose hyperparameters, those from
    then on and before `holdout_before` are counted. With `auto` (in all three, or in none) the newest fifth of the
    sales is the holdout and the fifth before it is for choosing. Where none of the three is given it is 2020-01-01,
    2022-01-01 and 2024-01-01 for sales that these divide, else `auto`. `time_budget_seconds` ends tuning early on a
    slow machine; a job that it cuts short is as good, but no longer the same bit for bit. `rounds` of boosting are
    what a fit takes; fewer make a hasty model.
    """

    model: str = "housing"
    target: str = "price"
    train_before: str = "2020-01-01"
    eval_before: str = "2022-01-01"
    holdout_before: str = "2024-01-01"
    seed: int = 7
    trials: int = 12
    rounds: int = BoosterParameters.rounds
    time_budget_seconds: float = 900.0
    mlflow_tracking_uri: str = ""

    by_default: bool = True

    @property
    def is_auto(self) -> bool:
        """Whether the sales are to be divided by their number instead of by days."""
        return self.train_before == AUTO

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "JobParameters":
        """Read hyperparameters; raises InvalidParameterError."""
        values = read_hyperparameters(given, _READERS)
        if any(values.get(name) == AUTO for name in CUTOFFS):
            values = {name: AUTO for name in CUTOFFS if name not in values} | values
        job = replace(cls(), **values, by_default=not values.keys() & set(CUTOFFS))
        cutoffs = [getattr(job, name) for name in CUTOFFS]
        if AUTO in cutoffs and set(cutoffs) != {AUTO}:
            raise InvalidParameterError("train_before", f"{AUTO} goes for all three of {', '.join(CUTOFFS)}")
        for earlier, name in enumerate(CUTOFFS[1:]):
            if AUTO not in cutoffs and cutoffs[earlier] >= getattr(job, name):
                raise InvalidParameterError(name, f"{getattr(job, name)} is not after {cutoffs[earlier]}")
        return job


def _cutoff(text: str) -> str:
    if text != AUTO:
        parse_day(text)
    return text


_READERS: Mapping[str, Reader] = {
    **EVERY_JOB,
    **dict.fromkeys(CUTOFFS, _cutoff),
    "rounds": whole_number(1, 5000),
}
