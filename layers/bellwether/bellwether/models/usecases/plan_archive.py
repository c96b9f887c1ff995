"""Plan which versions to archive or restore and which orphaned endpoints to delete. Nothing is changed here."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bellwether.models.domain.archive import (
    ArchiveContext,
    ArchiveStep,
    endpoint_act,
    is_orphan,
    is_ours,
    known_endpoints,
    version_acts,
)
from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.experiment import Experiment
from bellwether.models.domain.specs import ModelSpec
from bellwether.models.ports.archive import EndpointInventory, VersionGroups
from bellwether.models.ports.endpoints import EndpointStates
from bellwether.models.ports.experiments import Experiments
from bellwether.models.ports.registry import CurrentVersions
from bellwether.shared.ports.clock import Clock


class ArchiveRequest(BaseModel):
    """A run of the archive; the same `run_id` decides the same things under the same ids."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: Annotated[str, Field(min_length=1, max_length=200)]


class ArchivePlan(BaseModel):
    """What to do, in order; `postponed` counts endpoints that wait for the next run."""

    model_config = ConfigDict(frozen=True)

    acts: tuple[ArchiveStep, ...]
    postponed: int


def plan_archive(
    request: ArchiveRequest,
    *,
    environment: str,
    versions_max: int,
    endpoints_max: int,
    groups: VersionGroups,
    inventory: EndpointInventory,
    endpoints: EndpointStates,
    current_versions: CurrentVersions,
    experiments: Experiments,
    clock: Clock,
) -> ArchivePlan:
    """At most `versions_max` versions of each model and `endpoints_max` endpoints, so that no mistake is a large one.

    Raises InvalidInputError for a pointer that can't be read: then nothing is known to be superfluous.
    """
    now = clock.now()
    running = {name: found for name in CATALOGUE if (found := experiments.get(name)) is not None}
    acts = [
        act
        for name, spec in CATALOGUE.items()
        for act in version_acts(
            _front(spec, running.get(name), groups, endpoints, current_versions),
            run_id=request.run_id,
            now=now,
            versions_max=versions_max,
        )
    ]
    known = known_endpoints(CATALOGUE.values(), running.values())
    orphans = [
        endpoint
        for endpoint in inventory.listed()
        if is_orphan(endpoint, known, now=now) and is_ours(inventory.tags(endpoint.arn), environment)
    ]
    acts += [
        endpoint_act(endpoint, environment=environment, run_id=request.run_id, now=now)
        for endpoint in orphans[:endpoints_max]
    ]
    return ArchivePlan(acts=tuple(acts), postponed=len(orphans[endpoints_max:]))


def _front(
    spec: ModelSpec,
    experiment: Experiment | None,
    groups: VersionGroups,
    endpoints: EndpointStates,
    current_versions: CurrentVersions,
) -> ArchiveContext:
    states = (endpoints.find(spec.endpoint_name), endpoints.find(spec.challenger_endpoint_name))
    in_use = {name for state in states if state is not None for name in (state.config_name, state.pending_config_name)}
    return ArchiveContext(
        spec=spec,
        versions=groups.versions(spec.package_group),
        current=current_versions.get(spec.name),
        experiment=experiment,
        configs_in_use=frozenset(name for name in in_use if name),
    )
