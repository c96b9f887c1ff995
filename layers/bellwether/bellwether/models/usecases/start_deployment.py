"""A person has approved or rejected a version: start the process that acts upon it, once."""

import re
from itertools import count
from typing import Annotated

from pydantic import AliasPath, BaseModel, ConfigDict, Field

from bellwether.models.domain.archive import ARCHIVED
from bellwether.models.domain.catalogue import spec_of_group
from bellwether.models.domain.deployment import Action, Approval, Version, execution_name, was_refused
from bellwether.shared.domain.decisions import claimed
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.processes import NamedProcesses

STATUS_FIELD = "ModelApprovalStatus"
ACTIONS = {Approval.APPROVED.value: Action.DEPLOY, Approval.REJECTED.value: Action.REJECT}
_IDENTITY = r"arn:aws[a-z-]*:(?:iam|sts)::{account}:[\w+=,.@/-]{{1,300}}"
_PROFILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,62}")
_PACKAGE = r"arn:aws[a-z-]*:sagemaker:{region}:{account}:model-package/{group}/{version}"


class PackageStateChange(BaseModel):
    """EventBridge's `SageMaker Model Package State Change`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: Annotated[str, Field(alias="id", pattern=r"^[0-9A-Za-z-]{1,64}$")]
    account: Annotated[str, Field(pattern=r"^\d{12}$")]
    package_group: str | None = Field(default=None, validation_alias=AliasPath("detail", "ModelPackageGroupName"))
    arn: str = Field(validation_alias=AliasPath("detail", "ModelPackageArn"))
    version: Annotated[Version, Field(strict=True)] | None = Field(
        default=None, validation_alias=AliasPath("detail", "ModelPackageVersion")
    )
    approval: str | None = Field(default=None, validation_alias=AliasPath("detail", "ModelApprovalStatus"))
    description: str | None = Field(default=None, validation_alias=AliasPath("detail", "ApprovalDescription"))
    updated_fields: tuple[str, ...] | None = Field(
        default=None, validation_alias=AliasPath("detail", "UpdatedModelPackageFields")
    )
    metadata: dict[str, str] | None = Field(
        default=None, validation_alias=AliasPath("detail", "CustomerMetadataProperties")
    )
    identity: str | None = Field(
        default=None, validation_alias=AliasPath("detail", "LastModifiedBy", "IamIdentity", "Arn")
    )
    profile: str | None = Field(default=None, validation_alias=AliasPath("detail", "LastModifiedBy", "UserProfileName"))

    @property
    def actor(self) -> str:
        """Who changed the version: the identity that SageMaker names; what others wrote is marked as claimed."""
        if self.identity and re.fullmatch(_IDENTITY.format(account=self.account), self.identity, re.ASCII):
            return self.identity
        if self.profile and _PROFILE.fullmatch(self.profile):
            return f"user profile {self.profile}"
        told = self.identity or self.profile or self.description
        return claimed(told) if told else f"account {self.account}"

    @property
    def is_about_approval(self) -> bool:
        """Whether a person has decided; the archive's mark changes a version as well, and asks for nothing.

        An event that does not say what was changed counts as a decision, unless the archive was there before.
        """
        if self.updated_fields:
            return STATUS_FIELD in self.updated_fields
        return ARCHIVED not in (self.metadata or {})

    @property
    def is_refusal_by_gate(self) -> bool:
        """Whether the version was registered as rejected: no person has changed it since."""
        created = not self.updated_fields
        return self.approval == Approval.REJECTED and created and was_refused(self.metadata or {})


class StartedDeployment(BaseModel):
    """Whether a process was started, and if not, why."""

    model_config = ConfigDict(frozen=True)

    started: bool
    execution_arn: str | None
    reason: str


def start_deployment(change: PackageStateChange, *, own_arn: str, processes: NamedProcesses) -> StartedDeployment:
    """Start the deployment (or the recording of a rejection) of a version of ours, unless one is running.

    `own_arn` is any ARN of the own account and region. Other groups and states are ignored. Raises InvalidInputError
    for an event of another account, and for one that names a package of another account, region, group or version.
    """
    spec = spec_of_group(change.package_group or "")
    if spec is None or change.package_group is None or change.version is None:
        return _ignored(f"{change.package_group or change.arn} is not a model package group of this deployment")
    _refuse_foreign(change, own_arn)
    action = ACTIONS.get(change.approval or "")
    if action is None:
        return _ignored(f"status {change.approval} requires no action")
    if not change.is_about_approval:
        return _ignored(f"its approval is still {change.approval}")
    if change.is_refusal_by_gate:
        return _ignored("its gate refused it; the refusal is recorded already")
    payload = {
        "model": spec.name,
        "action": action.value,
        "version": change.version,
        "model_package_arn": change.arn,
        "actor": change.actor,
        "event_id": change.event_id,
    }
    for attempt in count(1):
        name = execution_name(change.package_group, change.version, action, str(attempt))
        execution_arn = processes.start(name, payload)
        if execution_arn is not None:
            break
        earlier = processes.find(name)
        if earlier.payload.get("event_id") == change.event_id:
            return _ignored(f"event {change.event_id} was already processed")
        if not earlier.ended:
            return _ignored(f"{earlier.arn} is running")
    return StartedDeployment(
        started=True, execution_arn=execution_arn, reason=f"{spec.name} version {change.version} is {change.approval}"
    )


def _refuse_foreign(change: PackageStateChange, own_arn: str) -> None:
    _, _, _, region, account, *_ = own_arn.split(":")
    if change.account != account:
        raise InvalidInputError(f"is {change.account}, expected {account}", field="account")
    group = re.escape((change.package_group or "").lower())
    expected = _PACKAGE.format(region=region, account=account, group=group, version=change.version)
    if not re.fullmatch(expected, change.arn, re.IGNORECASE):
        raise InvalidInputError(
            f"is not version {change.version} of {change.package_group} in account {account}, region {region}",
            field="detail.ModelPackageArn",
        )


def _ignored(reason: str) -> StartedDeployment:
    return StartedDeployment(started=False, execution_arn=None, reason=reason)
