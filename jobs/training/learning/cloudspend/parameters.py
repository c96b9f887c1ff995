"""Hyperparameters of a spend job, under their names in SageMaker."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..parameters import EVERY_JOB, Reader, read_hyperparameters, whole_number


@dataclass(frozen=True)
class JobParameters:
    """The newest `holdout_months` complete months are counted, the `choosing_months` before them choose.

    `trials` are settings of the trees that are tried; `floor_a_day` is the mean amount a day below which a series is
    too small to forecast.
    """

    model: str = "cloudspend"
    target: str = "effective_cost"
    seed: int = 7
    trials: int = 4
    holdout_months: int = 2
    choosing_months: int = 2
    floor_a_day: float = 1.0
    time_budget_seconds: float = 900.0
    mlflow_tracking_uri: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "JobParameters":
        """Read hyperparameters; raises InvalidParameterError."""
        return replace(cls(), **read_hyperparameters(given, _READERS))


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError(f"'{text}' is no amount")
    return value


_READERS: Mapping[str, Reader] = {
    **EVERY_JOB,
    "holdout_months": whole_number(1, 12),
    "choosing_months": whole_number(1, 12),
    "floor_a_day": _amount,
}
