"""Select the versions to archive, the archived versions to restore, and the orphaned endpoints to delete."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.deployment import (
    BUNDLE_SHA256,
    Approval,
    CurrentVersion,
    EndpointPhase,
    RegisteredVersion,
)
from bellwether.models.domain.experiment import Experiment
from bellwether.models.domain.specs import ModelSpec
from bellwether.shared.domain.decisions import Decision, Gate, Kind, decide

ACTOR = "bellwether:plan_archive"
JOB_NAME = "job_name"  # key of a version's metadata
ARCHIVED = "archived"  # key of a version's metadata and of its objects' tag
TRUE, FALSE = "true", "false"
ORPHAN_DAYS_MIN = 1.0  # a challenger is made before its experiment is written down


class ArchiveAction(StrEnum):
    """An action on a version or endpoint; also the kind of its decision."""

    ARCHIVE = "archive_version"
    RESTORE = "restore_version"
    DELETE_ENDPOINT = "delete_endpoint"


@dataclass(frozen=True)
class ListedEndpoint:
    """An endpoint of the account."""

    name: str
    arn: str
    phase: EndpointPhase
    changed_at: datetime


@dataclass(frozen=True)
class ArchiveContext:
    """A model's versions, and what may keep one of them active."""

    spec: ModelSpec
    versions: tuple[RegisteredVersion, ...]
    current: CurrentVersion | None
    experiment: Experiment | None
    configs_in_use: frozenset[str]


class ArchiveStep(BaseModel):
    """One action with its decision. `objects` are the bundle's objects that are tagged.

    `serving_endpoints` are the endpoints that must not serve the version when it is archived.
    """

    model_config = ConfigDict(frozen=True)

    act: ArchiveAction
    decision: Decision
    model_package_arn: str = ""
    model_name: str = ""
    endpoint_config_name: str = ""
    objects: tuple[str, ...] = ()
    serving_endpoints: tuple[str, ...] = ()
    endpoint_name: str = ""


def is_archived(version: RegisteredVersion) -> bool:
    """Whether a version is archived."""
    return version.metadata.get(ARCHIVED) == TRUE


def why_kept(version: RegisteredVersion, context: ArchiveContext) -> str | None:
    """Why a version stays active; None when it can be archived."""
    newest = sorted((each.version for each in context.versions), reverse=True)[: context.spec.keep_versions]
    current, experiment = context.current, context.experiment
    if current is not None and version.version == current.version:
        return "it serves"
    if current is not None and version.version == current.previous_version:
        return "it is the rollback target"
    if experiment is not None and version.version in {experiment.challenger_version, experiment.champion_version}:
        return "it is part of an experiment"
    if _artifact_name(version, context.spec) in context.configs_in_use:
        return "an endpoint uses it"
    if version.approval == Approval.PENDING:
        return "it waits for approval"
    if version.version in newest:
        return f"it is among the newest {context.spec.keep_versions}"
    return None


def version_acts(context: ArchiveContext, *, run_id: str, now: datetime, versions_max: int) -> tuple[ArchiveStep, ...]:
    """Versions to be archived, oldest first and at most `versions_max`, and archived ones that are wanted again."""
    kept = [version for version in context.versions if why_kept(version, context) is not None]
    needed = {url for version in kept for url in _objects(version)}
    leaving = [version for version in context.versions if version not in kept and not is_archived(version)]
    oldest = sorted(leaving, key=lambda version: version.version)[:versions_max]
    back = [version for version in kept if is_archived(version)]
    return (
        *(_version_act(ArchiveAction.ARCHIVE, version, context, run_id, now, needed) for version in oldest),
        *(_version_act(ArchiveAction.RESTORE, version, context, run_id, now, frozenset()) for version in back),
    )


