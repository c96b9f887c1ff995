"""What the lifecycle commands do, apart from asking and printing."""

import csv
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from bellwether.datasets.domain.fred_layout import INBOX, MERGED_CSV, QUARANTINE, VINTAGES
from bellwether.models.domain.catalogue import ModelSpec, TrainedSpec, model_spec
from bellwether.models.domain.deployment import Action, execution_name, parse_current
from bellwether.models.domain.judging import family_of
from bellwether.shared.domain.errors import InvalidInputError
from cli import executions
from cli.problems import CommandError
from cli.target import Target

__all__ = ["Target"]

EVENT_WAIT_SECONDS = 120
UNAVAILABLE = frozenset({429, 503})  # too much of the API, or of the endpoint behind it
PATIENCE_ATTEMPTS = 6
PATIENCE_SECONDS = 5.0  # what the API says in Retry-After
REGISTERED = "registered"
ALREADY_RUNNING = "already_running"


def spec_of(model: str) -> ModelSpec:
    """The model's catalogue entry; an unknown name is a CommandError that lists the known ones."""
    try:
        return model_spec(model)
    except InvalidInputError as error:
        raise CommandError(str(error)) from error


# --- ingestion -------------------------------------------------------------------------------------------------------


def csv_files(paths: Iterable[Path]) -> list[Path]:
    """CSV files among the paths and directly below the folders among them, sorted by name."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} does not exist")
        found.extend(sorted(path.glob("*.csv")) if path.is_dir() else [path])
    if not found:
        raise CommandError(f"No CSV file in {', '.join(str(path) for path in paths)}")
    return found


@dataclass(frozen=True)
class Ingested:
    """What became of a pack: new vintages, what was set aside, and the merged data as it is now."""

    files: int
    new_vintages: int
    findings: list[dict[str, Any]]
    dataset: dict[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def ingest_pack(target: Target, files: list[Path]) -> Ingested:
    """Drop files into the inbox as one archive, as a person would, and wait until the event has brought them in."""
    s3, bucket = target.client("s3"), target.output("DataBucketName")
    archive = zipped(files)
    before = len(_objects(s3, bucket, VINTAGES))
    key = f"{INBOX}pack-{hashlib.sha256(archive).hexdigest()[:12]}.zip"
    findings = drop(target, key, archive, quarantine=QUARANTINE)
    dataset = ingest(target, source="pack")["dataset"]
    return Ingested(
        files=len(files),
        new_vintages=len(_objects(s3, bucket, VINTAGES)) - before,
        findings=findings,
        dataset=dataset,
    )


def drop(target: Target, key: str, archive: bytes, *, quarantine: str) -> list[dict[str, Any]]:
    """Put an archive into an inbox, wait until the event has taken it out, and tell what was set aside meanwhile."""
    s3, bucket = target.client("s3"), target.output("DataBucketName")
    _await_next_second(s3, bucket, quarantine)
    known = _states(s3, bucket, quarantine)
    s3.put_object(Bucket=bucket, Key=key, Body=archive)
    _await_empty(s3, bucket, key)
    fresh = sorted(each for each, _ in _states(s3, bucket, quarantine) - known)
    return [
        json.loads(s3.get_object(Bucket=bucket, Key=each)["Body"].read())
        for each in fresh
        if each.endswith(".reason.json")
    ]


def zipped(files: list[Path]) -> bytes:
    """Each file below its folder's name: a folder named after a day says when its figures were known."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            member = zipfile.ZipInfo(f"{path.resolve().parent.name}/{path.name}")
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _objects(s3: Any, bucket: str, prefix: str) -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry for page in pages for entry in page.get("Contents", [])]


def _states(s3: Any, bucket: str, prefix: str) -> frozenset[tuple[str, str]]:
    """Keys with what lies there: the same file dropped again leaves its findings under the same key, newly written."""
    return frozenset((entry["Key"], entry["ETag"]) for entry in _objects(s3, bucket, prefix))


def _await_next_second(s3: Any, bucket: str, prefix: str) -> None:
    """S3 tells times in seconds: dropped again in the second of its last finding, a file would leave the same one."""
    written = [entry["LastModified"] for entry in _objects(s3, bucket, prefix)]
    while written and datetime.now(UTC) - max(written) < timedelta(seconds=1.1):
        time.sleep(0.1)


