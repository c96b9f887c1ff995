"""The gate of a valuation, and the way of its candidate through assessment and registry."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwether.models.domain.catalogue import HOUSING
from bellwether.models.domain.valuation_evaluation import ValuationReport
from bellwether.models.domain.valuation_gate import check_consistent, gates
from bellwether.models.usecases.assess_candidate import AssessmentRequest, assess_candidate
from bellwether.models.usecases.record_assessment import Assessment
from bellwether.models.usecases.register_candidate import register_candidate
from bellwether.shared.domain.errors import BundleTamperedError, InvalidInputError
from bellwether.shared.settings import parse
from tests.builders import (
    BUCKET,
    SALES_JOB_NAME,
    SALES_SHA256,
    Bundle,
    housing_bundle,
    sales_manifest,
    tar_gz,
    valuation,
    valuation_metrics,
    valuation_request,
)
from tests.fakes.lifecycle import ArchivesByUri, InMemoryRegistry, StoppedClock, left_by_job
from tests.fakes.objects import InMemoryObjectStore

OUTPUT = f"s3://{BUCKET}/models/housing/jobs/{SALES_JOB_NAME}/output"


def report(**holdout: Any) -> ValuationReport:
    metrics = valuation_metrics(**holdout)
    return ValuationReport.model_validate(valuation("a" * 64, holdout=metrics, split={}))


def failed(candidate: ValuationReport) -> dict[str, str]:
    return {gate.name: gate.reason for gate in gates(candidate, HOUSING.policy) if not gate.passed}


# --- the gate --------------------------------------------------------------------------------------------------------


def test_a_valuation_that_beats_its_baseline_passes_every_gate() -> None:
    assert failed(report()) == {}
    assert [gate.name for gate in gates(report(), HOUSING.policy)] == [
        *("holdout_rows", "mape_ratio.median_by_place", "p_value.median_by_place"),
        *("bias", "interval_coverage", "slice.zipcode_98103"),
    ]


@pytest.mark.parametrize(
    ("holdout", "name", "reason"),
    [
        (
            {"n": 199, "slices": []},
            "holdout_rows",
            "only 199 sales in the holdout, at least 200 are needed",
        ),
        (
            {"model": 0.21},
            "mape_ratio.median_by_place",
            "error is 0.921 of median by place's, has to be below 0.900",
        ),
        ({"bias": -0.0501}, "bias", "mean relative error (bias) is -5.0%, the limit is 5.0% in either direction"),
        ({"bias": 0.06}, "bias", "mean relative error (bias) is +6.0%, the limit is 5.0% in either direction"),
        (
            {"intervals": [{"level": 0.8, "coverage": 0.69, "mean_width": 1.0}]},
            "interval_coverage",
            "the 80% interval covers 69.0% of the actual values, allowed are 70.0% to 90.0%",
        ),
        (
            {"intervals": [{"level": 0.95, "coverage": 0.95, "mean_width": 1.0}]},
            "interval_coverage",
            "the report has no 80% interval",
        ),
        (
            {"slices": [{"slice": "zipcode 1", "n": 50, "mape": {"model": 0.3, "median_by_place": 0.2}}]},
            "slice.zipcode_1",
            "on 'zipcode 1' error is 1.50 of median by place's, at most 1.25 is tolerated",
        ),
        (
            {"slices": [{"slice": "zipcode 1", "n": 50, "mape": {"model": 0.3}}]},
            "slice.zipcode_1",
            "no errors to compare on 'zipcode 1'",
        ),
        ({"versus": {}}, "mape_ratio.median_by_place", "the report has no comparison with median by place"),
    ],
)
def test_each_gate_says_what_was_seen_and_what_is_allowed(holdout: dict[str, Any], name: str, reason: str) -> None:
    assert failed(report(**holdout)) == {name: reason}


def test_a_gain_that_may_be_luck_is_none() -> None:
    versus = {"median_by_place": {"mape_ratio": 0.115 / 0.228, "dm_statistic": -1.0, "p_value": 0.16}}
    assert list(failed(report(versus=versus))) == ["p_value.median_by_place"]


def test_a_slice_of_a_few_sales_is_no_evidence() -> None:
    few = [{"slice": "zipcode 1", "n": 49, "mape": {"model": 0.9, "median_by_place": 0.2}}]
    assert failed(report(slices=few)) == {}


@given(error=st.floats(0.001, 1), better=st.floats(0.01, 1))
def test_a_smaller_error_never_fails_where_a_greater_one_passed(error: float, better: float) -> None:
    assert not failed(report(model=error * better)) or failed(report(model=error))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "macro"}, "evaluation.json model"),
        ({"target": "rent"}, "evaluation.json target"),
        ({"holdout": valuation_metrics(mape={"median_by_place": 0.2})}, "evaluation.json holdout mape"),
        ({"eval": valuation_metrics(mape={"model": 0.2})}, "evaluation.json eval mape"),
        (
            {"holdout": valuation_metrics(mape={"model": 0.2, "median_by_place": 0.21})},
            "evaluation.json holdout versus median_by_place mape_ratio",
        ),
        ({"holdout": valuation_metrics(n=60)}, "evaluation.json holdout slices"),
        ({"split": {"n_holdout": 3_999}}, "evaluation.json split"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_consistent(ValuationReport.model_validate(valuation("a" * 64, **changes)), HOUSING)
    assert refused.value.field == field


# --- assessment ------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """A finished training of the housing model, and where its evidence goes."""

    bundle: Bundle = field(default_factory=housing_bundle)
    report: dict[str, Any] = field(default_factory=dict)
    objects: InMemoryObjectStore = field(
        default_factory=lambda: InMemoryObjectStore(
            {f"models/housing/datasets/{SALES_SHA256}/manifest.json": json.dumps(sales_manifest()).encode()}
        )
    )

    def assess(self) -> Assessment:
        content = json.dumps(valuation(self.bundle.sha256) | self.report).encode()
        tars = {
            f"{OUTPUT}/model.tar.gz": self.bundle.tar(),
            f"{OUTPUT}/output.tar.gz": tar_gz({"evaluation.json": content}),
        }
        return assess_candidate(
            parse(AssessmentRequest, valuation_request()),
            bucket=BUCKET,
            archives=ArchivesByUri(tars),
            objects=self.objects,
            clock=StoppedClock(),
        )


def test_a_good_candidate_is_accepted_with_its_evidence() -> None:
    case = Case()
    assessed = case.assess()
    assert assessed.accepted
    assert assessed.decision.evidence["dataset_ends"] == "2015-02-25"
    assert assessed.decision.evidence["figures"]["mape"] == 0.115
    evidence = json.loads(case.objects.get(assessed.evidence_key).content)
    assert (evidence["dataset"]["begins"], evidence["dataset"]["ends"]) == ("2014-10-13", "2015-02-25")
    assert evidence["dataset"]["origins"]["sqft"] == "by_hand"
    assert evidence["evaluation"]["training"]["loss_curve"] == [{"round": 1, "train": 0.5, "eval": 0.5}]


def test_the_same_candidate_twice_is_one_decision() -> None:
    case = Case()
    assert case.assess().decision == case.assess().decision


def test_the_mail_has_the_errors_beside_the_baseline_s() -> None:
    assessed = Case().assess()
    lines = assessed.message.splitlines()
    assert lines[0] == f"The housing candidate of {SALES_JOB_NAME} is accepted."
    assert "holdout  11.5%     22.8% (0.50)  -2.3%         82/80  4000" in lines
    assert " online  11.3%     22.8% (0.50)  -0.3%         82/80  4000" in lines
    assert assessed.message.isascii()
    assert max(map(len, lines)) <= 104


@pytest.mark.parametrize(
    ("case", "error", "place"),
    [
        (Case(report={"bundle_sha256": "0" * 64}), BundleTamperedError, "bundle.json"),
        (Case(report={"dataset_sha256": "0" * 64}), InvalidInputError, "evaluation.json dataset_sha256"),
        (Case(bundle=housing_bundle(dataset_sha256="0" * 64)), InvalidInputError, "bundle.json dataset_sha256"),
        (Case(bundle=housing_bundle(model="macro")), InvalidInputError, "bundle.json model"),
        (Case(report={"holdout": None}), InvalidInputError, "evaluation.json holdout"),
        (Case(report={"holdout": valuation_metrics(bias=float("nan"))}), InvalidInputError, "holdout bias"),
    ],
)
def test_what_does_not_belong_together_is_refused(case: Case, error: type[Exception], place: str) -> None:
    with pytest.raises(error, match=place):
        case.assess()


def test_an_accepted_candidate_is_registered_in_its_own_group() -> None:
    registry = InMemoryRegistry()
    assessed = Case().assess()
    objects = left_by_job(assessed, Case().bundle.tar())
    registered = register_candidate(assessed, bucket=BUCKET, image_uri="image", registry=registry, objects=objects)
    version = registry.describe(registered.model_package_arn)
    assert version.package_group == "HousingPriceModels"
    assert (version.metadata["mape"], version.metadata["bias"]) == ("0.1150", "-0.0233")
    assert "bellwether approve housing --version 1" in registered.message