def is_orphan(endpoint: ListedEndpoint, known_names: Iterable[str], *, now: datetime) -> bool:
    """Whether an endpoint belongs to no model of the catalogue and to no experiment, for at least a day.

    Whether it is ours at all, its tags have to say.
    """
    age_days = (now - endpoint.changed_at).total_seconds() / 86_400
    settled = endpoint.phase in {EndpointPhase.IN_SERVICE, EndpointPhase.FAILED}
    stranger = endpoint.name.lower() not in {name.lower() for name in known_names}
    return stranger and settled and age_days >= ORPHAN_DAYS_MIN


def is_ours(tags: Mapping[str, str], environment: str) -> bool:
    """Whether tags say that something was made by this deployment."""
    return (tags.get("App"), tags.get("Env")) == ("bellwether", environment)


def known_endpoints(specs: Iterable[ModelSpec], experiments: Iterable[Experiment]) -> frozenset[str]:
    """Endpoints that belong to a model, or to a challenger on trial."""
    return frozenset(
        {spec.endpoint_name for spec in specs} | {experiment.challenger_endpoint_name for experiment in experiments}
    )


def endpoint_act(endpoint: ListedEndpoint, *, environment: str, run_id: str, now: datetime) -> ArchiveStep:
    """The deletion of an orphan."""
    decision = decide(
        kind=Kind.DELETE_ENDPOINT,
        subject=endpoint.name,
        key=f"{endpoint.arn}:{run_id}",
        gates=(
            Gate(name="endpoint_owner", observed="none", limit="none", passed=True),
            Gate(name="tags", observed=f"bellwether {environment}", limit="ours", passed=True),
            Gate(
                name="days_since_change",
                observed=round((now - endpoint.changed_at).total_seconds() / 86_400, 3),
                limit=ORPHAN_DAYS_MIN,
                passed=True,
            ),
        ),
        evidence={"endpoint_arn": endpoint.arn, "run": run_id},
        actor=ACTOR,
        made_at=now,
    )
    return ArchiveStep(act=ArchiveAction.DELETE_ENDPOINT, decision=decision, endpoint_name=endpoint.name)


def _version_act(
    act: ArchiveAction,
    version: RegisteredVersion,
    context: ArchiveContext,
    run_id: str,
    now: datetime,
    needed: Collection[str],
) -> ArchiveStep:
    name = _artifact_name(version, context.spec)
    objects = tuple(url for url in _objects(version) if url not in needed)
    kept = why_kept(version, context)
    decision = decide(
        kind=Kind(act),
        subject=f"{context.spec.name} version {version.version}",
        key=f"{version.arn}:{run_id}",
        gates=(
            Gate(name="reason_to_keep", observed=kept or "none", limit=None, passed=True),
            Gate(
                name="versions_kept",
                observed=len(context.versions),
                limit=context.spec.keep_versions,
                passed=True,
            ),
        ),
        evidence={"model_package_arn": version.arn, "artifact": name, "objects": list(objects), "run": run_id},
        actor=ACTOR,
        made_at=now,
    )
    return ArchiveStep(
        act=act,
        decision=decision,
        model_package_arn=version.arn,
        model_name=name,
        endpoint_config_name=name,
        objects=objects,
        serving_endpoints=(context.spec.endpoint_name, context.spec.challenger_endpoint_name),
    )


def _artifact_name(version: RegisteredVersion, spec: ModelSpec) -> str:
    """Empty for a version without a hash: nothing was ever made from it."""
    sha256 = version.metadata.get(BUNDLE_SHA256)
    return "" if sha256 is None else spec.artifact_name(version.version, sha256)


def _objects(version: RegisteredVersion) -> tuple[str, ...]:
    """The copy that is served, the bundle that it was made from, and what the job left beside it."""
    root, found, _ = version.model_data_url.partition("/bundles/")
    job = version.metadata.get(JOB_NAME)
    if not found or job is None:
        return (version.model_data_url,)
    output = f"{root}/jobs/{job}/output"
    return (version.model_data_url, f"{output}/model.tar.gz", f"{output}/output.tar.gz")
