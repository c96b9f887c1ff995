"""Registered versions: which one a command means, approval and rejection, and tables of them."""

from collections.abc import Sequence

from rich.table import Table

from bellwether.models.domain.catalogue import CATALOGUE
from bellwether.models.domain.deployment import (
    OVERRIDE_REASON,
    REFUSED_REASON,
    Approval,
    gate_text,
    metadata_text,
    was_refused,
)
from bellwether.models.views import NO_ENDPOINT, ModelView, VersionView
from cli.problems import CommandError
from cli.target import Target

DESCRIPTION_CHARACTERS = 1024  # SageMaker's limit


def model_views(target: Target, model: str | None) -> list[ModelView]:
    """One model, or all of the catalogue."""
    return [target.models.model(name) for name in ([model] if model is not None else CATALOGUE)]


def numbered_version(target: Target, model: str, number: int) -> VersionView:
    """The version of this number. Raises CommandError."""
    found = target.models.versions(model, below=number + 1, limit=1)
    if not found or found[0].number != number:
        raise CommandError(f"{model} has no version {number}; 'bellwether models {model}' lists its versions")
    return found[0]


def pending_version(target: Target, model: str, number: int | None) -> VersionView:
    """The version of this number; without a number, the newest that waits for approval. Raises CommandError."""
    if number is not None:
        return numbered_version(target, model, number)
    for version in target.models.versions(model):
        if version.status == Approval.PENDING:
            return version
    raise CommandError(f"No version of {model} waits for approval; 'bellwether models {model}' lists its versions")


def refused_version(
    target: Target, model: str, number: int | None, reason: str, *, for_experiment: bool
) -> VersionView:
    """The version of this number, which its gate refused; without a number, the newest. Raises CommandError."""
    if not metadata_text(reason):
        raise CommandError("--despite-gate needs a reason in words")
    if for_experiment:
        raise CommandError("--despite-gate deploys a version; it does not go with --for-experiment")
    found = target.models.versions(model) if number is None else [numbered_version(target, model, number)]
    for version in found:
        if was_refused(version.metadata):
            return version
    which = "any version" if number is None else f"version {number}"
    raise CommandError(f"The gate of {model} did not refuse {which}; approve without --despite-gate")


def refuse_without_reason(version: VersionView) -> None:
    """Raises CommandError for a version that its gate refused."""
    if was_refused(version.metadata) and OVERRIDE_REASON not in version.metadata:
        reasons = [value for key, value in sorted(version.metadata.items()) if key.startswith(REFUSED_REASON)]
        raise CommandError(
            f"Version {version.number} was refused by its gate: {'; '.join(reasons)}. "
            '--despite-gate "REASON" approves it all the same'
        )


def approve_despite_gate(target: Target, version: VersionView, reason: str) -> None:
    """Approve a version that its gate refused, with the reason in its metadata; its deployment starts."""
    target.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn,
        ModelApprovalStatus=Approval.APPROVED.value,
        ApprovalDescription=f"approved by {target.caller} despite its gate: {reason}"[:DESCRIPTION_CHARACTERS],
        CustomerMetadataProperties={**version.metadata, OVERRIDE_REASON: metadata_text(reason)},
    )


def rollback_version(target: Target, model: str, number: int | None) -> VersionView:
    """The version of this number; without a number, the one that served before. Raises CommandError."""
    chosen = numbered_version(target, model, previous_version(target, model) if number is None else number)
    if chosen.status != Approval.APPROVED:
        raise CommandError(
            f"{model} version {chosen.number} is {chosen.status}; only an approved version can be deployed"
        )
    return chosen


def previous_version(target: Target, model: str) -> int:
    """Number of the version that served before the current one. Raises CommandError."""
    current = target.models.current(model)
    if current is None:
        raise CommandError(f"{model} was never deployed: there is no version to roll back to")
    if current.previous_version is None:
        raise CommandError(f"{model} version {current.version} is the first deployed version: none came before it")
    return current.previous_version


def current_version(target: Target, model: str) -> int:
    """Number of the version in service. Raises CommandError."""
    current = target.models.current(model)
    if current is None:
        raise CommandError(f"No version of {model} is deployed")
    return current.version


def approve(target: Target, version: VersionView) -> None:
    """Set the version's status to Approved; the approval event starts its deployment."""
    _set_status(target, version, Approval.APPROVED, f"approved by {target.caller}")


def reject(target: Target, version: VersionView, reason: str) -> None:
    """Set the version's status to Rejected."""
    _set_status(target, version, Approval.REJECTED, f"rejected by {target.caller}: {reason}")


def _set_status(target: Target, version: VersionView, status: Approval, description: str) -> None:
    target.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn,
        ModelApprovalStatus=status.value,
        ApprovalDescription=description[:DESCRIPTION_CHARACTERS],
    )


# --- tables ----------------------------------------------------------------------------------------------------------


def version_table(version: VersionView) -> Table:
    """A version's metadata."""
    table = Table(title=f"Version {version.number}: {version.status}", show_header=False)
    for key, value in sorted(version.metadata.items()):
        table.add_row(key, value)
    return table


def summary_table(views: Sequence[ModelView]) -> Table:
    """One row for each model."""
    table = Table(title="Models")
    for column in ("model", "endpoint", "champion", "challenger", "newest", "pending", "archived"):
        table.add_column(column)
    for each in views:
        rows = each.versions
        table.add_row(
            each.model,
            each.endpoint.state,
            next((f"{row.number} ({row.figure})" for row in rows if row.role == "champion"), ""),
            next((f"{row.number}: {_traffic(row)}" for row in rows if row.role in {"challenger", "shadow"}), ""),
            str(rows[0].number) if rows else "",
            ", ".join(str(row.number) for row in rows if row.status == Approval.PENDING),
            str(sum(row.archived for row in rows) or ""),
        )
    return table


def versions_table(each: ModelView) -> Table:
    """One row for each version."""
    endpoint = f"{each.endpoint.name}: {each.endpoint.state}"
    if each.challenger_endpoint.state != NO_ENDPOINT:
        endpoint += f"; {each.challenger_endpoint.name}: {each.challenger_endpoint.state}"
    table = Table(title=f"Versions of {each.model}", caption=endpoint)
    for column in ("version", "status", "created", each.figure_title, "gate", "role", "traffic", "archived"):
        table.add_column(column)
    for row in each.versions:
        table.add_row(
            str(row.number),
            row.status,
            f"{row.created_at:%Y-%m-%d %H:%M}",
            row.figure,
            gate_text(row.metadata),
            row.role,
            _traffic(row),
            "yes" if row.archived else "",
        )
    return table


def _traffic(row: VersionView) -> str:
    return "shadow" if row.role == "shadow" else f"{row.traffic:.0%}" if row.traffic else ""
