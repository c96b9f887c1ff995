"""`bellwether model register sentiment`: bring a finished bundle through gate and registry, to wait for approval."""

import json
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from bellwether.models.domain.bundle import EVALUATION_FILE, MANIFEST_FILE
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.specs import ClassifierSpec
from cli import executions, training
from cli.models import AsJson, Model
from cli.problems import CommandError
from cli.target import Target, current_target
from cli.terminal import console, spinner
from jobs.sentiment.pack import pack_lexicon

WAIT_SECONDS = 600


@dataclass(frozen=True)
class Delivery:
    """A bundle and the figures that were measured of it; `bundle_sha256` is that of its manifest."""

    archive: Path
    evaluation: Path
    bundle_sha256: str


def delivery(archive: Path) -> Delivery:
    """A bundle's archive, with its `evaluation.json` beside it. Raises CommandError."""
    evaluation = archive.with_name(EVALUATION_FILE)
    for path in (archive, evaluation):
        if not path.is_file():
            raise CommandError(f"{path} does not exist")
    try:
        with tarfile.open(archive, "r:gz") as tar:
            manifest = tar.extractfile(MANIFEST_FILE)
            content = manifest.read() if manifest is not None else b""
    except (tarfile.TarError, OSError, EOFError, KeyError) as error:
        raise CommandError(f"{archive} is not a bundle: {error}") from error
    return Delivery(archive, evaluation, sha256(content).hexdigest())


def deliver(target: Target, spec: ClassifierSpec, delivered: Delivery) -> str:
    """Lay bundle and figures down where the registration looks for them; returns the name they go by."""
    name = f"{spec.name}-{delivered.bundle_sha256[:8]}"
    s3, bucket = target.client("s3"), target.output("DataBucketName")
    for path, as_name in ((delivered.archive, "model.tar.gz"), (delivered.evaluation, EVALUATION_FILE)):
        s3.upload_file(str(path), bucket, f"models/{spec.name}/jobs/{name}/output/{as_name}")
    return name


def register(target: Target, spec: ClassifierSpec, delivered: Delivery) -> str:
    """Start the registration of a bundle; returns the execution's ARN."""
    name = deliver(target, spec, delivered)
    request = {"model": spec.name, "bundle": name, "requested_by": target.caller}
    return executions.start(target, target.output("TrainModelStateMachineArn"), request)


def register_model(
    model: Model,
    archive: Annotated[
        Path | None, typer.Argument(help="model.tar.gz with evaluation.json beside it. Default: the embedded bundle.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register a finished bundle (sentiment) for approval."""
    spec = model_spec(model)
    if not isinstance(spec, ClassifierSpec):
        raise CommandError(f"{model} is trained here: 'bellwether train {model}'")
    target = current_target()
    with spinner(f"Registering {model}") as on_state, tempfile.TemporaryDirectory() as scratch:
        packed = archive or pack_lexicon(Path(scratch)).archive
        arn = register(target, spec, delivery(packed))
        output = executions.follow(target, arn, timeout_seconds=WAIT_SECONDS, on_state=on_state)
    if as_json:
        typer.echo(json.dumps(output, indent=2))
    else:
        console.print(training.outcome_text(output))