def _await_empty(s3: Any, bucket: str, key: str) -> None:
    deadline = time.monotonic() + EVENT_WAIT_SECONDS
    while _objects(s3, bucket, key):
        if time.monotonic() > deadline:
            raise CommandError(f"{key} lies in the inbox after {EVENT_WAIT_SECONDS} s (RUNBOOK, Ingestion failed)")
        time.sleep(0.5)


def ingest(target: Target, *, source: str | None) -> dict[str, Any]:
    """Run the ingestion now; returns its summary."""
    return target.invoke(target.output("IngestSeriesFunctionName"), {} if source is None else {"source": source})


def latest_figures(target: Target) -> dict[str, str]:
    """The newest known figure of each series in the merged data, as a caller would send them."""
    found = target.client("s3").get_object(Bucket=target.output("DataBucketName"), Key=MERGED_CSV)
    body = found["Body"].read().decode()
    latest: dict[str, str] = {}
    for row in csv.DictReader(io.StringIO(body)):
        latest.update({name: value for name, value in row.items() if value and name != "month"})
    return latest


def dataset_line(dataset: dict[str, Any] | None) -> str:
    """The merged data in a line."""
    if dataset is None:
        return "no merged data yet"
    span = f"{dataset['first_month']} to {dataset['last_month']}"
    return f"{dataset['series']} series, {dataset['vintages']} vintages, {dataset['rows']} months, {span}"


def findings_table(findings: list[dict[str, Any]]) -> Table:
    """What was set aside, where and why: of each file the first finding, and how many more there are."""
    table = Table(title="Set aside")
    for column in ("file", "line", "field", "reason"):
        table.add_column(column, overflow="fold")
    for each in findings:
        more = len(each.get("findings", ())) + each.get("left_out", 0) - 1
        table.add_row(
            each["file"],
            "" if each["line"] is None else str(each["line"]),
            each["field"],
            each["reason"] + (f" (and {more} more)" if more > 0 else ""),
        )
    return table


def dataset_remarks(dataset: dict[str, Any] | None) -> str:
    """What a person should know of the merged data, such as a column that was held back; one line a series."""
    return "\n".join(f"{each['series']}: {each['reason']}" for each in (dataset or {}).get("findings", ()))


# --- training --------------------------------------------------------------------------------------------------------


def start_training(target: Target, model: str, hyperparameters: dict[str, str]) -> str:
    """Start the training state machine; returns the execution's ARN. CommandError for a model that arrives finished."""
    if not isinstance(spec_of(model), TrainedSpec):
        raise CommandError(f"{model} is not trained here; 'bellwether model register {model}' brings a bundle of it in")
    return executions.start(
        target,
        target.output("TrainModelStateMachineArn"),
        {
            "model": spec_of(model).name,
            "trigger": "manual",
            "requested_by": "bellwether train",
            "hyperparameters": hyperparameters,
        },
    )


def training_message(output: dict[str, Any]) -> str:
    """The text that approvers get, or why there is none."""
    if output.get("outcome") == ALREADY_RUNNING:
        return f"The same training runs already as {output['job_name']}; this one started nothing."
    return str(output["message"])


# --- versions --------------------------------------------------------------------------------------------------------


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
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=spec_of(model).package_group)
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
    return family_of(spec_of(model)).headline[0]


def figure(model: str, version: Version) -> str:
    """The figure itself; where there are several, each with what it is of."""
    _, name = family_of(spec_of(model)).headline
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
    name = f"/bellwether/{target.environment}/{spec_of(model).name}/current"
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
    _set_status(target, version, "Approved", f"approved by {caller(target)}")


def reject(target: Target, version: Version, reason: str) -> None:
    """Set the version's status to Rejected."""
    _set_status(target, version, "Rejected", f"rejected by {caller(target)}: {reason}")


def _set_status(target: Target, version: Version, status: str, description: str) -> None:
    target.client("sagemaker").update_model_package(
        ModelPackageArn=version.arn, ModelApprovalStatus=status, ApprovalDescription=description[:1024]
    )


