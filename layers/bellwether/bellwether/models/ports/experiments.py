"""The running experiment and the traffic split of each model."""

from typing import Protocol

from bellwether.models.domain.experiment import Experiment
from bellwether.models.domain.routing import Traffic


class Experiments(Protocol):
    """Which challenger is being tried, for each model."""

    def get(self, model: str) -> Experiment | None:
        """None while nobody is; raises InvalidInputError for what can't be read."""


class ExperimentsStore(Experiments, Protocol):
    """The same, to be changed."""

    def put(self, experiment: Experiment) -> None:
        """Begin an experiment, or change it."""

    def clear(self, model: str) -> None:
        """End a model's experiment; nothing happens when there is none."""


class TrafficControl(Protocol):
    """What is in service of each model, asked for by every prediction."""

    def get(self, model: str) -> Traffic:
        """As it was at most some seconds ago; raises a BellwetherError when that can't be told."""
