"""The running experiment and the traffic split of each model."""

from typing import Protocol

from bellwether.models.domain.experiment import Experiment
from bellwether.models.domain.routing import Traffic


class Experiments(Protocol):
    """Read the running experiment of each model."""

    def get(self, model: str) -> Experiment | None:
        """None without an experiment; raises InvalidInputError for an unreadable one."""


class ExperimentsStore(Experiments, Protocol):
    """Read and change the running experiment of each model."""

    def put(self, experiment: Experiment) -> None:
        """Begin an experiment, or change it."""

    def clear(self, model: str) -> None:
        """End a model's experiment; nothing happens when there is none."""


class TrafficControl(Protocol):
    """Current version and experiment of each model, read for every prediction."""

    def get(self, model: str) -> Traffic:
        """At most some seconds old; raises a BellwetherError when it is unknown."""
