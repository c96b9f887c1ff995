"""Measure the freshness of every training dataset."""

from dataclasses import dataclass

from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.manifests import read_manifest
from bellwether.models.domain.specs import TrainedSpec
from bellwether.monitoring.domain.dataset_freshness import DatasetFreshness, dataset_freshness
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore


@dataclass(frozen=True)
class Freshness:
    """The measurements, and a problem for each manifest that can't be read."""

    datasets: tuple[DatasetFreshness, ...]
    problems: tuple[InvalidInputError, ...]


def measure_freshness(*, objects: ObjectStore, clock: Clock) -> Freshness:
    """One measurement for each model that is trained here and whose dataset was ingested at all."""
    today = clock.now().date()
    found: list[DatasetFreshness] = []
    problems: list[InvalidInputError] = []
    for spec in CATALOGUE.values():
        if not isinstance(spec, TrainedSpec):
            continue
        key = spec.dataset.manifest_key
        try:
            content = objects.get(key).content
        except NotFoundError:
            continue
        try:
            found.append(dataset_freshness(spec, read_manifest(spec.dataset, content, key), today))
        except InvalidInputError as error:
            problems.append(error)
    return Freshness(tuple(found), tuple(problems))
