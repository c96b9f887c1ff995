"""Versions of a model on their way into service: what is registered, what serves, what should."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from bellwether.models.domain.report_schema import Sha256
from bellwether.shared.domain.errors import InvalidInputError

BUNDLE_SHA256 = "bundle_sha256"  # key of the registered version's metadata that deployment relies upon
ARCHIVE_SHA256 = "archive_sha256"  # key of its metadata: SHA-256 of the whole model.tar.gz
ARCHIVE_VERSION_ID = "archive_version_id"  # key of its metadata: S3's version of that object
APPROVED_FOR = "approved_for"  # key of its metadata: EXPERIMENT says that its approval alone does not deploy it
EXPERIMENT = "experiment"
QUALITY_GATE = "quality_gate"  # key of its metadata: REFUSED for a version that its gate refused
REFUSED = "refused"
REFUSED_REASON = "refused_reason"  # keys of its metadata begin so: why its gate refused it
OVERRIDE_REASON = "despite_gate"  # key of its metadata: why a person approved it all the same
_METADATA_LIMIT = 256  # SageMaker's, as are the characters that a value may not have
_NO_METADATA = re.compile(r"[^\w .:/=+\-@]")
EXECUTION_NAME_LIMIT = 80
Version = Annotated[int, Field(ge=1)]


class Approval(StrEnum):
    """Approval status of a registered version, as the registry spells it."""

    PENDING = "PendingManualApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"


class Action(StrEnum):
    """What the deployment process does with a version."""

    DEPLOY = "deploy"
    REJECT = "reject"
    ROLLBACK = "rollback"
    CHALLENGE = "challenge"
    STOP_CHALLENGE = "stop_challenge"


@dataclass(frozen=True)
class RegisteredVersion:
    """A version in the model registry."""

    arn: str
    package_group: str
    version: int
    approval: str
    model_data_url: str
    metadata: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


def metadata_text(text: str) -> str:
    """A sentence as the registry takes it in its metadata: shortened, without most punctuation."""
    return " ".join(_NO_METADATA.sub(" ", text).split())[:_METADATA_LIMIT]


def was_refused(metadata: Mapping[str, str]) -> bool:
    """Whether a registered version was refused by its gate."""
    return metadata.get(QUALITY_GATE) == REFUSED


def gate_text(metadata: Mapping[str, str]) -> str:
    """What a list of versions says about the gate: empty for a version that passed."""
    if not was_refused(metadata):
        return ""
    override = metadata.get(OVERRIDE_REASON)
    return f"refused, overridden: {override}" if override else "refused"


class EndpointPhase(StrEnum):
    """What can be done with an endpoint now."""

    IN_SERVICE = "in_service"
    CHANGING = "changing"  # creating, updating or rolling back: it takes no order
    LEAVING = "leaving"  # being deleted
    FAILED = "failed"  # can only be deleted


@dataclass(frozen=True)
class EndpointState:
    """An endpoint as it is now; `pending_config_name` is the configuration it changes to."""

    phase: EndpointPhase
    config_name: str
    pending_config_name: str | None = None

    @property
    def heads_for(self) -> str:
        """The configuration that it will serve once it has come to rest."""
        return self.pending_config_name or self.config_name


class CurrentVersion(BaseModel):
    """The version that passed its smoke test last; kept as JSON in a parameter of its model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Version
    previous_version: int | None = None
    endpoint_config_name: str
    model_package_arn: str
    bundle_sha256: Sha256
    promoted_at: AwareDatetime


class DeploymentPlan(BaseModel):
    """How one verified version goes into service: the result of verification, and what every later step works from.

    `deploy` is False when there is nothing to do, and `reason` says why. `previous_config_name` is what the endpoint
    served before, None when there was no endpoint.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    version: Version
    model_package_arn: str
    action: Literal[Action.DEPLOY, Action.ROLLBACK, Action.CHALLENGE] = Action.DEPLOY
    deploy: StrictBool = True
    reason: str = ""
    despite_gate: str = ""  # why a person approved a version that its gate refused
    bundle_sha256: Sha256
    model_name: str
    endpoint_config_name: str
    endpoint_name: str
    previous_config_name: str | None = None
    golden_key: str


def serving_environment(bundle_sha256: str, archive_sha256: str) -> dict[str, str]:
    """Environment of a version's container: its code comes from the bundle, which is checked again before loading."""
    return {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "BELLWETHER_BUNDLE_SHA256": bundle_sha256,
        "BELLWETHER_ARCHIVE_SHA256": archive_sha256,
    }


def parse_current(text: str, name: str) -> CurrentVersion | None:
    """Read the parameter of a model's current version; an empty object means that there is none yet.

    Raises InvalidInputError for anything else that does not fit.
    """
    try:
        if json.loads(text) == {}:
            return None
        return CurrentVersion.model_validate_json(text)
    except (ValueError, ValidationError) as error:
        raise InvalidInputError("does not hold a current version", field=name) from error


def why_not_deploy(
    *,
    version: int,
    action: Action,
    config_name: str,
    current: CurrentVersion | None,
    endpoint: EndpointState | None,
) -> str | None:
    """Why a verified version has nothing to gain from a deployment; None when it has to be deployed."""
    if current is None:
        return None
    if current.version > version and action is not Action.ROLLBACK:
        return f"version {version} is older than version {current.version}, which is current"
    serves = endpoint is not None and endpoint.phase is EndpointPhase.IN_SERVICE and endpoint.config_name == config_name
    if current.version == version and serves:
        return f"version {version} is current already"
    return None


def config_before(config_name: str, current: CurrentVersion | None, endpoint: EndpointState | None) -> str | None:
    """Where a failed deployment goes back to: what the endpoint serves now, None when there is no endpoint.

    An endpoint that has failed, or that a deployment cut short has left with the candidate itself, says nothing about
    before: then it is what was current.
    """
    if endpoint is None:
        return None
    alive = endpoint.phase in {EndpointPhase.IN_SERVICE, EndpointPhase.CHANGING}
    if alive and endpoint.heads_for != config_name:
        return endpoint.heads_for
    return current.endpoint_config_name if current is not None else None


def sibling_arn(model_package_arn: str, version: int) -> str:
    """ARN of another version of the same group."""
    return f"{model_package_arn.rpartition('/')[0]}/{version}"


def execution_name(package_group: str, version: int, action: Action, key: str) -> str:
    """Name of the one deployment with this key, as Step Functions allows it."""
    return re.sub(r"[^0-9A-Za-z_-]", "-", f"{package_group}-v{version}-{action}-{key}")[-EXECUTION_NAME_LIMIT:]
