"""Which of two versions of a model answers whom."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bellwether.models.domain.deployment import CurrentVersion
from bellwether.models.domain.experiment import Experiment, Mode

_BITS = 53  # as many as a float holds exactly


@dataclass(frozen=True)
class Traffic:
    """What is in service now: the current version, and an experiment beside it."""

    current: CurrentVersion | None = None
    experiment: Experiment | None = None


@dataclass(frozen=True)
class Plan:
    """Rows of a request by who is asked. `champion` and `challenger` answer the caller, `shadow` is asked besides."""

    experiment: Experiment | None
    champion: tuple[int, ...]
    challenger: tuple[int, ...] = ()
    shadow: tuple[int, ...] = ()


def hash_position(salt: str, unit: str) -> float:
    """Where a unit stands between 0 and 1: always there under the same salt, elsewhere under another.

    Positions are uniform, and independent between salts: SHA-256, of which the first 53 bits count.
    """
    digest = hashlib.sha256(f"{len(salt)}:{salt}{unit}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> (64 - _BITS)) / (1 << _BITS)


def is_assigned(experiment: Experiment, unit: str) -> bool:
    """Whether a unit falls to the challenger; one that does goes on to while the share grows."""
    return hash_position(experiment.experiment_id, unit) < experiment.share


def plan(experiment: Experiment | None, entities: Sequence[str | None], request_id: str, *, now: datetime) -> Plan:
    """Who is asked which row. A row about no known entity goes by its request's id, and so at random.

    An experiment that should have ended gives the challenger nobody any more.
    """
    everybody = tuple(range(len(entities)))
    if experiment is None or now >= experiment.ends_at:
        return Plan(None, everybody)
    given = tuple(number for number in everybody if is_assigned(experiment, entities[number] or request_id))
    if experiment.mode is Mode.SHADOW:
        return Plan(experiment, everybody, shadow=given)
    return Plan(experiment, tuple(number for number in everybody if number not in set(given)), challenger=given)


def is_sampled(request_id: str, share: float) -> bool:
    """Whether a request belongs to the sample of `share`; the same for all that is recorded of it."""
    return hash_position("capture", request_id) < share
