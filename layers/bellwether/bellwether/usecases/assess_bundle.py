"""Judge a bundle that arrived finished, by the figures that came with it, and keep the evidence."""

import json
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bellwether.domain.agreement import agreement_message, check_consistent, gates
from bellwether.domain.bundle import EVALUATION_FILE, MANIFEST_FILE, parse_report, verify
from bellwether.domain.candidate_report import assessment_subject
from bellwether.domain.catalogue import ClassifierSpec, classifier_spec
from bellwether.domain.decisions import Verdict, decide
from bellwether.domain.errors import InvalidInputError
from bellwether.domain.models import AgreementReport, BundleManifest
from bellwether.ports.clock import Clock
from bellwether.ports.models import Archives
from bellwether.ports.objects import ObjectStore
from bellwether.usecases.assess_candidate import Assessment

ACTOR = "bellwether:assess_bundle"


class BundleRequest(BaseModel):
    """A bundle and its figures, laid down where a training job called `job_name` would have left its model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    job_name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    requested_by: Annotated[str, Field(max_length=400)] = "unknown"


def assess_bundle(
    request: BundleRequest, *, bucket: str, archives: Archives, objects: ObjectStore, clock: Clock
) -> Assessment:
    """Check that bundle and figures belong together, put the figures through the gate, keep the evidence.

    Raises InvalidInputError for figures that are broken or about something else, BundleTamperedError for a bundle that
    is not the one measured, NotFoundError for a model that does not arrive so, or a bundle that is not there.
    """
    spec = classifier_spec(request.model)
    folder = f"models/{spec.name}/jobs/{request.job_name}/output/"
    report = parse_report(AgreementReport, objects.get(folder + EVALUATION_FILE).content, EVALUATION_FILE)
    check_consistent(report, spec)
    model_data_url = f"s3://{bucket}/{folder}model.tar.gz"
    bundle = verify(archives.read(model_data_url, keep=frozenset({MANIFEST_FILE})), report.bundle_sha256)
    _check_lineage(spec, bundle)

    evidence = json.dumps(_evidence(request, report, bundle, model_data_url), sort_keys=True, indent=1).encode()
    evidence_key = f"models/{spec.name}/evidence/{request.job_name}.json"
    evidence_sha256 = sha256(evidence).hexdigest()
    objects.put(evidence_key, evidence, content_type="application/json")
    decision = decide(
        kind="accept_candidate",
        subject=f"{spec.name}/{request.job_name}",
        key=evidence_sha256,  # the same bundle measured anew is judged anew
        gates=gates(report, spec.policy),
        evidence={
            "job_name": request.job_name,
            "requested_by": request.requested_by,
            "engine": report.engine,
            "bundle_sha256": report.bundle_sha256,
            "dataset_sha256": bundle.dataset_sha256,
            "evidence_key": evidence_key,
            "evidence_sha256": evidence_sha256,
            "macro_f1": {each.name: each.model.macro_f1 for each in report.sets},
        },
        actor=ACTOR,
        made_at=clock.now(),
    )
    return Assessment(
        model=spec.name,
        job_name=request.job_name,
        accepted=decision.verdict is Verdict.ACCEPTED,
        decision=decision,
        evidence_key=evidence_key,
        evidence_sha256=evidence_sha256,
        model_data_url=model_data_url,
        bundle_sha256=report.bundle_sha256,
        subject_line=assessment_subject(spec.name, decision),
        message=agreement_message(
            report, decision, job_name=request.job_name, evidence_uri=f"s3://{bucket}/{evidence_key}"
        ),
    )


def _check_lineage(spec: ClassifierSpec, bundle: BundleManifest) -> None:
    for place, observed, wanted in (
        ("bundle.json model", bundle.model, spec.name),
        ("bundle.json target", bundle.target, spec.target),
    ):
        if observed != wanted:
            raise InvalidInputError(f"is '{observed}', expected '{wanted}'", field=place)


def _evidence(
    request: BundleRequest, report: AgreementReport, bundle: BundleManifest, model_data_url: str
) -> dict[str, Any]:
    """Everything that the verdict rests upon; no clock in it, so that the same bundle has the same evidence."""
    return {
        "schema_version": 1,
        "model": request.model,
        "evaluation": report.model_dump(mode="json"),
        "bundle": {"uri": model_data_url, "sha256": report.bundle_sha256, "parts": dict(bundle.parts)},
    }
