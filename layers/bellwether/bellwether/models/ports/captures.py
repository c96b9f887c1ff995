"""What was predicted, what came true, and which challenger is being tried."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from bellwether.models.domain.capture import Actual, CaptureRecord
from bellwether.models.domain.experiment import Experiment
from bellwether.models.domain.routing import Traffic


class CaptureQueue(Protocol):
    """The way that records take out of the request."""

    def send(self, records: Iterable[CaptureRecord]) -> None:
        """Hand records over; raises TransientUpstreamError when the queue does not take them."""


class CaptureLog(Protocol):
    """Records of predictions, to be read."""

    def read(self, model: str, *, since: datetime, until: datetime) -> Iterator[CaptureRecord]:
        """Records received from `since` up to, but without, `until`; each natural key once."""


class CaptureStore(CaptureLog, Protocol):
    """The same, to be written."""

    def put(self, records: Iterable[CaptureRecord]) -> int:
        """Keep records in their model's and day's partition; the same batch again changes nothing. Tells how many."""


class Actuals(Protocol):
    """What came true, to be read."""

    def read(self, model: str, *, since: datetime) -> Mapping[str, Actual]:
        """The newest actual of each join key among those observed from `since` on."""


class ActualsStore(Actuals, Protocol):
    """The same, to be written."""

    def put(self, actuals: Iterable[Actual]) -> int:
        """Keep actuals in their model's and day's partition; the same ones again change nothing. Tells how many."""


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
