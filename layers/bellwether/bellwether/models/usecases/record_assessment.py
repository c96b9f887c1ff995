"""Apply the quality gate to a candidate and store the evidence, for all model families."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictBool

from bellwether.models.domain.bundle import EVALUATION_FILE, MANIFEST_FILE, verify
from bellwether.models.domain.bundle_manifest import BundleManifest
from bellwether.models.domain.candidate_report import assessment_message, assessment_subject
from bellwether.models.domain.evaluation import CandidateReport
from bellwether.models.domain.model_families import check_lineage, family_of
from bellwether.models.domain.report_schema import Sha256
from bellwether.models.domain.specs import ModelSpec
from bellwether.models.domain.valuation_evaluation import LossPoint
from bellwether.models.ports.bundle_archives import BundleArchives
from bellwether.shared.domain.decisions import Decision, Kind, Verdict, decide
from bellwether.shared.domain.json_documents import parse_document
from bellwether.shared.ports.clock import Clock
from bellwether.shared.ports.objects import ObjectStore


class Assessment(BaseModel):
    """Whether the candidate may be registered, why, and what to tell people about it.

    Of a candidate that was trained here also what a dashboard shows: how long it took, its loss, and how that fell.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    job_name: str
    accepted: StrictBool
    decision: Decision
    evidence_key: str
    evidence_sha256: Sha256
    model_data_url: str
    archive_sha256: Sha256
    bundle_sha256: Sha256
    subject_line: str
    message: str
    validation_loss: float | None = None
    loss_curve: tuple[LossPoint, ...] = ()
    training_seconds: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A bundle with the figures it was measured by, which belong together."""

    spec: ModelSpec
    report: CandidateReport
    bundle: BundleManifest
    model_data_url: str
    archive_sha256: str


@dataclass(frozen=True)
class Origin:
    """Where a candidate comes from: `lineage` becomes part of the evidence, `facts` of the decision itself."""

    job_name: str
    requested_by: str
    actor: str
    lineage: Mapping[str, Any]
    facts: Mapping[str, Any]


def read_candidate(spec: ModelSpec, evaluation: bytes, model_data_url: str, archives: BundleArchives) -> Candidate:
    """Check that figures and bundle are this model's and belong together.

    Raises InvalidInputError for figures that are broken, contradict themselves or are about something else,
    BundleTamperedError for a bundle that is not the one measured, NotFoundError for one that is not there.
    """
    family = family_of(spec)
    report = parse_document(family.report, evaluation, EVALUATION_FILE)
    family.check(report, spec)
    archive = archives.read(model_data_url, keep=frozenset({MANIFEST_FILE}))
    bundle = verify(archive, report.bundle_sha256)
    check_lineage(spec, bundle)
    family.check_bundle(report, bundle)
    return Candidate(spec, report, bundle, model_data_url, archive.sha256)


def record_assessment(
    candidate: Candidate, origin: Origin, *, bucket: str, objects: ObjectStore, clock: Clock
) -> Assessment:
    """Put the figures through the model's gate, and keep everything that the verdict rests upon.

    The evidence has no clock in it, so that the same candidate has the same; measured anew it is judged anew.
    """
    spec, report, family = candidate.spec, candidate.report, family_of(candidate.spec)
    evidence = json.dumps(_evidence(candidate, origin), sort_keys=True, indent=1).encode()
    evidence_key = f"models/{spec.name}/evidence/{origin.job_name}.json"
    evidence_sha256 = sha256(evidence).hexdigest()
    objects.put(evidence_key, evidence, content_type="application/json")
    decision = decide(
        kind=Kind.ACCEPT_CANDIDATE,
        subject=f"{spec.name}/{origin.job_name}",
        key=evidence_sha256,
        gates=family.gates(report, spec),
        evidence={
            "job_name": origin.job_name,
            "requested_by": origin.requested_by,
            "bundle_sha256": report.bundle_sha256,
            "dataset_sha256": candidate.bundle.dataset_sha256,
            "evidence_key": evidence_key,
            "evidence_sha256": evidence_sha256,
            "figures": dict(family.figures(report)),
            **origin.facts,
        },
        actor=origin.actor,
        made_at=clock.now(),
    )
    return Assessment(
        model=spec.name,
        job_name=origin.job_name,
        accepted=decision.verdict is Verdict.ACCEPTED,
        decision=decision,
        evidence_key=evidence_key,
        evidence_sha256=evidence_sha256,
        model_data_url=candidate.model_data_url,
        archive_sha256=candidate.archive_sha256,
        bundle_sha256=report.bundle_sha256,
        subject_line=assessment_subject(spec.name, decision),
        message=assessment_message(
            spec.name,
            family.summary(report),
            decision,
            job_name=origin.job_name,
            evidence_uri=f"s3://{bucket}/{evidence_key}",
        ),
        validation_loss=family.loss(report),
        loss_curve=family.loss_curve(report),
    )


def _evidence(candidate: Candidate, origin: Origin) -> dict[str, Any]:
    bundle = candidate.bundle
    return {
        "schema_version": 1,
        "model": candidate.spec.name,
        "evaluation": json.loads(candidate.report.model_dump_json()),  # NaN becomes null
        "bundle": {
            "uri": candidate.model_data_url,
            "sha256": candidate.report.bundle_sha256,
            "archive_sha256": candidate.archive_sha256,
            "parts": dict(bundle.parts),
            "training_window": bundle.training_window,
            "seed": bundle.seed,
        },
        **origin.lineage,
    }
