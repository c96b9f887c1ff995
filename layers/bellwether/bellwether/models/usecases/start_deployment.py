"""A person has approved or rejected a version: start the process that acts upon it, once."""

from typing import Any

from pydantic import AliasPath, BaseModel, ConfigDict, Field

from bellwether.models.domain.archive import ARCHIVED
from bellwether.models.domain.catalogue import spec_of_group
from bellwether.models.domain.deployment import Action, Approval, execution_name
from bellwether.shared.ports.processes import Processes

ACTOR_LIMIT = 400  # a decision's
STATUS_FIELD = "ModelApprovalStatus"
ACTIONS = {Approval.APPROVED.value: Action.DEPLOY, Approval.REJECTED.value: Action.REJECT}


class PackageStateChange(BaseModel):
    """EventBridge's `SageMaker Model Package State Change`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str = Field(alias="id", min_length=1, max_length=64)
    account: str = ""
    package_group: str | None = Field(default=None, validation_alias=AliasPath("detail", "ModelPackageGroupName"))
    arn: str = Field(validation_alias=AliasPath("detail", "ModelPackageArn"))
    version: int | None = Field(default=None, validation_alias=AliasPath("detail", "ModelPackageVersion"))
    approval: str | None = Field(default=None, validation_alias=AliasPath("detail", "ModelApprovalStatus"))
    description: str | None = Field(default=None, validation_alias=AliasPath("detail", "ApprovalDescription"))
    updated_fields: tuple[str, ...] | None = Field(
        default=None, validation_alias=AliasPath("detail", "UpdatedModelPackageFields")
    )
    metadata: dict[str, str] | None = Field(
        default=None, validation_alias=AliasPath("detail", "CustomerMetadataProperties")
    )
    modified_by: dict[str, Any] | None = Field(default=None, validation_alias=AliasPath("detail", "LastModifiedBy"))

    @property
    def actor(self) -> str:
        """Who changed the version, as far as the event tells: SageMaker's own word before the approver's."""
        by = self.modified_by or {}
        identity = by.get("IamIdentity") or {}
        told = identity.get("Arn") or by.get("UserProfileName") or self.description
        return str(told or f"account {self.account or 'unknown'}")[:ACTOR_LIMIT]

    @property
    def is_about_approval(self) -> bool:
        """Whether a person has decided; the archive's mark changes a version as well, and asks for nothing.

        An event that does not say what was changed counts as a decision, unless the archive was there before.
        """
        if self.updated_fields:
            return STATUS_FIELD in self.updated_fields
        return ARCHIVED not in (self.metadata or {})


class StartedDeployment(BaseModel):
    """Whether a process was started, and if not, why."""

    model_config = ConfigDict(frozen=True)

    started: bool
    execution_arn: str | None
    reason: str


def start_deployment(change: PackageStateChange, *, processes: Processes) -> StartedDeployment:
    """Start the deployment (or the recording of a rejection) of a version of ours; everything else is left alone."""
    spec = spec_of_group(change.package_group or "")
    if spec is None or change.package_group is None or change.version is None:
        return _ignored(f"{change.package_group or change.arn} is not a model package group of this deployment")
    action = ACTIONS.get(change.approval or "")
    if action is None:
        return _ignored(f"status {change.approval} requires no action")
    if not change.is_about_approval:
        return _ignored(f"its approval is still {change.approval}")
    execution_arn = processes.start(
        execution_name(change.package_group, change.version, action, change.event_id),
        {
            "model": spec.name,
            "action": action.value,
            "version": change.version,
            "model_package_arn": change.arn,
            "actor": change.actor,
            "event_id": change.event_id,
        },
    )
    if execution_arn is None:
        return _ignored(f"event {change.event_id} was already processed")
    return StartedDeployment(
        started=True, execution_arn=execution_arn, reason=f"{spec.name} version {change.version} is {change.approval}"
    )


def _ignored(reason: str) -> StartedDeployment:
    return StartedDeployment(started=False, execution_arn=None, reason=reason)
