"""What there is of each model: its versions, which of them answers how many callers, and how its endpoints are."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError
from rich.table import Table

from bellwether.models.domain.archive import ARCHIVED, TRUE
from bellwether.models.domain.catalogue import CATALOGUE, model_spec
from bellwether.models.domain.experiment import Experiment, Mode
from cli import registry
from cli.problems import CommandError
from cli.target import Target

NO_ENDPOINT = "none"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint's name and SageMaker's word for its state; `none` where there is none."""

    name: str
    state: str


@dataclass(frozen=True)
class VersionRow:
    """A version and the share of callers it answers; `role` is champion, challenger, shadow, previous or empty."""

    number: int
    status: str
    created: str
    figure: str
    role: str
    traffic: float
    archived: bool
    metadata: dict[str, str]


@dataclass(frozen=True)
class ModelView:
    """A model as it stands now."""

    model: str
    endpoint: Endpoint
    challenger_endpoint: Endpoint
    experiment: dict[str, Any] | None
    figure_title: str
    versions: tuple[VersionRow, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def models(target: Target, model: str | None) -> list[ModelView]:
    """One model, or all of the catalogue; raises CommandError for an unknown name."""
    return [view(target, name) for name in ([model] if model is not None else CATALOGUE)]


def view(target: Target, model: str) -> ModelView:
    """How one model stands."""
    spec = model_spec(model)
    pointer = registry.current(target, model)
    trial = experiment(target, model)
    return ModelView(
        model=spec.name,
        endpoint=_endpoint(target, spec.endpoint_name),
        challenger_endpoint=_endpoint(target, spec.challenger_endpoint_name),
        experiment=None if trial is None else trial.model_dump(mode="json"),
        figure_title=registry.figure_title(model),
        versions=tuple(_row(spec.name, version, pointer, trial) for version in registry.versions(target, model)),
    )


def experiment(target: Target, model: str) -> Experiment | None:
    """The model's experiment; None when there is none. One that can't be read is a CommandError."""
    ssm = target.client("ssm")
    name = f"/bellwether/{target.environment}/{model_spec(model).name}/experiment"
    try:
        value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        return None if json.loads(value) == {} else Experiment.model_validate_json(value)
    except ssm.exceptions.ParameterNotFound:
        return None
    except (ValueError, ValidationError) as error:
        raise CommandError(f"{name}: does not hold an experiment") from error


def summary_table(views: list[ModelView]) -> Table:
    """One row a model."""
    table = Table(title="Models")
    for column in ("model", "endpoint", "serves", "challenger", "newest", "waiting", "archived"):
        table.add_column(column)
    for each in views:
        rows = each.versions
        champion = next((f"{row.number} ({row.figure})" for row in rows if row.role == "champion"), "")
        table.add_row(
            each.model,
            each.endpoint.state,
            champion,
            next((f"{row.number}: {_share(row)}" for row in rows if row.role in {"challenger", "shadow"}), ""),
            str(rows[0].number) if rows else "",
            ", ".join(str(row.number) for row in rows if row.status == "PendingManualApproval"),
            str(sum(row.archived for row in rows) or ""),
        )
    return table


def versions_table(each: ModelView) -> Table:
    """One row a version."""
    endpoint = f"{each.endpoint.name}: {each.endpoint.state}"
    if each.challenger_endpoint.state != NO_ENDPOINT:
        endpoint += f"; {each.challenger_endpoint.name}: {each.challenger_endpoint.state}"
    table = Table(title=f"Versions of {each.model}", caption=endpoint)
    for column in ("version", "status", "created", each.figure_title, "serves", "traffic", "archived"):
        table.add_column(column)
    for row in each.versions:
        table.add_row(
            str(row.number),
            row.status,
            row.created,
            row.figure,
            {"champion": "●", "": ""}.get(row.role, row.role),
            _share(row),
            "yes" if row.archived else "",
        )
    return table


def _row(model: str, version: registry.Version, pointer: dict[str, Any], trial: Experiment | None) -> VersionRow:
    role, traffic = _part(version, pointer, trial)
    return VersionRow(
        number=version.number,
        status=version.status,
        created=version.created,
        figure=registry.figure(model, version),
        role=role,
        traffic=traffic,
        archived=version.metadata.get(ARCHIVED) == TRUE,
        metadata=version.metadata,
    )


def _part(version: registry.Version, pointer: dict[str, Any], trial: Experiment | None) -> tuple[str, float]:
    """Role and share of the callers whose answer comes from this version."""
    split = trial.share if trial is not None and trial.mode is Mode.SPLIT else 0.0
    if version.serves:
        return "champion", 1 - split
    if trial is not None and version.number == trial.challenger_version:
        return ("challenger" if trial.mode is Mode.SPLIT else "shadow"), split
    return ("previous" if version.number == pointer.get("previous_version") else ""), 0.0


def _share(row: VersionRow) -> str:
    return "shadow" if row.role == "shadow" else f"{row.traffic:.0%}" if row.traffic else ""


def _endpoint(target: Target, name: str) -> Endpoint:
    try:
        return Endpoint(name, target.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"])
    except ClientError as error:
        if "could not find" in str(error).lower():
            return Endpoint(name, NO_ENDPOINT)
        raise
