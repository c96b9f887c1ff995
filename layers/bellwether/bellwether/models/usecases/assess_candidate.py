"""Judge a trained candidate by the report of the job that trained it, and keep the evidence."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bellwether.models.domain.bundle import EVALUATION_FILE
from bellwether.models.domain.catalogue import trained_spec
from bellwether.models.domain.manifests import Manifest, read_manifest
from bellwether.models.domain.report_schema import Sha256
from bellwether.models.domain.training import MANIFEST, code_sha256_of, dataset_prefix
from bellwether.models.ports.bundle_archives import BundleArchives
from bellwether.models.usecases.record_assessment import (
    Assessment,
    Candidate,
    Origin,
    read_candidate,
    record_assessment,
)
from bellwether.shared.domain.errors import InvalidInputError
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore

ACTOR = "bellwether:assess_candidate"


class ModelArtifacts(BaseModel):
    """Where SageMaker put the bundle."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uri: str = Field(alias="S3ModelArtifacts", pattern=r"^s3://.+/model\.tar\.gz$")

    @property
    def output_uri(self) -> str:
        """The job's other output, which SageMaker puts beside the bundle."""
        return self.uri.removesuffix("model.tar.gz") + "output.tar.gz"


class FinishedJob(BaseModel):
    """A finished training job, as DescribeTrainingJob tells it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    arn: str = Field(alias="TrainingJobArn")
    artifacts: ModelArtifacts = Field(alias="ModelArtifacts")
    hyperparameters: dict[str, str] = Field(alias="HyperParameters", default_factory=dict)
    algorithm: dict[str, Any] = Field(alias="AlgorithmSpecification", default_factory=dict)
    seconds: float | None = Field(alias="TrainingTimeInSeconds", default=None)

    @property
    def image_uri(self) -> str | None:
        """Image that the job ran in."""
        return self.algorithm.get("TrainingImage")


class TrainedOn(BaseModel):
    """The frozen dataset that the job was given."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uri: str
    sha256: Sha256


class AssessmentRequest(BaseModel):
    """A finished job and what it was trained on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    job_name: str
    training_job: FinishedJob
    dataset: TrainedOn
    requested_by: str = "unknown"


def assess_candidate(
    request: AssessmentRequest, *, bucket: str, archives: BundleArchives, objects: ObjectStore, clock: Clock
) -> Assessment:
    """Check that report, bundle and dataset belong together, put the report through the gate, keep the evidence.

    Raises InvalidInputError for a report that is broken or about something else, BundleTamperedError for a bundle
    that is not the one reported, NotFoundError for an unknown model or outputs that are not there.
    """
    spec = trained_spec(request.model)
    evaluation = _evaluation(request.training_job.artifacts.output_uri, archives)
    candidate = read_candidate(spec, evaluation, request.training_job.artifacts.uri, archives)
    _check_dataset(request, candidate)
    dataset_key = dataset_prefix(spec.name, request.dataset.sha256) + MANIFEST
    dataset = read_manifest(spec.dataset, objects.get(dataset_key).content, dataset_key)
    job = request.training_job
    origin = Origin(
        job_name=request.job_name,
        requested_by=request.requested_by,
        actor=ACTOR,
        lineage=_lineage(request, dataset),
        facts={
            "job_arn": job.arn,
            "dataset_ends": dataset.ends,
            "code_sha256": code_sha256_of(job.hyperparameters),
        },
    )
    assessment = record_assessment(candidate, origin, bucket=bucket, objects=objects, clock=clock)
    return assessment.model_copy(update={"training_seconds": job.seconds})


def _evaluation(uri: str, archives: BundleArchives) -> bytes:
    content = archives.read(uri, keep=frozenset({EVALUATION_FILE})).contents.get(EVALUATION_FILE)
    if content is None:
        raise InvalidInputError(f"has no {EVALUATION_FILE}", field=uri)
    return content


def _check_dataset(request: AssessmentRequest, candidate: Candidate) -> None:
    for place, observed in (
        ("evaluation.json dataset_sha256", candidate.report.dataset_sha256),
        ("bundle.json dataset_sha256", candidate.bundle.dataset_sha256),
    ):
        if observed != request.dataset.sha256:
            raise InvalidInputError(f"is '{observed}', expected '{request.dataset.sha256}'", field=place)


def _lineage(request: AssessmentRequest, dataset: Manifest) -> dict[str, Any]:
    job = request.training_job
    return {
        "dataset": {
            "uri": request.dataset.uri,
            "sha256": request.dataset.sha256,
            "begins": dataset.begins,
            "ends": dataset.ends,
            "origins": dataset.origins,
        },
        "lineage": {
            "job_name": request.job_name,
            "job_arn": job.arn,
            "image_uri": job.image_uri,
            "code_sha256": code_sha256_of(job.hyperparameters),
            "hyperparameters": dict(job.hyperparameters),
        },
    }
