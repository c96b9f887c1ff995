"""Before a version goes into service: is it approved, is its bundle the one approved, is it wanted at all?"""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, StrictBool, model_validator

from bellwether.models.domain.bundle import (
    MANIFEST_FILE,
    BundleArchive,
    VersionFacts,
    golden_key,
    reference_key,
    served_key,
    verify,
)
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import (
    APPROVED_FOR,
    ARCHIVE_SHA256,
    ARCHIVE_VERSION_ID,
    BUNDLE_SHA256,
    EXPERIMENT,
    OVERRIDE_REASON,
    Action,
    Approval,
    DeploymentPlan,
    RegisteredVersion,
    Version,
    config_before,
    serving_environment,
    was_refused,
    why_not_deploy,
)
from bellwether.models.domain.experiment import Challenge, ChallengePlan, Mode, why_not_challenge
from bellwether.models.domain.specs import ModelSpec
from bellwether.models.ports.bundle_archives import BundleArchives
from bellwether.models.ports.endpoints import EndpointStates
from bellwether.models.ports.experiments import Experiments
from bellwether.models.ports.registry import CurrentVersions, RegisteredVersions
from bellwether.shared.domain.errors import BundleTamperedError, InvalidInputError
from bellwether.shared.ports.objects import ObjectStore


