"""Measure the freshness of every training dataset."""

from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.manifests import read_manifest
from bellwether.models.domain.specs import TrainedSpec
from bellwether.monitoring.domain.dataset_freshness import DatasetFreshness, dataset_freshness
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore


def measure_freshness(*, objects: ObjectStore, clock: Clock) -> tuple[DatasetFreshness, ...]:
    """One measurement for each model that is trained here and whose dataset was ingested at all.

    Raises InvalidInputError for a manifest that can't be read.
    """
    today = clock.now().date()
    found: list[DatasetFreshness] = []
    for spec in CATALOGUE.values():
        if not isinstance(spec, TrainedSpec):
            continue
        key = spec.dataset.manifest_key
        try:
            content = objects.get(key).content
        except NotFoundError:
            continue
        found.append(dataset_freshness(spec, read_manifest(spec.dataset, content, key), today))
    return tuple(found)
