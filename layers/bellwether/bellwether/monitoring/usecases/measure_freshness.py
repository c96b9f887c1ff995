"""How old is what models learn from?"""

from bellwether.models.domain.bundle import parse_report
from bellwether.models.domain.catalogue import CATALOGUE, TrainedSpec
from bellwether.monitoring.domain.freshness import Freshness, freshness_of
from bellwether.shared.domain.errors import NotFoundError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore


def measure_freshness(*, objects: ObjectStore, clock: Clock) -> tuple[Freshness, ...]:
    """One measurement for each model that is trained here and whose dataset was ingested at all.

    Raises InvalidInputError for a manifest that can't be read.
    """
    today = clock.now().date()
    found: list[Freshness] = []
    for spec in CATALOGUE.values():
        if not isinstance(spec, TrainedSpec):
            continue
        key = spec.dataset.manifest_key
        try:
            content = objects.get(key).content
        except NotFoundError:
            continue
        found.append(freshness_of(spec, parse_report(spec.dataset.manifest, content, key), today))
    return tuple(found)
