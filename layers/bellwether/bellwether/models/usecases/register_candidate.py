"""Put a candidate into the model registry, where a person decides about it."""

from contextlib import suppress
from hashlib import sha256

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.bundle import served_key
from bellwether.models.domain.candidate_report import (
    approval_message,
    approval_subject,
    refusal_message,
    refusal_subject,
)
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import (
    ARCHIVE_SHA256,
    ARCHIVE_VERSION_ID,
    BUNDLE_SHA256,
    QUALITY_GATE,
    REFUSED,
    REFUSED_REASON,
    Approval,
    metadata_text,
    serving_environment,
)
from bellwether.models.ports.registry import ModelRegistry, Registration
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.shared.domain.decisions import Verdict
from bellwether.shared.domain.errors import BundleTamperedError, ConflictError
from bellwether.shared.ports.objects import ObjectStore

REASONS_KEPT = 9


class Registered(BaseModel):
    """A registered version and the mail about it: one that asks for approval, or that tells of a refusal."""

    model_config = ConfigDict(frozen=True)

    model: str
    model_package_arn: str
    version: int
    status: str
    subject_line: str
    message: str


def register_candidate(
    assessment: Assessment, *, bucket: str, image_uri: str, registry: ModelRegistry, objects: ObjectStore
) -> Registered:
    """Register the candidate, served from a copy of its archive; the same candidate twice is one version.

    One that its gate accepted is pending. One that it refused is rejected, with the reasons, and is not deployed unless
    a person approves it despite the gate. Raises BundleTamperedError when the archive is no longer the one that was
    assessed.
    """
    spec = model_spec(assessment.model)
    accepted = assessment.decision.verdict is Verdict.ACCEPTED
    key = served_key(spec.name, assessment.archive_sha256)
    version_id = _copy_archive(assessment, key, bucket, objects)
    version = registry.register(
        Registration(
            package_group=spec.package_group,
            token=assessment.decision.decision_id,
            description=f"{spec.name} candidate of {assessment.job_name}, decision",
            model_data_url=f"s3://{bucket}/{key}",
            image_uri=image_uri,
            environment=serving_environment(assessment.bundle_sha256, assessment.archive_sha256),
            evidence_uri=f"s3://{bucket}/{assessment.evidence_key}",
            metadata=_metadata(assessment, version_id),
            approval=Approval.PENDING if accepted else Approval.REJECTED,
        )
    )
    subject, message = (approval_subject, approval_message) if accepted else (refusal_subject, refusal_message)
    return Registered(
        model=spec.name,
        model_package_arn=version.arn,
        version=version.version,
        status=version.approval,
        subject_line=subject(spec.name, version.version),
        message=message(spec.name, version.version, version.arn, assessment.message),
    )


def _copy_archive(assessment: Assessment, key: str, bucket: str, objects: ObjectStore) -> str:
    """Write the archive under its SHA-256, unless it is there; returns the S3 version of the copy."""
    source_key = assessment.model_data_url.removeprefix(f"s3://{bucket}/")
    archive = objects.get(source_key).content
    _check(archive, source_key, assessment.archive_sha256)
    with suppress(ConflictError):
        objects.put(key, archive, content_type="application/gzip", only_if_absent=True)
    del archive  # up to half a gigabyte
    copy = objects.get(key)
    _check(copy.content, key, assessment.archive_sha256)
    return copy.version_id


def _check(content: bytes, key: str, expected: str) -> None:
    observed = sha256(content).hexdigest()
    if observed != expected:
        raise BundleTamperedError(f"{key} has SHA-256 {observed}, expected {expected}")


def _metadata(assessment: Assessment, version_id: str) -> dict[str, str]:
    evidence = assessment.decision.evidence
    figures = {name: f"{value:.4f}" for name, value in evidence.get("figures", {}).items()}
    metadata = {
        BUNDLE_SHA256: assessment.bundle_sha256,
        ARCHIVE_SHA256: assessment.archive_sha256,
        ARCHIVE_VERSION_ID: version_id,
        "dataset_sha256": str(evidence.get("dataset_sha256", "")),
        "dataset_ends": str(evidence.get("dataset_ends", "")),
        "evidence_key": assessment.evidence_key,
        "evidence_sha256": assessment.evidence_sha256,
        "decision_id": str(assessment.decision.decision_id),
        "job_name": assessment.job_name,
        **_gate(assessment),
        **figures,
    }
    return {name: value for name, value in metadata.items() if value}  # the registry takes no empty one


def _gate(assessment: Assessment) -> dict[str, str]:
    """Of a refused candidate that it was refused, and the first reasons why; all are in its evidence and decision."""
    if assessment.decision.verdict is Verdict.ACCEPTED:
        return {}
    reasons = enumerate(assessment.decision.reasons[:REASONS_KEPT], start=1)
    return {QUALITY_GATE: REFUSED} | {f"{REFUSED_REASON}_{n}": metadata_text(each) for n, each in reasons}
