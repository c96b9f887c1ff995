"""Hyperparameters of the housing model: of a job, read from the strings that SageMaker passes, and of the trees."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidParameterError
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
        """Read hyperparameters; SageMaker's own (`sagemaker_…`) are passed over.

        Raises InvalidParameterError for an unknown name or a value that can't be used.
        """
        own = {name: text for name, text in given.items() if not name.startswith("sagemaker_")}
        for name in own:
            if name not in _READERS:
                raise InvalidParameterError(name, f"unknown; known are {', '.join(sorted(_READERS))}")
        values: dict[str, Any] = {}
        for name, text in own.items():
            try:
                values[name] = _READERS[name](str(text).strip())
            except ValueError as error:
                raise InvalidParameterError(name, str(error)) from error
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


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return value

    return read


def _seconds(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"'{text}' is no positive number of seconds")
    return value


def _cutoff(text: str) -> str:
    if text != AUTO:
        parse_day(text)
    return text


def _word(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


_READERS: Mapping[str, Callable[[str], object]] = {
    "model": _word,
    "target": _word,
    **dict.fromkeys(CUTOFFS, _cutoff),
    "seed": _whole(0, 2**31 - 1),
    "trials": _whole(1, 500),
    "rounds": _whole(1, 5000),
    "time_budget_seconds": _seconds,
    "mlflow_tracking_uri": str,
}
