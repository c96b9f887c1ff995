"""Before a version goes into service: is it approved, is its bundle the one approved, is it wanted at all?"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from bellwether.domain.bundle import MANIFEST_FILE, verify
from bellwether.domain.catalogue import ModelSpec, model_spec
from bellwether.domain.deployment import (
    BUNDLE_SHA256,
    Action,
    Approval,
    DeploymentPlan,
    RegisteredVersion,
    Version,
    config_before,
    why_not_deploy,
)
from bellwether.domain.errors import InvalidInputError
from bellwether.ports.models import Archives, CurrentVersions, EndpointStates, RegisteredVersions
from bellwether.ports.objects import ObjectStore


class VerificationRequest(BaseModel):
    """A registered version that is to serve."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    version: Version
    model_package_arn: str
    action: Literal[Action.DEPLOY, Action.ROLLBACK] = Action.DEPLOY


def verify_bundle(
    request: VerificationRequest,
    *,
    versions: RegisteredVersions,
    archives: Archives,
    objects: ObjectStore,
    current_versions: CurrentVersions,
    endpoints: EndpointStates,
) -> DeploymentPlan:
    """Recompute every hash of the bundle, keep its golden request, and plan the deployment.

    Raises BundleTamperedError for a bundle that differs from what was approved, InvalidInputError for a version that
    is not approved or not this model's, NotFoundError for one that is not there.
    """
    spec = model_spec(request.model)
    registered = versions.describe(request.model_package_arn)
    bundle_sha256 = _approved_hash(request, spec, registered)
    bundle = verify(archives.read(registered.model_data_url, keep=frozenset({MANIFEST_FILE})), bundle_sha256)
    golden_key = f"models/{spec.name}/golden/{bundle_sha256}.json"
    objects.put(golden_key, bundle.golden.model_dump_json().encode(), content_type="application/json")

    name = spec.artifact_name(registered.version, bundle_sha256)
    current = current_versions.get(spec.name)
    endpoint = endpoints.find(spec.endpoint_name)
    why_not = why_not_deploy(
        version=registered.version, action=request.action, config_name=name, current=current, endpoint=endpoint
    )
    return DeploymentPlan(
        model=spec.name,
        version=registered.version,
        model_package_arn=registered.arn,
        action=request.action,
        deploy=why_not is None,
        reason=why_not or "every hash is as approved",
        bundle_sha256=bundle_sha256,
        model_name=name,
        endpoint_config_name=name,
        endpoint_name=spec.endpoint_name,
        previous_config_name=config_before(name, current, endpoint),
        golden_key=golden_key,
    )


def _approved_hash(request: VerificationRequest, spec: ModelSpec, registered: RegisteredVersion) -> str:
    if (registered.package_group, registered.version) != (spec.package_group, request.version):
        message = f"is version {registered.version} of {registered.package_group}, not {request.version} of {spec.name}"
        raise InvalidInputError(message, field="model_package_arn")
    if registered.approval != Approval.APPROVED:
        raise InvalidInputError(f"version {registered.version} is {registered.approval}", field="ModelApprovalStatus")
    try:
        return registered.metadata[BUNDLE_SHA256]
    except KeyError:
        raise InvalidInputError("is missing", field=f"CustomerMetadataProperties.{BUNDLE_SHA256}") from None
