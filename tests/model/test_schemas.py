"""What the job writes is what the functions read: manifest, bundle and evaluation fit the domain's types."""

import json
from pathlib import Path

import pytest

pytest.importorskip("pydantic")
manifests = pytest.importorskip("bellwether.models.domain.manifests")
bundle_manifest = pytest.importorskip("bellwether.models.domain.bundle_manifest")
forecast_evaluation = pytest.importorskip("bellwether.models.domain.forecast_evaluation")
golden = pytest.importorskip("bellwether.models.domain.golden")

from jobs.training.learning.bundle import read_verified  # noqa: E402
from jobs.training.learning.channel import MANIFEST_FILE  # noqa: E402
from jobs.training.learning.macro.channel import read_dataset  # noqa: E402
from jobs.training.learning.macro.serving import answer, load, parse_request  # noqa: E402
from tests.model.builders import Economy, write_dataset  # noqa: E402
from tests.model.conftest import JobRun  # noqa: E402


def test_the_evaluation_is_one_that_the_gate_can_read(trained: JobRun) -> None:
    report = forecast_evaluation.EvaluationReport.model_validate_json(
        (trained.output_data / "evaluation.json").read_bytes()
    )
    assert [one.horizon_months for one in report.horizons] == [1, 3]
    for one in report.horizons:
        assert set(one.rmse) == set(one.mae) == {"model", "random_walk", "ar"}
        assert set(one.versus) == {"random_walk", "ar"}
        assert [interval.level for interval in one.intervals] == [0.8, 0.95]
        assert one.slices


def test_the_recession_head_is_evaluated_and_described(trained: JobRun) -> None:
    report = forecast_evaluation.EvaluationReport.model_validate_json(
        (trained.output_data / "evaluation.json").read_bytes()
    )
    assert isinstance(report.recession, forecast_evaluation.RecessionEvaluation)
    assert set(report.recession.brier) == {"model", "uncalibrated", "probit"}
    manifest = bundle_manifest.BundleManifest.model_validate_json((trained.model / "bundle.json").read_bytes())
    assert manifest.recession is not None
    assert manifest.recession["metrics"]["brier"] == report.recession.brier
    assert {"recession.json", "recession-0.ubj"} <= set(manifest.parts)


def test_the_bundle_is_one_that_deployment_can_verify(trained: JobRun) -> None:
    manifest = bundle_manifest.BundleManifest.model_validate_json((trained.model / "bundle.json").read_bytes())
    assert {column.name: column.fill for column in manifest.inputs}["UNRATE"] == "refuse"
    assert set(manifest.parts) == set(read_verified(trained.model)[2])


def test_the_smoke_test_finds_the_golden_answer(trained: JobRun) -> None:
    # Given the golden pair as the smoke test reads it, when the bundle answers, then nothing differs
    manifest = bundle_manifest.BundleManifest.model_validate_json((trained.model / "bundle.json").read_bytes())
    observed = answer(load(trained.model), parse_request(json.dumps(manifest.golden.request)))
    assert not list(golden.differences(manifest.golden.response, observed, relative_tolerance=1e-6))


def test_a_manifest_in_the_domain_s_form_is_read(made: Economy, tmp_path: Path) -> None:
    # Given a manifest that ingestion's type accepts, when the job reads the channel, then every series is there
    channel = write_dataset(tmp_path, made)
    manifest = manifests.DatasetManifest.model_validate_json((channel / MANIFEST_FILE).read_bytes())
    assert [entry.series for entry in manifest.series] == [entry.name for entry in read_dataset(channel).series]
