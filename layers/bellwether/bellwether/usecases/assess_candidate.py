"""Judge a trained candidate by its backtest, and keep the evidence."""

import json
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bellwether.domain.bundle import EVALUATION_FILE, MANIFEST_FILE, parse_report, verify
from bellwether.domain.candidate_report import assessment_message, assessment_subject
from bellwether.domain.catalogue import ForecastSpec, forecast_spec
from bellwether.domain.decisions import Decision, Verdict
from bellwether.domain.errors import InvalidInputError
from bellwether.domain.gate import check_consistent, judge
from bellwether.domain.models import BundleManifest, DatasetManifest, EvaluationReport, Sha256
from bellwether.domain.training import code_sha256_of, dataset_prefix
from bellwether.ports.clock import Clock
from bellwether.ports.models import Archives
from bellwether.ports.objects import ObjectStore

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


class Assessment(BaseModel):
    """Whether the candidate may be registered, why, and what to tell people about it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    job_name: str
    accepted: bool
    decision: Decision
    evidence_key: str
    evidence_sha256: Sha256
    model_data_url: str
    bundle_sha256: Sha256
    subject_line: str
    message: str


def assess_candidate(
    request: AssessmentRequest, *, bucket: str, archives: Archives, objects: ObjectStore, clock: Clock
) -> Assessment:
    """Check that report, bundle and dataset belong together, put the report through the gate, keep the evidence.

    Raises InvalidInputError for a report that is broken or about something else, BundleTamperedError for a bundle
    that is not the one reported, NotFoundError for an unknown model or outputs that are not there.
    """
    spec = forecast_spec(request.model)
    report = _read_report(request, spec, archives)
    archive = archives.read(request.training_job.artifacts.uri, keep=frozenset({MANIFEST_FILE}))
    bundle = verify(archive, report.bundle_sha256)
    _check_lineage(request, spec, report, bundle)
    dataset_key = dataset_prefix(spec.name, request.dataset.sha256) + "manifest.json"
    dataset = parse_report(DatasetManifest, objects.get(dataset_key).content, dataset_key)

    evidence = json.dumps(_evidence(request, report, bundle, dataset), sort_keys=True, indent=1).encode()
    evidence_key = f"models/{spec.name}/evidence/{request.job_name}.json"
    evidence_sha256 = sha256(evidence).hexdigest()
    objects.put(evidence_key, evidence, content_type="application/json")
    decision = judge(
        report,
        spec.policy,
        subject=f"{spec.name}/{request.job_name}",
        key=report.bundle_sha256,
        evidence={
            "job_name": request.job_name,
            "job_arn": request.training_job.arn,
            "requested_by": request.requested_by,
            "bundle_sha256": report.bundle_sha256,
            "dataset_sha256": report.dataset_sha256,
            "dataset_last_month": dataset.last_month,
            "code_sha256": code_sha256_of(request.training_job.hyperparameters),
            "evidence_key": evidence_key,
            "evidence_sha256": evidence_sha256,
            "rmse": {str(evaluation.horizon_months): evaluation.rmse for evaluation in report.horizons},
        },
        actor=ACTOR,
        made_at=clock.now(),
    )
    evidence_uri = f"s3://{bucket}/{evidence_key}"
    return Assessment(
        model=spec.name,
        job_name=request.job_name,
        accepted=decision.verdict is Verdict.ACCEPTED,
        decision=decision,
        evidence_key=evidence_key,
        evidence_sha256=evidence_sha256,
        model_data_url=request.training_job.artifacts.uri,
        bundle_sha256=report.bundle_sha256,
        subject_line=assessment_subject(spec.name, decision),
        message=assessment_message(report, decision, job_name=request.job_name, evidence_uri=evidence_uri),
    )


def _read_report(request: AssessmentRequest, spec: ForecastSpec, archives: Archives) -> EvaluationReport:
    uri = request.training_job.artifacts.output_uri
    content = archives.read(uri, keep=frozenset({EVALUATION_FILE})).contents.get(EVALUATION_FILE)
    if content is None:
        raise InvalidInputError(f"has no {EVALUATION_FILE}", field=uri)
    report = parse_report(EvaluationReport, content, EVALUATION_FILE)
    check_consistent(report, spec)
    return report


def _check_lineage(
    request: AssessmentRequest, spec: ForecastSpec, report: EvaluationReport, bundle: BundleManifest
) -> None:
    for place, observed, wanted in (
        ("evaluation.json dataset_sha256", report.dataset_sha256, request.dataset.sha256),
        ("bundle.json dataset_sha256", bundle.dataset_sha256, request.dataset.sha256),
        ("bundle.json model", bundle.model, spec.name),
        ("bundle.json target", bundle.target, spec.target),
    ):
        if observed != wanted:
            raise InvalidInputError(f"is '{observed}', expected '{wanted}'", field=place)
    reported = {evaluation.horizon_months for evaluation in report.horizons}
    if missing := sorted(set(bundle.horizons_months) - reported):
        raise InvalidInputError(f"horizons {missing} are in the bundle and not evaluated", field="evaluation.json")


def _evidence(
    request: AssessmentRequest, report: EvaluationReport, bundle: BundleManifest, dataset: DatasetManifest
) -> dict[str, Any]:
    """Everything that the verdict rests upon; no clock in it, so that the same candidate has the same evidence."""
    job = request.training_job
    return {
        "schema_version": 1,
        "model": request.model,
        "evaluation": json.loads(report.model_dump_json()),  # NaN becomes null
        "dataset": {
            "uri": request.dataset.uri,
            "sha256": request.dataset.sha256,
            "first_month": dataset.first_month,
            "last_month": dataset.last_month,
            "vintages": {entry.series: entry.vintage for entry in dataset.series},
        },
        "bundle": {
            "uri": job.artifacts.uri,
            "sha256": report.bundle_sha256,
            "parts": dict(bundle.parts),
            "training_window": bundle.training_window,
            "seed": bundle.seed,
        },
        "lineage": {
            "job_name": request.job_name,
            "job_arn": job.arn,
            "image_uri": job.image_uri,
            "code_sha256": code_sha256_of(job.hyperparameters),
            "hyperparameters": dict(job.hyperparameters),
        },
    }
