"""Freeze a dataset and the job's code, and name the training job that is to run on them."""

from contextlib import suppress
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bellwether.models.domain.catalogue import trained_spec
from bellwether.models.domain.manifests import read_manifest
from bellwether.models.domain.specs import TrainedSpec
from bellwether.models.domain.training import (
    MANIFEST,
    code_key,
    dataset_prefix,
    job_prefix,
    merged_hyperparameters,
    next_attempt,
    running_attempt,
)
from bellwether.models.ports.jobs import JobCode, TrainingJobs
from bellwether.shared.domain.errors import ConflictError, TransientUpstreamError
from bellwether.shared.ports.objects import ObjectStore

ENTRY_POINT = "train.py"


class TrainingRequest(BaseModel):
    """Who wants a model trained, why, and with which hyperparameters instead of the model's own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    trigger: Annotated[str, Field(max_length=100)] = "manual"
    requested_by: Annotated[str, Field(max_length=400)] = "unknown"
    hyperparameters: dict[str, str | int | float | bool] = Field(default_factory=dict)


class FrozenDataset(BaseModel):
    """A copy of a dataset that nothing overwrites: `uri` is the prefix that the job's train channel reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uri: str
    sha256: str
    ends: str  # the last month or day in it


class TrainingOrder(BaseModel):
    """A training job, ready to be created; `already_running` when the very same one is under way."""

    model_config = ConfigDict(frozen=True)

    model: str
    job_name: str
    already_running: bool
    dataset: FrozenDataset
    hyperparameters: dict[str, str]
    output_uri: str


def prepare_training(
    request: TrainingRequest, *, bucket: str, region: str, objects: ObjectStore, jobs: TrainingJobs, code: JobCode
) -> TrainingOrder:
    """Freeze what the job reads, and name it after that: same data, code and hyperparameters, same name.

    Raises NotFoundError for an unknown model or a dataset that was never ingested, InvalidInputError for
    hyperparameters that can't be used, TransientUpstreamError while the dataset is being written.
    """
    spec = trained_spec(request.model)
    hyperparameters = merged_hyperparameters(spec, request.hyperparameters)
    dataset = _freeze_dataset(spec, bucket, objects)
    archive = code.pack()
    code_sha256 = sha256(archive).hexdigest()
    _keep(objects, code_key(code_sha256), archive, "application/gzip")
    prefix = job_prefix(spec.name, dataset.sha256, hyperparameters, code_sha256)
    attempts = jobs.named(prefix)
    running = running_attempt(prefix, attempts)
    return TrainingOrder(
        model=spec.name,
        job_name=running or next_attempt(prefix, attempts),
        already_running=running is not None,
        dataset=dataset,
        hyperparameters={
            **hyperparameters,
            "sagemaker_program": ENTRY_POINT,
            "sagemaker_submit_directory": f"s3://{bucket}/{code_key(code_sha256)}",
            "sagemaker_region": region,
        },
        output_uri=f"s3://{bucket}/models/{spec.name}/jobs",
    )


def _freeze_dataset(spec: TrainedSpec, bucket: str, objects: ObjectStore) -> FrozenDataset:
    manifest_content = objects.get(spec.dataset.manifest_key).content
    manifest = read_manifest(spec.dataset, manifest_content, MANIFEST)
    data = objects.get(spec.dataset.data_key).content
    if sha256(data).hexdigest() != manifest.sha256:
        raise TransientUpstreamError(f"{spec.dataset.data_key} and its manifest differ: the dataset is being written")
    prefix = dataset_prefix(spec.name, manifest.sha256)
    _keep(objects, prefix + spec.dataset.file_name, data, "text/csv")
    _keep(objects, prefix + MANIFEST, manifest_content, "application/json")
    return FrozenDataset(uri=f"s3://{bucket}/{prefix}", sha256=manifest.sha256, ends=manifest.ends)


def _keep(objects: ObjectStore, key: str, content: bytes, content_type: str) -> None:
    with suppress(ConflictError):  # it is there from an earlier training
        objects.put(key, content, content_type=content_type, only_if_absent=True)
