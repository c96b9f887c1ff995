"""Put an accepted candidate into the model registry, where a person decides about it."""

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.candidate_report import approval_message, approval_subject
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import BUNDLE_SHA256
from bellwether.models.ports.registry import ModelRegistry, Registration
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.shared.domain.decisions import Verdict
from bellwether.shared.domain.errors import InvalidInputError

ENVIRONMENT = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


class Registered(BaseModel):
    """A registered version and the mail that asks for its approval."""

    model_config = ConfigDict(frozen=True)

    model: str
    model_package_arn: str
    version: int
    status: str
    subject_line: str
    message: str


def register_candidate(assessment: Assessment, *, bucket: str, image_uri: str, registry: ModelRegistry) -> Registered:
    """Register the candidate as pending; the same candidate twice is one version.

    Raises InvalidInputError for a candidate that was refused.
    """
    spec = model_spec(assessment.model)
    if assessment.decision.verdict is not Verdict.ACCEPTED:
        raise InvalidInputError("a refused candidate is never registered", field="decision.verdict")
    version = registry.register(
        Registration(
            package_group=spec.package_group,
            token=assessment.decision.decision_id,
            description=f"{spec.name} candidate of {assessment.job_name}, decision",
            model_data_url=assessment.model_data_url,
            image_uri=image_uri,
            environment=ENVIRONMENT,
            evidence_uri=f"s3://{bucket}/{assessment.evidence_key}",
            metadata=_metadata(assessment),
        )
    )
    return Registered(
        model=spec.name,
        model_package_arn=version.arn,
        version=version.version,
        status=version.approval,
        subject_line=approval_subject(spec.name, version.version),
        message=approval_message(spec.name, version.version, version.arn, assessment.message),
    )


def _metadata(assessment: Assessment) -> dict[str, str]:
    evidence = assessment.decision.evidence
    figures = {name: f"{value:.4f}" for name, value in evidence.get("figures", {}).items()}
    metadata = {
        BUNDLE_SHA256: assessment.bundle_sha256,
        "dataset_sha256": str(evidence.get("dataset_sha256", "")),
        "dataset_ends": str(evidence.get("dataset_ends", "")),
        "evidence_key": assessment.evidence_key,
        "evidence_sha256": assessment.evidence_sha256,
        "decision_id": str(assessment.decision.decision_id),
        "job_name": assessment.job_name,
        **figures,
    }
    return {name: value for name, value in metadata.items() if value}  # the registry takes no empty one
