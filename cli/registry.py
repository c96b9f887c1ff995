"""Registered versions of a model: which there are, which one a command means, approval and rejection."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import parse_current
from bellwether.models.domain.model_families import family_of
from bellwether.shared.domain.errors import InvalidInputError
from cli.problems import CommandError
from cli.target import Target


@dataclass(frozen=True)
class Version:
    """A registered model package."""

    number: int
    arn: str
    status: str
    created: str
    serves: bool
    metadata: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The version as plain JSON values."""
        return asdict(self)


def versions(target: Target, model: str) -> list[Version]:
    """All versions in the model's group, newest first."""
    sagemaker = target.client("sagemaker")
    serving = current(target, model).get("version")
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=model_spec(model).package_group
    )
    listed = [package for page in pages for package in page["ModelPackageSummaryList"]]
    found = []
    for package in sorted(listed, key=lambda each: each["ModelPackageVersion"], reverse=True):
        details = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
        found.append(
            Version(
                number=package["ModelPackageVersion"],
                arn=package["ModelPackageArn"],
                status=details["ModelApprovalStatus"],
                created=f"{package['CreationTime']:%Y-%m-%d %H:%M}",
                serves=package["ModelPackageVersion"] == serving,
                metadata=details.get("CustomerMetadataProperties", {}),
            )
        )
    return found


def figure_title(model: str) -> str:
    """What a list of versions shows of their gate."""
    return family_of(model_spec(model)).headline[0]


def figure(model: str, version: Version) -> str:
    """The figure itself; where there are several, each with what it is of."""
    _, name = family_of(model_spec(model)).headline
    several = (
        f"{each.removeprefix(name)} {value}"
        for each, value in sorted(version.metadata.items())
        if name.endswith("_") and each.startswith(name)
    )
    return version.metadata.get(name) or ", ".join(several)


def current(target: Target, model: str) -> dict[str, Any]:
    """The pointer to the version that serves; empty when none was ever deployed.

    A pointer that can't be read is a CommandError.
    """
    ssm = target.client("ssm")
    name = f"/bellwether/{target.environment}/{model_spec(model).name}/current"
    try:
        value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        pointer = parse_current(value, name)
    except ssm.exceptions.ParameterNotFound:
        return {}
    except InvalidInputError as error:
        raise CommandError(f"{error} (RUNBOOK, Deployment failed)") from error
    return {} if pointer is None else pointer.model_dump(mode="json")


def pending_version(target: Target, model: str, number: int | None) -> Version:
    """The named version, or the newest that waits for approval."""
    known = versions(target, model)
    if number is None:
        waiting = [version for version in known if version.status == "PendingManualApproval"]
        if not waiting:
            raise CommandError(f"No version of {model} waits for approval; 'bellwether models {model}' lists them")
        return waiting[0]
    return _numbered(known, model, number)


def numbered_version(target: Target, model: str, number: int) -> Version:
    """The named version, whatever its status; CommandError lists those that there are."""
    return _numbered(versions(target, model), model, number)


def rollback_version(target: Target, model: str, number: int | None) -> Version:
    """The named version, or the one that served before the current one."""
    wanted = version_before(target, model) if number is None else number
    chosen = _numbered(versions(target, model), model, wanted)
    if chosen.status != "Approved":
        raise CommandError(f"{model} version {chosen.number} is {chosen.status}; only an approved version can serve")
    return chosen


def version_before(target: Target, model: str) -> int:
    """The version that served before the current one; CommandError when there is none."""
    pointer = current(target, model)
    if not pointer:
        raise CommandError(f"{model} was never deployed: there is nothing to roll back")
    if pointer["previous_version"] is None:
        raise CommandError(f"{model} version {pointer['version']} is the first that served: there is none before it")
    return int(pointer["previous_version"])


def _numbered(known: list[Version], model: str, number: int) -> Version:
    for version in known:
        if version.number == number:
            return version
    raise CommandError(
        f"{model} has no version {number}; it has {', '.join(str(each.number) for each in known) or 'none'}"
    )


def version_table(version: Version) -> Table:
    """The evidence kept with a version."""
    table = Table(title=f"Version {version.number}: {version.status}", show_header=False)
    for key, value in sorted(version.metadata.items()):
        table.add_row(key, value)
    return table


def approve(target: Target, version: Version) -> None:
    """Set the version's status to Approved; EventBridge takes it from there."""
    _set_status(target, version, "Approved", f"approved by {target.caller}")


def reject(target: Target, version: Version, reason: str) -> None:
    """Set the version's status to Rejected."""
    _set_status(target, version, "Rejected", f"rejected by {target.caller}: {reason}")


def _set_status(target: Target, version: Version, status: str, description: str) -> None:
    target.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn, ModelApprovalStatus=status, ApprovalDescription=description[:1024]
    )
