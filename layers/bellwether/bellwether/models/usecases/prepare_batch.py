"""Look at a batch's lines and at what serves, and name the transform job that is to answer them."""

from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellwether.models.domain.batch import (
    INPUT_FILE,
    INPUT_LIMIT_BYTES,
    BatchName,
    BatchOrder,
    BatchReport,
    BatchState,
    batch_folder,
    batch_prefix,
    line_numbers,
    refuse_other_formats,
    report_key,
)
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.training import next_attempt, running_attempt
from bellwether.models.ports.jobs import TransformJobs
from bellwether.models.ports.registry import CurrentVersions
from bellwether.shared.domain.errors import InvalidInputError, NotFoundError
from bellwether.shared.ports.objects import ObjectStore


class BatchRequest(BaseModel):
    """Which batch of which model: its lines lie at `batch/<model>/<name>/input.jsonl` in the data bucket."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    name: BatchName
    requested_by: Annotated[str, Field(max_length=400)] = "unknown"


def prepare_batch(
    request: BatchRequest, *, bucket: str, objects: ObjectStore, current: CurrentVersions, jobs: TransformJobs
) -> BatchOrder:
    """Count the lines and name the job after them: same folder, lines and version, same job.

    Raises NotFoundError for an unknown model, one that nobody deployed, or a batch without lines in the bucket, and
    InvalidInputError for an input that is too large, a line that is, and a file that is not JSON lines.
    """
    spec = model_spec(request.model)
    serving = current.get(spec.name)
    if serving is None:
        raise NotFoundError("was never deployed", field=f"model {spec.name}")
    folder = batch_folder(spec.name, request.name)
    content = _content(objects, folder + INPUT_FILE)
    lines, input_sha256 = len(line_numbers(content)), sha256(content).hexdigest()
    refuse_other_formats(content)
    model_name = spec.artifact_name(serving.version, serving.bundle_sha256)
    prefix = batch_prefix(spec.name, request.name, input_sha256, model_name)
    attempts = jobs.named(prefix)
    done, running = _done(objects, spec.name, request.name, prefix), running_attempt(prefix, attempts)
    job_name = done or running or next_attempt(prefix, attempts)
    return BatchOrder(
        model=spec.name,
        name=request.name,
        state=_state(done, running, lines),
        job_name=job_name,
        version=serving.version,
        model_name=model_name,
        model_version=spec.model_version(serving.bundle_sha256),
        input_uri=f"s3://{bucket}/{folder}{INPUT_FILE}",
        input_sha256=input_sha256,
        lines=lines,
        output_uri=f"s3://{bucket}/{folder}output/{job_name}",
        requested_by=request.requested_by,
    )


def _content(objects: ObjectStore, key: str) -> bytes:
    found = objects.find(key)
    if found is None:
        raise NotFoundError("is not there", field=key)
    if found.size_bytes > INPUT_LIMIT_BYTES:
        raise InvalidInputError(f"has {found.size_bytes} bytes, at most {INPUT_LIMIT_BYTES} are taken", field=key)
    return objects.get(key).content


def _state(done: str | None, running: str | None, lines: int) -> BatchState:
    if done is not None:
        return BatchState.DONE
    if running is not None:
        return BatchState.RUNNING
    return BatchState.READY if lines else BatchState.EMPTY


def _done(objects: ObjectStore, model: str, name: str, prefix: str) -> str | None:
    """The job that answered the same lines by the same version; None without one, or where its answers are gone."""
    key = report_key(model, name)
    if objects.find(key) is None:
        return None
    try:
        report = BatchReport.model_validate_json(objects.get(key).content)
    except ValidationError:  # of an earlier form, or somebody else's: it is written anew
        return None
    whole = report.answers == report.lines and not report.unreadable
    there = report.output_key is None or objects.find(report.output_key) is not None
    return report.job_name if report.job_name.startswith(prefix) and whole and there else None
