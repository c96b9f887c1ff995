"""Captures, actuals and experiments in memory."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from bellwether.models.domain.capture import Actual, CaptureRecord
from bellwether.models.domain.experiment import Experiment
from bellwether.models.domain.routing import Traffic
from bellwether.shared.domain.errors import TransientUpstreamError


class InMemoryCaptureQueue:
    """CaptureQueue; `sent` is what was handed over, a tuple for each call. `refuses` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[CaptureRecord, ...]] = []
        self.refuses = False

    @property
    def records(self) -> list[CaptureRecord]:
        """Every record, in order."""
        return [record for batch in self.sent for record in batch]

    def send(self, records: Iterable[CaptureRecord]) -> None:
        if self.refuses:
            raise TransientUpstreamError("queue of captures: no answer")
        if batch := tuple(records):
            self.sent.append(batch)


class InMemoryCaptureStore:
    """CaptureStore, and CaptureLog of what a test gives it."""

    def __init__(self, records: Iterable[CaptureRecord] = ()) -> None:
        self._records: dict[tuple[str, tuple[str, int, str]], CaptureRecord] = {}
        self.put(records)

    def put(self, records: Iterable[CaptureRecord]) -> int:
        unique = {(record.model, record.key): record for record in records}
        self._records.update(unique)
        return len(unique)

    def read(self, model: str, *, since: datetime, until: datetime) -> Iterator[CaptureRecord]:
        found = (record for (owner, _), record in self._records.items() if owner == model)
        yield from sorted(
            (record for record in found if since <= record.received_at < until),
            key=lambda record: record.received_at.astimezone(UTC).date(),
        )


class InMemoryActualsStore:
    """ActualsStore, and Actuals of what a test gives it."""

    def __init__(self, actuals: Iterable[Actual] = ()) -> None:
        self._actuals: set[Actual] = set()
        self.put(actuals)

    def put(self, actuals: Iterable[Actual]) -> int:
        given = set(actuals)
        self._actuals |= given
        return len(given)

    def read(self, model: str, *, since: datetime) -> Mapping[str, Actual]:
        found = [each for each in self._actuals if each.model == model and each.observed_at >= since]
        return {each.join_key: each for each in sorted(found, key=lambda e: (e.observed_at, e.source, e.value))}


class InMemoryExperiments:
    """ExperimentsStore."""

    def __init__(self, *experiments: Experiment) -> None:
        self._experiments = {experiment.model: experiment for experiment in experiments}

    def get(self, model: str) -> Experiment | None:
        return self._experiments.get(model)

    def put(self, experiment: Experiment) -> None:
        self._experiments[experiment.model] = experiment

    def clear(self, model: str) -> None:
        self._experiments.pop(model, None)


class KnownTraffic:
    """TrafficControl that says this, or raises it."""

    def __init__(self, traffic: Traffic | Exception | None = None) -> None:
        self.says: Traffic | Exception = traffic or Traffic()

    def get(self, model: str) -> Traffic:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says