def caller(target: Target) -> str:
    """ARN of whoever runs the command."""
    return str(target.client("sts").get_caller_identity()["Arn"])


# --- deployments -----------------------------------------------------------------------------------------------------


def deployments(target: Target) -> frozenset[str]:
    """ARNs of the deployments so far."""
    states = target.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=target.output("DeployModelStateMachineArn")
    )
    return frozenset(execution["executionArn"] for page in pages for execution in page["executions"])


def approval_of(model: str, number: int) -> str:
    """How the name of the deployment begins that a version's approval starts; a rejection's begins otherwise."""
    return execution_name(spec_of(model).package_group, number, Action.DEPLOY, "")


def next_deployment(target: Target, known: frozenset[str], *, name: str = "") -> str:
    """ARN of the deployment that an event starts, of one whose name begins so; CommandError after two minutes."""
    deadline = time.monotonic() + EVENT_WAIT_SECONDS
    while time.monotonic() < deadline:
        fresh = {arn for arn in deployments(target) - known if arn.rsplit(":", 1)[-1].startswith(name)}
        if fresh:
            return min(fresh)
        time.sleep(1)
    raise CommandError(
        "No deployment started: look at the approval rule's dead-letter queue (RUNBOOK, Approval without deployment)"
    )


def start_rollback(target: Target, model: str, version: Version) -> str:
    """Start the deployment machine backwards; returns the execution's ARN."""
    return executions.start(
        target,
        target.output("DeployModelStateMachineArn"),
        {
            "model": spec_of(model).name,
            "action": "rollback",
            "version": version.number,
            "model_package_arn": version.arn,
            "actor": caller(target),
            "event_id": f"rollback-{time.time_ns()}",
        },
    )


# --- prediction ------------------------------------------------------------------------------------------------------


def parse_figures(pairs: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs as a mapping; the endpoint judges the values."""
    figures: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not (name and sign and value):
            raise CommandError(f"a figure is NAME=VALUE, such as bedrooms=3; not {pair!r}")
        figures[name] = value
    return figures


def predict(
    target: Target, model: str, figures: dict[str, str], *, month: str | None = None, horizon_months: int | None = None
) -> dict[str, Any]:
    """Ask a model about one row of figures."""
    own = {"month": month, "horizon_months": horizon_months}
    return ask(target, model, {"data": figures, **{name: value for name, value in own.items() if value is not None}})


def ask(target: Target, model: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to the stack's API; a refusal becomes a CommandError with the field and the reason."""
    url = f"{target.api_base}/predict/{model}"
    for _ in range(PATIENCE_ATTEMPTS):
        status, answer = target.post(url, body)
        if status not in UNAVAILABLE:
            break
        time.sleep(PATIENCE_SECONDS)  # a serverless endpoint that nobody asked for a while has to start first
    if status != 200:
        raise CommandError(
            f"{status}: {answer.get('field') or answer.get('error', 'refused')}: {answer.get('message', answer)}"
        )
    return answer


def prediction_table(answer: dict[str, Any]) -> Table:
    """One row a horizon, and the chance of a recession where the model gives one."""
    caption = "\n".join([f"unit: {answer['unit']}", *_recession_lines(answer)])
    table = Table(title=f"{answer['model']} ({answer['model_version']})", caption=caption)
    for column in ("months ahead", "prediction", "interval"):
        table.add_column(column, justify="right")
    for row in answer["predictions"]:
        interval = row["interval"]
        table.add_row(
            str(row["horizon_months"]),
            f"{row['prediction']:.2f}",
            f"{interval['lower']:.2f} … {interval['upper']:.2f} ({interval['level']:.0%})",
        )
    return table


def _recession_lines(answer: dict[str, Any]) -> list[str]:
    if found := answer.get("recession"):
        ahead, baseline = found["within_months"], found["baseline_probability"]
        return [
            f"recession within {ahead} months: {found['probability']:.0%} (the term spread alone says {baseline:.0%})"
        ]
    return [f"no chance of a recession: {reason}"] if (reason := answer.get("recession_left_out")) else []