class VerificationRequest(BaseModel):
    """A registered version that is to serve; `promote` lets one serve that was approved for an experiment only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    version: Version
    model_package_arn: str
    action: Literal[Action.DEPLOY, Action.ROLLBACK, Action.CHALLENGE] = Action.DEPLOY
    promote: StrictBool = False
    challenge: Challenge | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.action is Action.CHALLENGE) != (self.challenge is not None):
            raise ValueError("challenge belongs to the action challenge")
        return self


@dataclass(frozen=True)
class BundleVerifier:
    """What verification reads, and where it keeps what later steps need."""

    versions: RegisteredVersions
    archives: BundleArchives
    objects: ObjectStore
    current_versions: CurrentVersions
    experiments: Experiments
    endpoints: EndpointStates

    def verify(self, request: VerificationRequest) -> DeploymentPlan:
        """Recompute every hash of the bundle, keep its golden request and its facts, and plan what follows.

        A ChallengePlan when the version is to compete. Raises BundleTamperedError for a bundle that differs from what
        was approved, InvalidInputError for a version that may not serve or is not this model's, NotFoundError for one
        that is not there.
        """
        spec = model_spec(request.model)
        registered = self.versions.describe(request.model_package_arn)
        _check_registration(request, spec, registered)
        bundle_sha256 = _metadata(registered, BUNDLE_SHA256)
        _check_serving(spec, registered)
        archive = self.archives.read(registered.model_data_url, keep=frozenset({MANIFEST_FILE}))
        _check_archive(archive, registered)
        bundle = verify(archive, bundle_sha256)
        golden = golden_key(spec.name, bundle_sha256)
        self._keep(golden, bundle.golden)
        facts = VersionFacts(drift_reference=bundle.drift_reference, metrics=bundle.metrics)
        self._keep(reference_key(spec.name, bundle_sha256), facts)
        name = spec.artifact_name(registered.version, bundle_sha256)
        plan = DeploymentPlan(
            model=spec.name,
            version=registered.version,
            model_package_arn=registered.arn,
            action=request.action,
            bundle_sha256=bundle_sha256,
            model_name=name,
            endpoint_config_name=name,
            endpoint_name=spec.endpoint_name,
            previous_config_name=None,
            golden_key=golden,
        )
        if request.challenge is not None:
            return self._as_challenge(plan, spec, request.challenge)
        return self._as_deployment(plan, spec, registered, promote=request.promote)

    def _as_deployment(
        self, plan: DeploymentPlan, spec: ModelSpec, registered: RegisteredVersion, *, promote: bool
    ) -> DeploymentPlan:
        current, endpoint = self.current_versions.get(spec.name), self.endpoints.find(spec.endpoint_name)
        name = plan.endpoint_config_name
        why_not = why_not_deploy(
            version=plan.version, action=plan.action, config_name=name, current=current, endpoint=endpoint
        )
        only_tried = registered.metadata.get(APPROVED_FOR) == EXPERIMENT and not promote
        if why_not is None and only_tried and plan.action is Action.DEPLOY:
            why_not = f"version {plan.version} is approved for an experiment only"
        override = registered.metadata.get(OVERRIDE_REASON, "")
        if why_not is None and was_refused(registered.metadata) and not override:
            why_not = (
                f"version {plan.version} was refused by its gate, and nobody gave a reason to deploy it all the same"
            )
        changes = {
            "deploy": why_not is None,
            "reason": why_not or "all hashes match the approved bundle",
            "despite_gate": override if was_refused(registered.metadata) else "",
            "previous_config_name": config_before(name, current, endpoint),
        }
        return plan.model_copy(update=changes)

    def _as_challenge(self, plan: DeploymentPlan, spec: ModelSpec, challenge: Challenge) -> ChallengePlan:
        current, running = self.current_versions.get(spec.name), self.experiments.get(spec.name)
        why_not = why_not_challenge(
            version=plan.version, bundle_sha256=plan.bundle_sha256, current=current, running=running
        )
        changes = {
            "deploy": why_not is None,
            "reason": why_not or "all hashes match the registered bundle",
            "endpoint_name": spec.challenger_endpoint_name,
            "challenge": challenge,
            "champion_version": None if current is None else current.version,
        }
        return ChallengePlan.model_validate(dict(plan) | changes)

    def _keep(self, key: str, part: BaseModel) -> None:
        self.objects.put(key, part.model_dump_json().encode(), content_type="application/json")


def _check_registration(request: VerificationRequest, spec: ModelSpec, registered: RegisteredVersion) -> None:
    if (registered.package_group, registered.version) != (spec.package_group, request.version):
        message = f"is version {registered.version} of {registered.package_group}, not {request.version} of {spec.name}"
        raise InvalidInputError(message, field="model_package_arn")
    is_shadow = request.challenge is not None and request.challenge.mode is Mode.SHADOW
    allowed = {Approval.APPROVED, Approval.PENDING} if is_shadow else {Approval.APPROVED}
    if registered.approval not in allowed:
        raise InvalidInputError(f"version {registered.version} is {registered.approval}", field="ModelApprovalStatus")


def _check_serving(spec: ModelSpec, registered: RegisteredVersion) -> None:
    """The container loads the copy that nobody can replace, and code from nowhere else."""
    archive_sha256 = _metadata(registered, ARCHIVE_SHA256)
    if not registered.model_data_url.endswith(f"/{served_key(spec.name, archive_sha256)}"):
        raise BundleTamperedError(f"{registered.model_data_url} is not the copy with SHA-256 {archive_sha256}")
    if registered.environment != serving_environment(_metadata(registered, BUNDLE_SHA256), archive_sha256):
        raise BundleTamperedError("the container's environment differs from the one that registration writes")


def _check_archive(archive: BundleArchive, registered: RegisteredVersion) -> None:
    expected, version_id = _metadata(registered, ARCHIVE_SHA256), registered.metadata.get(ARCHIVE_VERSION_ID, "")
    if archive.sha256 != expected:
        raise BundleTamperedError(f"{registered.model_data_url} has SHA-256 {archive.sha256}, expected {expected}")
    if version_id and archive.version_id != version_id:
        raise BundleTamperedError(
            f"{registered.model_data_url} has S3 version {archive.version_id}, expected {version_id}"
        )


def _metadata(registered: RegisteredVersion, name: str) -> str:
    try:
        return registered.metadata[name]
    except KeyError:
        raise InvalidInputError(
            "is missing; register the version again", field=f"CustomerMetadataProperties.{name}"
        ) from None
