"""Assessing and registering a candidate."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from bellwether.models.domain.deployment import was_refused
from bellwether.models.usecases.assess_candidate import AssessmentRequest, assess_candidate
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.models.usecases.register_candidate import Registered, register_candidate
from bellwether.shared.domain.errors import BundleTamperedError, InvalidInputError, NotFoundError
from bellwether.shared.settings import parse
from tests.builders import (
    BUCKET,
    DATASET_SHA256,
    JOB_NAME,
    JOBS_URI,
    Bundle,
    assessment_request,
    bundle,
    dataset_manifest,
    digest,
    evaluation,
    horizon,
    tar_gz,
)
from tests.fakes.lifecycle import ArchivesByUri, InMemoryRegistry, StoppedClock, left_by_job
from tests.fakes.objects import InMemoryObjectStore

OUTPUT = f"{JOBS_URI}/{JOB_NAME}/output"
WORSE = [horizon(1, model=0.16), horizon(3), horizon(6), horizon(12)]


@dataclass
class Case:
    """A finished job and where its evidence goes."""

    bundle: Bundle = field(default_factory=bundle)
    report: dict[str, Any] = field(default_factory=dict)
    objects: InMemoryObjectStore = field(
        default_factory=lambda: InMemoryObjectStore(
            {f"models/macro/datasets/{DATASET_SHA256}/manifest.json": json.dumps(dataset_manifest()).encode()}
        )
    )

    def assess(self, **event: Any) -> Assessment:
        report = evaluation(self.bundle.sha256) | self.report
        archives = ArchivesByUri(
            {
                f"{OUTPUT}/model.tar.gz": self.bundle.tar(),
                f"{OUTPUT}/output.tar.gz": tar_gz({"evaluation.json": json.dumps(report).encode()}),
            }
        )
        return assess_candidate(
            parse(AssessmentRequest, assessment_request(**event)),
            bucket=BUCKET,
            archives=archives,
            objects=self.objects,
            clock=StoppedClock(),
        )


def test_a_good_candidate_is_accepted_with_its_evidence() -> None:
    case = Case()
    assessed = case.assess()
    assert assessed.accepted
    assert assessed.bundle_sha256 == case.bundle.sha256
    assert assessed.model_data_url == f"{OUTPUT}/model.tar.gz"
    kept = case.objects.get(assessed.evidence_key).content
    assert digest(kept) == assessed.evidence_sha256 == assessed.decision.evidence["evidence_sha256"]
    evidence = json.loads(kept)
    assert evidence["dataset"]["origins"]["UNRATE"] == "20200110T133000Z-0123456789ab"
    assert evidence["lineage"]["code_sha256"] == "c" * 64
    assert evidence["lineage"]["job_arn"].endswith(JOB_NAME)
    assert evidence["evaluation"]["horizons"][0]["versus"]["ar"]["p_value"] == 0.002


def test_the_same_candidate_twice_is_one_decision_on_one_evidence() -> None:
    case = Case()
    first, second = case.assess(), case.assess()
    assert first.decision.decision_id == second.decision.decision_id
    assert first.evidence_sha256 == second.evidence_sha256


def test_a_refusal_comes_with_a_table_and_reasons() -> None:
    assessed = Case(report={"horizons": WORSE}).assess()
    assert not assessed.accepted
    assert assessed.subject_line == "Bellwether: macro candidate refused: 2 of 28 checks failed"
    lines = assessed.message.splitlines()
    table = [line for line in lines if "(1.07)" in line]
    assert table == ["     1  0.1600  0.1500 (1.07)  0.1400 (1.14)         79/80     240"]
    assert "  - 1 month ahead: error is 1.067 of random walk's, has to be below 1.000" in lines
    assert assessed.message.isascii()
    assert max(map(len, table)) <= 78


def test_the_event_survives_its_way_through_the_state_machine() -> None:
    assessed = Case().assess()
    assert parse(Assessment, json.loads(json.dumps(assessed.model_dump(mode="json")))) == assessed


def test_a_bundle_other_than_the_reported_one_is_tampered_with() -> None:
    with pytest.raises(BundleTamperedError):
        Case(report={"bundle_sha256": "0" * 64}).assess()


@pytest.mark.parametrize(
    ("case", "event", "place"),
    [
        (Case(report={"dataset_sha256": "0" * 64}), {}, "evaluation.json dataset_sha256"),
        (Case(bundle=bundle(dataset_sha256="0" * 64)), {}, "bundle.json dataset_sha256"),
        (Case(bundle=bundle(model="housing")), {}, "bundle.json model"),
        (Case(bundle=bundle(target="GDP")), {}, "bundle.json target"),
        (Case(bundle=bundle(horizons_months=[1, 3, 6, 12, 24])), {}, "evaluation.json"),
        (Case(bundle=bundle(recession={"left_out": "no USREC"})), {}, "evaluation.json recession"),
        (Case(report={"recession": {"left_out": "no USREC"}}), {}, "evaluation.json recession"),
        (Case(report={"model": "housing"}), {}, "evaluation.json model"),
        (Case(report={"schema_version": 2}), {}, "evaluation.json schema_version"),
        (Case(report={"horizons": [horizon(1, n=0)]}), {}, "evaluation.json horizons 0 n"),
        (Case(), {"training_job": {}}, "training_job.TrainingJobArn"),
        (Case(), {"dataset": {"uri": "s3://b/x/", "sha256": "short"}}, "dataset.sha256"),
    ],
)
def test_what_does_not_belong_together_is_refused_by_place(case: Case, event: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        case.assess(**event)
    assert refused.value.field == place


def test_a_report_with_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="finite"):
        Case(report={"horizons": [horizon(1, bias=float("nan"))]}).assess()


def test_a_job_without_outputs_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        assess_candidate(
            parse(AssessmentRequest, assessment_request()),
            bucket=BUCKET,
            archives=ArchivesByUri({}),
            objects=InMemoryObjectStore(),
            clock=StoppedClock(),
        )


@dataclass
class Registry:
    """A registry, and the data bucket with the archive that was assessed."""

    versions: InMemoryRegistry = field(default_factory=InMemoryRegistry)
    objects: InMemoryObjectStore | None = None

    def register(self, assessed: Assessment) -> Registered:
        self.objects = self.objects or left_by_job(assessed, bundle().tar())
        return register_candidate(
            assessed, bucket=BUCKET, image_uri="xgboost", registry=self.versions, objects=self.objects
        )


def test_an_accepted_candidate_waits_for_approval_with_the_commands_to_give_it() -> None:
    registered = Registry().register(Case().assess())
    assert (registered.version, registered.status) == (1, "PendingManualApproval")
    assert registered.subject_line == "Bellwether: macro version 1 waits for approval"
    assert "bellwether approve macro --version 1" in registered.message
    assert f"--model-package-arn {registered.model_package_arn}" in registered.message
    assert "0.1500 (0.80)" in registered.message


def test_the_version_carries_what_deployment_relies_upon() -> None:
    registry, assessed = Registry(), Case().assess()
    registered = registry.register(assessed)
    version = registry.versions.describe(registered.model_package_arn)
    served = bundle().served()
    assert version.metadata["bundle_sha256"] == assessed.bundle_sha256
    assert version.metadata["archive_sha256"] == digest(bundle().tar())
    assert (version.model_data_url, version.environment) == (served.uri, served.environment)
    assert version.metadata["rmse_h12"] == "0.1200"
    assert version.metadata["decision_id"] == str(assessed.decision.decision_id)
    assert all(len(value) <= 256 and value for value in version.metadata.values())


def test_the_version_is_served_from_a_copy_of_what_was_assessed() -> None:
    # Given a registered version
    registry = Registry()
    registry.register(Case().assess())
    assert registry.objects is not None
    # When the job's own output is replaced afterwards
    registry.objects.put(f"{OUTPUT.removeprefix(f's3://{BUCKET}/')}/model.tar.gz", b"another archive")
    # Then the copy is what it was
    assert registry.objects.get(bundle().served().key).content == bundle().tar()


def test_an_archive_replaced_after_its_assessment_is_not_registered() -> None:
    assessed = Case().assess()
    registry = Registry(objects=left_by_job(assessed, bundle(seed=8).tar()))
    with pytest.raises(BundleTamperedError, match="has SHA-256"):
        registry.register(assessed)
    assert registry.versions.versions == {}


def test_a_copy_that_somebody_else_put_there_is_neither_used_nor_replaced() -> None:
    # Given other content under the key of the copy
    assessed, served = Case().assess(), bundle().served()
    objects = left_by_job(assessed, bundle().tar())
    objects.put(served.key, b"another archive")
    registry = Registry(objects=objects)
    # Then the candidate is not registered
    with pytest.raises(BundleTamperedError, match=served.key):
        registry.register(assessed)
    assert (registry.versions.versions, objects.get(served.key).content) == ({}, b"another archive")


def test_the_same_candidate_twice_is_one_version() -> None:
    registry, assessed = Registry(), Case().assess()
    assert {registry.register(assessed).version for _ in range(2)} == {1}


def test_a_refused_candidate_is_registered_as_rejected_with_its_reasons() -> None:
    # Given a candidate that its gate refused, when it is registered
    registry, assessed = Registry(), Case(report={"horizons": WORSE}).assess()
    registered = registry.register(assessed)
    # Then it is rejected, with evidence and reasons in a form that the registry takes
    version = registry.versions.describe(registered.model_package_arn)
    assert (registered.status, version.approval) == ("Rejected", "Rejected")
    assert version.metadata["quality_gate"] == "refused"
    assert version.metadata["evidence_key"] == assessed.evidence_key
    assert version.metadata["refused_reason_1"].startswith("1 month ahead: error is 1.067 of random walk s")
    assert all(re.fullmatch(r"[\w .:/=+\-@]{1,256}", value) for value in version.metadata.values())
    # And the mail says how a person may approve it all the same
    assert registered.subject_line == "Bellwether: macro version 1 was refused by its gate"
    assert 'bellwether approve macro --version 1 --despite-gate "REASON"' in registered.message


def test_an_accepted_candidate_says_nothing_of_a_refusal() -> None:
    registry = Registry()
    version = registry.versions.describe(registry.register(Case().assess()).model_package_arn)
    assert not was_refused(version.metadata)
