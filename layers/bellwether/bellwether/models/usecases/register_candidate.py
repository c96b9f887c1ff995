"""Put an accepted candidate into the model registry, where a person decides about it."""

from contextlib import suppress
from hashlib import sha256

from pydantic import BaseModel, ConfigDict

from bellwether.models.domain.bundle import served_key
from bellwether.models.domain.candidate_report import approval_message, approval_subject
from bellwether.models.domain.catalogue import model_spec
from bellwether.models.domain.deployment import (
    ARCHIVE_SHA256,
    ARCHIVE_VERSION_ID,
    BUNDLE_SHA256,
    serving_environment,
)
from bellwether.models.ports.registry import ModelRegistry, Registration
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.shared.domain.decisions import Verdict
from bellwether.shared.domain.errors import BundleTamperedError, ConflictError, InvalidInputError
from bellwether.shared.ports.objects import ObjectStore


class Registered(BaseModel):
    """A registered version and the mail that asks for its approval."""

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
    """Register the candidate as pending, served from a copy of its archive; the same candidate twice is one version.

    Raises InvalidInputError for a candidate that was refused, BundleTamperedError when the archive is no longer the one
    that was assessed.
    """
    spec = model_spec(assessment.model)
    if assessment.decision.verdict is not Verdict.ACCEPTED:
        raise InvalidInputError("a refused candidate is never registered", field="decision.verdict")
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
        **figures,
    }
    return {name: value for name, value in metadata.items() if value}  # the registry takes no empty one
