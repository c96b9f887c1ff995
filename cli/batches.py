"""`bellwether predict-batch`: a file of requests, answered line by line by a transform job."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bellwether.models.domain.batch import INPUT_FILE, INPUT_LIMIT_BYTES, NAME, BatchReport, batch_folder, report_key
from bellwether.models.domain.catalogue import CATALOGUE, model_spec
from cli import executions
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console, spinner

WAIT_SECONDS = 5 * 3600
S3 = re.compile(r"s3://([^/]+)/(.+)")
RUNNING = "already_running"


@dataclass(frozen=True)
class Answered:
    """A batch with all its answers: what the report says, and where the answers lie."""

    report: BatchReport
    answers_uri: str | None
    new: bool

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {**self.report.model_dump(mode="json"), "answers_uri": self.answers_uri, "new": self.new}


def predict_batch(
    model: Annotated[str, typer.Argument(help=f"Name of the model in the catalogue: {', '.join(CATALOGUE)}.")],
    lines: Annotated[str, typer.Argument(help="JSON Lines file of requests: a path or s3://….")],
    out: Annotated[str, typer.Option(help="Copy the predictions to this path or s3://…. Default: no copy.")] = "",
    name: Annotated[str, typer.Option(help="Name of the batch in the data bucket. Default: file name and hash.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Predict a file of requests with the version in service. Lines that can't be used get an error with the reason."""
    target = current_target()
    content = read(target, lines)
    chosen = name or default_name(lines, content)
    place = put(target, model, chosen, content)
    with spinner(f"Batch {chosen}") as on_state:
        answered = run(target, model, chosen, on_state=on_state)
    if out:
        write(target, answered, out)
    if as_json:
        typer.echo(json.dumps(answered.as_json(), indent=2))
        return
    console.print(headline(answered))
    if answered.report.refusals:
        console.print(refusals_table(answered.report))
    console.print(f"Lines: {place}\nPredictions: {out or answered.answers_uri or 'none'}", soft_wrap=True)


def read(target: Target, place: str) -> bytes:
    """The lines, from a file or an object; CommandError for what is not there or too large."""
    if found := S3.fullmatch(place):
        s3 = target.client("s3")
        size = int(s3.head_object(Bucket=found[1], Key=found[2])["ContentLength"])
        _check_size(place, size)
        content: bytes = s3.get_object(Bucket=found[1], Key=found[2])["Body"].read()
        return content
    path = Path(place)
    if not path.is_file():
        raise CommandError(f"{place} is not a file")
    _check_size(place, path.stat().st_size)
    return path.read_bytes()


def _check_size(place: str, size: int) -> None:
    if size > INPUT_LIMIT_BYTES:
        limit = INPUT_LIMIT_BYTES // 1024 // 1024
        raise CommandError(f"{place} has {size} bytes; a batch has at most {limit} MB: split it by lines")


def default_name(place: str, content: bytes) -> str:
    """The same for the same lines, and still to be recognised: the file's name and a part of its hash."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(place).stem).strip("-")[:27] or "batch"
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}"


def put(target: Target, model: str, name: str, content: bytes) -> str:
    """Lay the lines out where the process looks for them; returns their address."""
    if not re.fullmatch(NAME, name):
        raise CommandError(f"'{name}' is not a valid batch name: use at most 40 letters, digits and hyphens")
    bucket, key = target.output("DataBucketName"), batch_folder(model_spec(model).name, name) + INPUT_FILE
    target.client("s3").put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/jsonlines")
    return f"s3://{bucket}/{key}"


def run(target: Target, model: str, name: str, *, on_state: Any = lambda _: None) -> Answered:
    """Run the process to its end. CommandError where it failed, or where the same batch is under way."""
    arn = executions.start(
        target,
        target.output("PredictBatchStateMachineArn"),
        {"model": model, "name": name, "requested_by": target.caller},
    )
    output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    if output["outcome"] == RUNNING:
        raise CommandError(
            f"The same batch is already running as {output['job_name']}: repeat the command when it has finished"
        )
    bucket = target.output("DataBucketName")
    found = target.client("s3").get_object(Bucket=bucket, Key=report_key(model, name))["Body"].read()
    report = BatchReport.model_validate_json(found)
    uri = None if report.output_key is None else f"s3://{bucket}/{report.output_key}"
    return Answered(report, uri, new=output["outcome"] == "answered")


def write(target: Target, answered: Answered, out: str) -> None:
    """Copy the answers to a file or an object."""
    s3, key = target.client("s3"), answered.report.output_key
    content = b"" if key is None else s3.get_object(Bucket=target.output("DataBucketName"), Key=key)["Body"].read()
    if found := S3.fullmatch(out):
        s3.put_object(Bucket=found[1], Key=found[2], Body=content, ContentType="application/jsonlines")
    else:
        Path(out).write_bytes(content)


def headline(answered: Answered) -> str:
    """The batch in a line."""
    report = answered.report
    told = f"{report.answers} of {report.lines} lines predicted by {report.model_version}"
    refused = f", {report.refused} of them refused" if report.refused else ""
    return told + refused + ("" if answered.new else "; the same lines were predicted before, no job ran")


def refusals_table(report: BatchReport) -> Table:
    """The first lines that the model did not take, and why."""
    left = report.refused - len(report.refusals)
    table = Table(title="Refused" + (f" (and {left} more)" if left else ""))
    for column in ("line", "field", "reason"):
        table.add_column(column, overflow="fold")
    for each in report.refusals:
        table.add_row(str(each.line), each.field, each.message)
    return table
